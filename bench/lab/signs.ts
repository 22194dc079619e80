/** `--signs`: every sign that a message may have, in texts that the box shows whole; `--ends`: what a text may end in. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { layOut, visibleText } from "../../src/protocol/layout.ts"
import { lookAtPane } from "../../src/tmux/typing.ts"
import { crowded, endings, visibleSigns } from "../../test/support/hostile-texts.ts"
import { deliver } from "./deliveries.ts"
import { handOver } from "./hand-over.ts"
import { newShortId } from "./kinds.ts"
import type { LabProgram } from "./programs.ts"
import { type LabSession, type PaneOptions, screen, startSession, untilState, usualPane } from "./session.ts"

/** One row of the table, and what failed: the code points of a text, the outcome, what the pane shows. */
export type SignsRow = {
  readonly kind: string
  readonly texts: number
  readonly codePoints: number
  /** The box does not show them as they are, and is empty again: nothing waits behind them. */
  readonly takenOut: readonly string[]
  readonly failed: readonly string[]
}

/** What became of a text that was not submitted. */
type Failure = { readonly isTakenOut: boolean; readonly words: string }

/** What a program shows as it is: above that it puts a label in its place. */
type Fit = { readonly most: number; readonly length: (text: string) => number }

const units = (text: string): number => text.length
const codePointsOf = (text: string): number => [...text].length

/**
 * Just below where a paste is collapsed: 800 UTF-16 units for Claude Code, 1,000 code points for Codex, 500 units for
 * Gemini CLI. OpenCode collapses 150 units unless it is told not to; 280 fill its box in 80×24.
 */
const fits: Readonly<Record<LabProgram["name"], Fit>> = {
  claude: { most: 700, length: units },
  codex: { most: 900, length: codePointsOf },
  gemini: { most: 480, length: units },
  opencode: { most: 280, length: codePointsOf },
}

/** Of code points that no font has a sign for: the label is enough. */
const otherwise: Fit = { most: 1000, length: codePointsOf }

/** Wide signs that OpenCode's box shows in a pane: a third of its rows, less what may be beside it. */
const roomOf = ({ columns, rows }: PaneOptions): number =>
  Math.min(otherwise.most, Math.floor((Math.floor(rows / 3) - 2) * ((columns - 60) / 2)))

/** Assigned, or of the private use area that fonts for prompts draw. */
const isDrawn = (sign: string): boolean => !/[\p{Cn}\p{Co}]/u.test(sign) || /[\ue000-\uf8ff]/.test(sign)

const tagOf = (shortId: string): string => layOut("mira", shortId, "")

/** Consecutive signs in texts that are no longer than they may be, with their tag. */
function* textsOf(signs: Iterable<string>, { most, length }: Fit): Generator<string, void> {
  const room = most - length(tagOf("k7q2"))
  let text = ""
  let used = 0
  for (const sign of signs) {
    if (used + length(sign) > room) {
      yield text
      text = ""
      used = 0
    }
    text += sign
    used += length(sign)
  }
  if (text !== "") yield text
}

function crowdsOf({ most, length }: Fit): string[] {
  const room = most - length(tagOf("k7q2"))
  return crowded.map(sign => visibleText(`x${sign.repeat(Math.floor((room - 1) / length(sign)))}`))
}

/** `2500-25FF` takes these code points alone, `crowds` none of the sweep. */
function rangeOf(words: string): readonly [number, number] {
  const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+)$/i.exec(words) ?? []
  return from === undefined || to === undefined
    ? [0, words === "crowds" ? -1 : 0x10ffff]
    : [Number.parseInt(from, 16), Number.parseInt(to, 16)]
}

/** The two halves of the sweep: what is drawn, and what is not. */
export async function* sweepSigns(
  program: LabProgram,
  executable: string,
  words: string,
  pane: PaneOptions | null = null,
): AsyncGenerator<SignsRow, void> {
  const [from, to] = rangeOf(words)
  const fit =
    program.name === "opencode" && pane !== null ? { ...otherwise, most: roomOf(pane) } : fits[program.name]
  const all = [...visibleSigns(from, to)]
  const drawn = all.filter(isDrawn)
  const others = all.filter(sign => !isDrawn(sign))
  const crowds = words === "" || words === "crowds" ? crowdsOf(fit) : []
  yield await sweep(uncollapsed(program), "one sign, over and over", crowds, crowds.length)
  yield await sweep(uncollapsed(program), "drawn", [...textsOf(drawn, fit)], drawn.length)
  yield await sweep(program, "not drawn", [...textsOf(others, otherwise)], others.length)

  async function sweep(
    started: LabProgram,
    kind: string,
    texts: readonly string[],
    codePoints: number,
  ): Promise<SignsRow> {
    await using desk = openDesk(started, executable, pane === null ? paneSizes : [pane])
    const failures: Failure[] = []
    for (const [index, text] of texts.entries()) {
      if (index % 25 === 0)
        console.error(
          `${program.name}, ${kind}: ${index} of ${texts.length} texts, ${failures.length} failed`,
        )
      failures.push(...(await findFailing(desk, text)))
    }
    const namesOf = (isTakenOut: boolean): string[] =>
      failures.filter(one => one.isTakenOut === isTakenOut).map(({ words }) => words)
    return { kind, texts: texts.length, codePoints, takenOut: namesOf(true), failed: namesOf(false) }
  }
}

