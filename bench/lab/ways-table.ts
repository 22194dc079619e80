/** `--ways`: one message to each program, for each way in which it is installed and started. */
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { typeIntoPane } from "../../src/tmux/typing.ts"
import { deliver } from "./deliveries.ts"
import { laidOut } from "./kinds.ts"
import { type LabSession, screen, startSession, untilState, usualPane } from "./session.ts"
import { printTable } from "./table.ts"
import type { Installed, Way } from "./ways.ts"

/** What became of one message: `once`, `held`, `–` where there is no such way, or what went wrong. */
export type Cell = { readonly word: string; readonly note: string | null }

const noTool = () => ({ command: () => "true", delayMilliseconds: () => 0 })

/** Starts the program that way, and sends it one message. */
export async function tryWay(installed: Installed, way: Way): Promise<Cell> {
  const { program, executable } = installed
  const folder = mkdtempSync(join(tmpdir(), "sento-ways-"))
  try {
    const start = way.start(installed, folder)
    if (start === null || typeof start === "string") return { word: start ?? "–", note: null }
    await using session = await startSession(program, executable, noTool, usualPane, start)
    if (way.isUpdated) rmSync(realpathSync(start.command.at(-1) ?? ""))
    return start.isHeld ? await expectHeld(session) : await deliverOnce(session)
  } catch (error) {
    return { word: "not started", note: String(error) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const body = "please look at the build, the second test fails since noon"

/** The model is asked once, and not again until the program is idle. */
async function deliverOnce(session: LabSession): Promise<Cell> {
  const { arrival, outcome, note } = await deliver(session, body, "hold")
  if (arrival !== "exact" || outcome.kind !== "submitted")
    return { word: `${arrival}, ${outcome.kind}`, note }
  await untilState(session, "ready", 60_000)
  const times = session.stub.received.filter(prompt => prompt.includes(body)).length
  return times === 1 ? { word: "once", note: null } : { word: `${times} times`, note: screen(session) }
}

/** The program shows its prompt, and is tried for two seconds. */
async function expectHeld(session: LabSession): Promise<Cell> {
  const options = { resume: false, deliver: "hold", allowShell: false } as const
  const reasons = new Set<string>()
  for (const profile of [session.program.name, "plain"] as const)
    for (let tries = 0; tries < 4; tries++) {
      const text = laidOut("k7q2", body)
      const outcome = await typeIntoPane(session.server, session.pinned, profile, text, options)
      if (outcome.kind !== "held" || outcome.pasted) return { word: outcome.kind, note: screen(session) }
      reasons.add(outcome.reason)
      await Bun.sleep(250)
    }
  const isClean = session.stub.received.length === 0 && !screen(session).includes("mira")
  return isClean ? { word: "held", note: [...reasons].join("; ") } : { word: "typed", note: screen(session) }
}

/** A row a way and a column a program; what needs words stands below. */
export async function tryWays(all: readonly Installed[], wanted: readonly Way[]): Promise<void> {
  const rows: string[][] = []
  for (const way of wanted) {
    const cells: string[] = []
    for (const installed of all) {
      const { word, note } = await tryWay(installed, way)
      if (note !== null) console.error(`${way.name}, ${installed.program.name}: ${word}: ${note}`)
      cells.push(word)
    }
    rows.push([way.name, ...cells])
    console.error(`${rows.length} of ${wanted.length}`)
  }
  printTable(["way", ...all.map(({ program, version }) => `${program.name} ${version}`)], rows)
}
