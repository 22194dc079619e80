/** `--owner`: deliveries while a person types in the same pane, at any moment around the paste. */
import { profiles } from "../../src/tmux/readiness.ts"
import { type HandedOver, handOver } from "./hand-over.ts"
import { laidOut, newShortId } from "./kinds.ts"
import { attachPerson, between, newWord, type Person, untilTrue } from "./person.ts"
import type { LabProgram } from "./programs.ts"
import { type LabSession, screen, startSession, untilState } from "./session.ts"

/** What became of the messages, and of the lines that the owner submitted. */
export type OwnerCounts = {
  messages: number
  once: number
  lost: number
  doubled: number
  /** One prompt with a message and words of the owner. */
  joined: number
  /** Neither submitted nor given up in two minutes. */
  stayed: number
  /** The owner threw the box away, with the message in it: its sender is told that it may not have come. */
  thrownAway: number
  uncertain: number
  /** Messages that were held because the owner typed or had a draft. */
  held: number
  /** Words came in beside a message that had been pasted, and the owner had to see to it. */
  beside: number
  lines: number
  linesBroken: number
}

export const noCounts = (): OwnerCounts => ({
  ...{ messages: 0, once: 0, lost: 0, doubled: 0, joined: 0, stayed: 0, thrownAway: 0, uncertain: 0 },
  ...{ held: 0, beside: 0, lines: 0, linesBroken: 0 },
})

/** A message and what the Guardian took it for. */
type Sent = { readonly mark: string; readonly text: string; readonly handed: HandedOver; thrownAway: boolean }

const messagesPerSession = 25

/** `count` messages, one after the other, and an owner who never stops. */
export async function deliverBesideOwner(
  program: LabProgram,
  executable: string,
  count: number,
): Promise<OwnerCounts> {
  const counts = noCounts()
  for (let done = 0; done < count; done += messagesPerSession) {
    const wanted = Math.min(messagesPerSession, count - done)
    await oneSession(program, executable, wanted, counts)
    console.error(`${program.name}: ${JSON.stringify(counts)}`)
  }
  return counts
}

async function oneSession(
  program: LabProgram,
  executable: string,
  count: number,
  counts: OwnerCounts,
): Promise<void> {
  await using session = await startSession(program, executable, noTool)
  await using person = await attachPerson(session)
  await untilState(session, "ready", 60_000)
  const owner = startOwner(session, person)
  const sent: Sent[] = []
  try {
    for (let index = 0; index < count; index++) sent.push(await sendOne(session, owner, index, counts))
  } finally {
    await owner.stop()
  }
  await person.clear()
  const last = sent.findLast(({ handed }) => handed.end === "delivered")
  const isThere = () => last === undefined || session.stub.conversation().some(one => one.includes(last.mark))
  await untilTrue(isThere, 30_000, "the last message does not arrive").catch(String)
  await untilState(session, "ready", 60_000)
  judge(session, sent, owner, counts)
}

async function sendOne(session: LabSession, owner: Owner, index: number, counts: OwnerCounts): Promise<Sent> {
  const shortId = newShortId()
  const text = laidOut(shortId, `message ${index}, please look at the build`)
  const before = { acted: owner.acted() }
  // A third of the time the owner begins as the message does, and half of the time at its paste.
  if (Math.random() < 1 / 3) owner.poke()
  const handed = await handOver(session, text, {
    patienceMilliseconds: { all: 120_000, inBox: 60_000 },
    onPasted: () => {
      owner.tell(`message ${index} is pasted`)
      if (Math.random() < 1 / 2) owner.poke()
    },
  })
  owner.tell(`message ${index}: ${handed.end} after ${handed.holds.join("; ")}`)
  const thrownAway = owner.acted() > before.acted
  counts.messages++
  if (handed.holds.some(hold => /a person is typing|half-written/.test(hold))) counts.held++
  if (handed.holds.some(hold => /more than the message/.test(hold)) || thrownAway) counts.beside++
  if (handed.end === "held") {
    console.error(`${session.program.name} held to the end: ${handed.holds.join("; ")}\n${screen(session)}`)
    await owner.clear()
  }
  return { mark: `[${shortId}]`, text, handed, thrownAway }
}