/** OpenCode with the whole text in its box; the others as they are. */
function uncollapsed(program: LabProgram): LabProgram {
  if (program.name !== "opencode") return program
  return {
    ...program,
    prepare: place => {
      program.prepare(place)
      const path = join(place.home, ".config/opencode/opencode.json")
      const config = JSON.parse(readFileSync(path, "utf8"))
      writeFileSync(path, JSON.stringify({ ...config, experimental: { disable_paste_summary: true } }))
    },
  }
}

/** Halves a text that fails until what is left cannot be halved, or passes in halves. */
async function findFailing(desk: Desk, text: string): Promise<readonly Failure[]> {
  const failure = await desk.type(text)
  if (failure === null) return []
  const signs = [...text]
  console.error(`${namesOf(signs)}: ${failure.words}`)
  const halves = [signs.slice(0, signs.length / 2), signs.slice(signs.length / 2)]
  const inHalves: Failure[] = []
  if (signs.length > 1) for (const half of halves) inHalves.push(...(await findFailing(desk, half.join(""))))
  if (inHalves.length > 0) return inHalves
  const isTwice = (await desk.type(text)) !== null
  const words = `${namesOf(signs)}${isTwice ? "" : ", once of two times"}`
  console.error(`FAILED ${words}${failure.isTakenOut ? ", taken out" : ""}`)
  return [{ ...failure, words }]
}

function namesOf(signs: readonly string[]): string {
  const names = signs.map(sign => `U+${sign.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`)
  return names.length > 2 ? `${names[0]}…${names.at(-1)} (${names.length})` : names.join(" ")
}

/** A session that is started anew now and then: its history grows with each text. */
type Desk = {
  /** Types one text. Null when it was submitted and the box is empty again, otherwise what happened. */
  readonly type: (body: string) => Promise<Failure | null>
} & AsyncDisposable

const textsPerSession = 100
const paneSizes = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
] as const

function openDesk(program: LabProgram, executable: string, panes: readonly PaneOptions[]): Desk {
  let session: LabSession | null = null
  let used = 0
  const close = async (): Promise<void> => {
    await session?.[Symbol.asyncDispose]()
    session = null
  }
  const opened = async (): Promise<LabSession> => {
    const sessions = Math.floor(used / textsPerSession)
    if (used++ % textsPerSession === 0) await close()
    session ??= await startWarm(program, executable, panes[sessions % panes.length])
    return session
  }
  return {
    async type(body) {
      const failure = await typeOne(await opened(), body)
      if (failure !== null) await close()
      return failure
    },
    [Symbol.asyncDispose]: close,
  }
}

/** A program that does not come up on a machine under load is started once more. */
async function startPatiently(program: LabProgram, executable: string, pane = usualPane) {
  try {
    return await startSession(program, executable, noTool, pane)
  } catch (error) {
    console.error(`${program.name} is started once more: ${error}`)
    return await startSession(program, executable, noTool, pane)
  }
}

/** With a first message answered: OpenCode changes its whole screen at it, which is what `--first` is for. */
async function startWarm(program: LabProgram, executable: string, pane = usualPane): Promise<LabSession> {
  const session = await startPatiently(program, executable, pane)
  const { note, arrival } = await deliver(session, "a first message", "hold")
  if (arrival !== "exact") console.error(`${program.name}, the first message: ${arrival}\n${note}`)
  await untilState(session, "ready", 60_000)
  return session
}

const noTool = () => ({ command: () => "true", delayMilliseconds: () => 0 })

async function typeOne(session: LabSession, body: string): Promise<Failure | null> {
  const text = layOut("mira", newShortId(), body)
  const { end, outcome, holds } = await handOver(session, text, { patienceMilliseconds: patience })
  const isReady = end !== "held" && (await isReadySoon(session))
  if (isReady && end === "delivered") return null
  const what = end === "delivered" ? "delivered, and the box is not empty" : JSON.stringify(outcome)
  const isTakenOut = isReady && outcome.kind === "stuck" && outcome.left === null
  return { isTakenOut, words: `${what}; ${holds.join("; ")}\n${screen(session)}` }
}

const patience = { all: 60_000, inBox: 7_000 }

async function isReadySoon({ server, pinned, program }: LabSession): Promise<boolean> {
  const deadline = performance.now() + 20_000
  while (performance.now() < deadline) {
    if ((await lookAtPane(server, pinned, program.name, false)).state === "ready") return true
    await Bun.sleep(20)
  }
  return false
}

/** Each of them delivered once, and compared with what the model was sent. */
export async function deliverEndings(
  program: LabProgram,
  executable: string,
): Promise<{ readonly tries: number; readonly wrong: readonly string[] }> {
  const wrong: string[] = []
  const all = endings()
  let session: LabSession | null = null
  try {
    for (const ending of all) {
      session ??= await startPatiently(program, executable)
      await untilState(session, "ready", 60_000)
      const { arrival, outcome, note } = await deliver(session, visibleText(ending), "hold")
      if (arrival === "exact" && outcome.kind === "submitted") continue
      wrong.push(`${JSON.stringify(ending)}: ${arrival}, ${outcome.kind}`)
      console.error(`${program.name}, ${JSON.stringify(ending)}: ${arrival}\n${note}`)
      await session[Symbol.asyncDispose]()
      session = null
    }
  } finally {
    await session?.[Symbol.asyncDispose]()
  }
  return { tries: all.length, wrong }
}
