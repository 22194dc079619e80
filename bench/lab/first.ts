/** `--first`: the first message of a session, as soon as its box is to be seen, and around its owner's first prompt. */
import { profiles } from "../../src/tmux/readiness.ts"
import { type HandedOver, handOver } from "./hand-over.ts"
import { laidOut, newShortId } from "./kinds.ts"
import { attachPerson, newWord, untilTrue } from "./person.ts"
import type { LabProgram } from "./programs.ts"
import { type LabSession, screen, startSession, untilState, usualPane } from "./session.ts"

/** One row of the table: of how many sessions the message, and the owner's prompt, came once and as they were. */
export type FirstRow = {
  readonly kind: string
  readonly sessions: number
  readonly once: number
  /** Null where no owner types. */
  readonly prompts: number | null
  readonly wrong: readonly string[]
}

/** `count` sessions of each kind. */
export async function* deliverFirst(
  program: LabProgram,
  executable: string,
  count: number,
): AsyncGenerator<FirstRow, void> {
  yield await rowOf("as soon as the box is there", count, async index => {
    const { session, tried } = await tryOnce(program, executable, alone)
    return { ...tried, title: `${program.name}, session ${index}`, screen: session }
  })
  yield await rowOf("around the owner's first prompt", count, async index => {
    const offset = count < 2 ? 0 : -mostOffset + (2 * mostOffset * index) / (count - 1)
    const { session, tried } = await tryOnce(program, executable, one => besideOwner(one, offset))
    return { ...tried, title: `${program.name}, ${Math.round(offset)} ms from the return`, screen: session }
  })
}

const mostOffset = 1500

/** What came of one session; `prompt` is null where the owner had none. */
type Tried = { readonly message: boolean; readonly prompt: boolean | null; readonly words: string }

async function rowOf(
  kind: string,
  sessions: number,
  once: (index: number) => Promise<Tried & { readonly title: string; readonly screen: string }>,
): Promise<FirstRow> {
  const all: (Tried & { readonly title: string })[] = []
  for (let index = 0; index < sessions; index++) {
    const tried = await once(index)
    all.push(tried)
    const isGood = tried.message && tried.prompt !== false
    console.error(`${kind}: ${tried.title}: ${isGood ? "once" : `${tried.words}\n${tried.screen}`}`)
  }
  const good = (pick: (one: Tried) => boolean | null): number => all.filter(one => pick(one) === true).length
  const wrong = all.filter(one => !one.message || one.prompt === false)
  return {
    kind,
    sessions,
    once: good(one => one.message),
    prompts: all[0]?.prompt == null ? null : good(one => one.prompt),
    wrong: wrong.map(({ title, words }) => `${title}: ${words}`),
  }
}

async function tryOnce(
  program: LabProgram,
  executable: string,
  act: (session: LabSession) => Promise<Tried>,
): Promise<{ session: string; tried: Tried }> {
  // `isHeld`: the first look that shows the box, not two looks.
  const start = { command: [executable, ...program.arguments], isHeld: true }
  try {
    await using session = await startSession(program, executable, noTool, usualPane, start)
    const tried = await act(session)
    return { session: screen(session), tried }
  } catch (error) {
    return { session: "", tried: { message: false, prompt: null, words: String(error) } }
  }
}

const noTool = () => ({ command: () => "true", delayMilliseconds: () => 0 })
const patienceMilliseconds = { all: 90_000, inBox: 60_000 }

async function alone(session: LabSession): Promise<Tried> {
  const { mark, text } = newMessage()
  const handed = await handOver(session, text, { patienceMilliseconds })
  return conclude(session, handed, mark, text, null)
}

/** The owner submits a line, and a message begins so many milliseconds after that return. */
async function besideOwner(session: LabSession, offset: number): Promise<Tried> {
  await using person = await attachPerson(session)
  const { mark, text } = newMessage()
  const line = `${newWord()} ${newWord()}`
  const typing = person.type(line)
  await typing
  const returned = Bun.sleep(mostOffset).then(() => person.press("Enter"))
  const delivering = Bun.sleep(mostOffset + offset).then(() =>
    handOver(session, text, { patienceMilliseconds }),
  )
  await returned
  return conclude(session, await delivering, mark, text, line)
}

function newMessage(): { readonly mark: string; readonly text: string } {
  const shortId = newShortId()
  return { mark: `[${shortId}]`, text: laidOut(shortId, "is the build of noon good?") }
}

/** Counts once all that was submitted has come, and the program is idle again. */
async function conclude(
  session: LabSession,
  handed: HandedOver,
  mark: string,
  text: string,
  line: string | null,
): Promise<Tried> {
  const said = () => session.stub.conversation().map(one => one.trim())
  const isThere = () => said().some(one => one.includes(mark)) && (line === null || said().includes(line))
  await untilTrue(isThere, 40_000, "it does not come").catch(String)
  await untilState(session, "ready", 60_000).catch(String)
  const prompts = said()
  const wanted = profiles[session.program.name].adapt(text).trim()
  const isOnce = prompts.filter(one => one.includes(mark)).length === 1 && prompts.includes(wanted)
  const isLineOnce = line === null ? null : prompts.filter(one => one === line).length === 1
  const ours = prompts.filter(one => one.includes(mark) || (line !== null && one.includes(line)))
  const words = JSON.stringify({ ...handed, arrived: ours })
  return { message: isOnce && handed.end === "delivered", prompt: isLineOnce, words }
}