function judge(
  session: LabSession,
  sent: readonly Sent[],
  { lines, events }: Pick<Owner, "lines" | "events">,
  counts: OwnerCounts,
): void {
  const { adapt } = profiles[session.program.name]
  const prompts = session.stub.conversation().map(prompt => prompt.trim())
  const tell = (what: string, words: string): void =>
    console.error(`${session.program.name}, ${what}: ${words}`)
  for (const { mark, text, handed, thrownAway } of sent) {
    const arrived = prompts.filter(prompt => prompt.includes(mark))
    const isExact = arrived.length === 1 && arrived[0] === adapt(text).trim()
    if (isExact) counts.once++
    else if (arrived.length > 1) counts.doubled++
    else if (arrived.length === 1) counts.joined++
    else if (handed.end === "held") counts.stayed++
    else if (thrownAway) counts.thrownAway++
    else if (handed.end === "uncertain") counts.uncertain++
    else counts.lost++
    if (!isExact) tell("a message", JSON.stringify({ text, arrived, handed: { ...handed, thrownAway } }))
  }
  for (const line of lines) {
    counts.lines++
    if (prompts.filter(prompt => prompt === line).length === 1) continue
    counts.linesBroken++
    const words = line.split(" ")
    const arrived = prompts.filter(one => words.some(word => one.includes(word)))
    const at = events.findIndex(event => event.includes(line))
    tell(
      "a line",
      JSON.stringify({ line, arrived, events: events.slice(Math.max(0, at - 4), at + 6) }, null, 1),
    )
  }
}

/** A person who writes, submits or discards, rests, and looks before pressing return. */
type Owner = {
  /** Has the owner begin within 700 ms, where he rests. */
  readonly poke: () => void
  /** How often a message stood beside the owner's words, and all was thrown away. */
  readonly acted: () => number
  /** The lines that were submitted. */
  readonly lines: readonly string[]
  /** What was done in the pane, and when, in milliseconds. */
  readonly events: readonly string[]
  readonly tell: (event: string) => void
  readonly clear: () => Promise<boolean>
  readonly stop: () => Promise<void>
}

function startOwner({ program }: LabSession, person: Person): Owner {
  const lines: string[] = []
  const events: string[] = []
  const tell = (event: string): void => void events.push(`${Math.round(performance.now())} ${event}`)
  let [line, acted, isStopped] = ["", 0, false]
  let wake = (): void => {}
  const rest = (milliseconds: number): Promise<void> =>
    new Promise(resolve => {
      const timer = setTimeout(resolve, milliseconds)
      wake = () => {
        clearTimeout(timer)
        setTimeout(resolve, between(0, 700))
      }
    })

  async function throwAway(): Promise<void> {
    tell(`all is thrown away: ${JSON.stringify(await person.box())}`)
    acted++
    line = ""
    if (!(await person.clear())) console.error(`${program.name}: the owner cannot empty the box`)
  }

  async function turn(): Promise<void> {
    const word = newWord()
    await person.type(line === "" ? word : ` ${word}`)
    line = line === "" ? word : `${line} ${word}`
    const wish = Math.random()
    if (wish < 0.2) return
    await Bun.sleep(between(50, 400))
    // Who sends what is not drawn yet, and types on, joins their own lines (OpenCode 1.18.33 under much load).
    await untilTrue(isDrawn, 10_000, "").catch(() => {})
    const box = await person.box()
    if (box?.includes("← agent")) return throwAway()
    if (wish < 0.5) {
      tell(`${line} is discarded`)
      await person.press("C-u")
      line = ""
      return
    }
    await submit(box)
    line = ""
  }

  async function isDrawn(): Promise<boolean> {
    const box = await person.box()
    return box?.includes(line) === true || box?.includes("← agent") === true
  }

  /** A return that the program took for a line break is pressed again, as a person does who sees it. */
  async function submit(box: string | null): Promise<void> {
    tell(`return behind ${line} on ${JSON.stringify(box)}`)
    lines.push(line)
    for (let presses = 0; presses < 3; presses++) {
      await person.press("Enter")
      const isGone = async () => !(await person.box())?.includes(line)
      if (
        await untilTrue(isGone, 5_000, "").then(
          () => true,
          () => false,
        )
      )
        return
      tell(`the return was not taken: ${JSON.stringify(await person.box())}`)
    }
  }

  async function live(): Promise<void> {
    while (!isStopped) {
      await rest(between(500, 6000))
      if (!isStopped) await turn()
    }
  }
  const living = live()
  return {
    poke: () => wake(),
    acted: () => acted,
    lines,
    events,
    tell,
    clear: person.clear,
    stop: async () => {
      isStopped = true
      wake()
      await living
    },
  }
}

const noTool = () => ({ command: () => "true", delayMilliseconds: () => 0 })
