import { type Delivered, deliver } from "./deliveries.ts"
import type { LabProgram } from "./programs.ts"
import { startSession, untilState } from "./session.ts"

/** Columns and rows, from the smallest pane in which a person would work to a whole large screen. */
export const sizes = [
  [40, 10],
  [60, 15],
  [80, 24],
  [100, 30],
  [120, 40],
  [160, 50],
  [200, 60],
  [250, 70],
] as const

const latin = (length: number): string => {
  const words = Array.from({ length }, (_, index) => `w${(index * 7919) % 1000}`).join(" ")
  return length < 4 ? "x".repeat(length) : `${words.slice(0, length - 4)} end`
}

const japanese = (length: number): string =>
  "幅が二つになる日本語の文章を打つと".repeat(length).slice(0, length)

const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) => `line ${index + 1} of them`).join("\n")

/** Texts of every length that a message may have, below the one from which it goes into a file. */
export const lengths: readonly (readonly [string, string])[] = [
  ...[1, 30, 120, 400, 700, 1500, 3000, 7900].map(length => [`${length} latin`, latin(length)] as const),
  ...[200, 700].map(length => [`${length} CJK`, japanese(length)] as const),
  ...[12, 120].map(count => [`${count} lines`, lines(count)] as const),
]

/** One row of the table: the size, how many of its texts arrived once and as they were, and which did not. */
export type SizeRow = { readonly size: string; readonly exact: number; readonly wrong: readonly string[] }

/** Every text in a pane of every size. Every other session has a terminal with all colours. */
export async function* deliverSizes(
  program: LabProgram,
  executable: string,
  only: string,
): AsyncGenerator<SizeRow, void> {
  for (const [index, [columns, rows]] of sizes.entries()) {
    const size = `${columns}×${rows}`
    if (!size.includes(only.replace("x", "×"))) continue
    const variables: Record<string, string> = index % 2 === 0 ? { COLORTERM: "truecolor" } : {}
    const pane = { columns, rows, variables }
    const wrong: string[] = []
    try {
      await using session = await startSession(program, executable, noTool, pane)
      for (const [title, body] of lengths) {
        await untilState(session, "ready", 60_000)
        const delivered = await deliver(session, body, "hold")
        if (isGood(delivered)) continue
        wrong.push(`${title}: ${delivered.arrival}, ${delivered.outcome.kind}`)
        console.error(`${program.name} at ${size}, ${title}: ${delivered.arrival}\n${delivered.note}`)
      }
    } catch (error) {
      wrong.push(`ended: ${error}`)
    }
    yield { size, exact: lengths.length - wrong.length, wrong }
  }
}

const isGood = ({ arrival, outcome }: Delivered): boolean =>
  arrival === "exact" && outcome.kind === "submitted"

const noTool = () => ({ command: () => "true", delayMilliseconds: () => 0 })
