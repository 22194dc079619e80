/** `sento agents` and its subcommands `remove`, `rename`, `address`, `pause` and `resume`. */
import { listAgents } from "../guardian/books/agent-list.ts"
import { hostsToOpen, hostToShow } from "../guardian/books/own-places.ts"
import { endPair, renamePair } from "../guardian/books/pairs.ts"
import { loopThereWords, pausePair, resumePair, untilWords } from "../guardian/books/pauses.ts"
import { setPlace } from "../guardian/books/peer-places.ts"
import { requirePin } from "../guardian/books/pin.ts"
import { requirePeer, unknownAgent } from "../guardian/books/requirements.ts"
import { callDoor, NoGuardian } from "../guardian/door/client.ts"
import type { AgentList, AgentRow, LoopThere } from "../guardian/door/results.ts"
import { type Address, formatAddress, isDestination, readAddress } from "../protocol/addresses.ts"
import { readDuration } from "../protocol/durations.ts"
import { SentoError } from "../protocol/errors.ts"
import { isName, nameRule } from "../protocol/names.ts"
import { readYesNo } from "../protocol/questions.ts"
import type { Paths } from "../store/paths.ts"
import { openReader } from "../store/reader.ts"
import { type AddCommand, command, group, isJson, refuseUnknown } from "./command.ts"
import { askOrDo, requireOwner, withPin } from "./consent.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { localAgents } from "./local-agents.ts"
import { ask } from "./prompts.ts"
import { ago, isPerson, print, printJson, table, tell } from "./terminal.ts"
import { wayCells } from "./way-words.ts"

/** The words of `sento agents`. */
export const addAgents: AddCommand = (program, { io, paths, finish }) => {
  const listing = group(program, "agents", "list the paired agents")
    .option("--local", "list your own agents on this machine")
    .action(({ local, json = false }, self) => {
      refuseUnknown(self)
      return finish(local ? localAgents(io, json) : agents(io, paths(), json))
    })
  command(listing, "list", "the same as `sento agents`", { hidden: true }).action((_, self) =>
    finish(agents(io, paths(), isJson(self))),
  )
  command(listing, "remove", "end a pair and destroy our end of its secret")
    .argument("<name>")
    .option("--yes", "do not ask")
    .action((name, { yes = false }, self) => finish(removeAgent(io, paths(), name, yes, isJson(self))))
  command(listing, "clear", "take the ends of pairs out of `sento status` and this list")
    .argument("[name]", "only of this one")
    .action((name, _, self) => finish(clearEnds(io, paths(), name ?? null, isJson(self))))
  command(listing, "rename", "call a paired agent by another name here")
    .argument("<old>")
    .argument("<new>")
    .action((from, to, _, self) => finish(renameAgent(io, paths(), from, to, isJson(self))))
  command(listing, "address", "say where a paired agent is, or let it be found by itself")
    .argument("<name>")
    .argument("<address>", "HOST or HOST:PORT, which then never changes by itself; auto: it may again")
    .action((name, address, _, self) => finish(addressAgent(io, paths(), name, address, isJson(self))))
  command(listing, "pause", "keep an agent's messages and type none of them")
    .argument("<name>")
    .argument("[duration]", "30m, 2h, 1d; without: until `sento agents resume`")
    .action((name, duration, _, self) =>
      finish(pauseAgent(io, paths(), name, duration ?? null, isJson(self))),
    )
  command(listing, "resume", "type a paused agent's messages again")
    .argument("<name>")
    .action((name, _, self) => finish(resumeAgent(io, paths(), name, isJson(self))))
}

/** `sento agents`: only reads, and needs no Guardian. */
export async function agents(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  const list = await askOrRead(io, paths)
  if (isJson) printJson(io, list)
  else if (list.agents.length === 0)
    tell(io, `${list.self.name} is paired with nobody yet; run \`sento pair\``)
  else {
    const now = Date.now()
    const rows = list.agents.map(one => [
      one.name,
      formatAddress(one.host, one.port),
      one.pairedAt.slice(0, 10),
      ago(one.lastContactAt, now),
      String(one.waiting),
      wayCell(one),
      pauseCell(one),
    ])
    const isPaused = list.agents.some(one => pauseCell(one) !== "")
    const isSeen = list.agents.some(one => wayCell(one) !== "")
    const header = ["NAME", "ADDRESS", "PAIRED", "LAST CONTACT", "WAITING"]
    print(io, table([[...header, isSeen ? "REACHED" : "", isPaused ? "PAUSED" : ""], ...rows]))
    for (const { name, away } of list.agents) if (away !== undefined) tell(io, awayLine(name, away))
    for (const { name, loopThere } of list.agents)
      if (loopThere !== undefined) tell(io, heldThere(list.self.name, { name, replies: loopThere }))
  }
  if (!isJson)
    for (const { name, at } of list.revoked ?? []) tell(io, `revoked by ${name} (${at.slice(0, 10)})`)
  return 0
}

/** What our own owner can do about a message that the other side holds: ask the other owner. */
export const heldThere = (self: string, loop: LoopThere): string =>
  `${loop.name}'s Guardian holds our message: ${loopThereWords(self, loop)}`

/** Empty where no Guardian runs that could have seen it. */
const wayCell = ({ way, away }: AgentRow): string => {
  if (away !== undefined) return "away (below)"
  if (way === undefined) return ""
  return way === null ? "not seen yet" : wayCells[way]
}

const awayLine = (name: string, away: string): string =>
  `${name} is away: ${away}; why: \`sento doctor ${name}\``

function pauseCell({ name, pausedUntil, pauseReason, loopThere }: AgentRow): string {
  if (pausedUntil === null) return loopThere === undefined ? "" : `by ${name}'s Guardian (below)`
  if (pauseReason === "loop") return "loop, until resume"
  return `until ${pausedUntil === "resume" ? pausedUntil : untilWords(pausedUntil)}`
}

/** The list from the Guardian, or where none runs from the disk. */
export async function askOrRead(io: Io, paths: Paths): Promise<AgentList> {
  try {
    return await callDoor(paths, "agent", { op: "agents" })
  } catch (error) {
    if (!(error instanceof NoGuardian)) throw error
  }
  const config = needConfig(io, paths)
  const { port } = config.listen
  const host = hostToShow(hostsToOpen(config.listen))
  using reader = openReader(paths.database)
  if (reader === null)
    return listAgents(config, { host, port }, new Map(), new Map(), new Map(), new Map(), [])
  const { peers, outbox, waitingRoom } = reader
  return listAgents(
    config,
    { host, port },
    peers.lastContacts(),
    waitingRoom.counts(),
    peers.pauses(Date.now()),
    outbox.loops(),
    peers.revocations(),
  )
}

/** `sento agents remove NAME` */
async function removeAgent(
  io: Io,
  paths: Paths,
  name: string,
  isSure: boolean,
  isJson: boolean,
): Promise<number> {
  if (!isSure && isPerson(io, isJson)) {
    await requireOwner(io, paths)
    if (!(await isMeant(io, paths, name))) return 0
  }
  await withPin(io, `to remove ${name}`, pin =>
    askOrDo(io, paths, { op: "remove", name, pin }, async books => {
      requirePeer(books, name)
      await requirePin(books, pin)
      endPair(books, requirePeer(books, name))
      return null
    }),
  )
  if (isJson) printJson(io, { removed: name })
  else tell(io, `removed ${name}: its messages are refused from now on, and our end of the secret is gone`)
  return 0
}

/** Asks a person, and says what goes with the pair. @throws unknown-agent; interrupted */
async function isMeant(io: Io, paths: Paths, name: string): Promise<boolean> {
  const { agents } = needConfig(io, paths)
  if (!Object.hasOwn(agents, name)) throw unknownAgent(name, Object.keys(agents))
  const waiting = (await askOrRead(io, paths)).agents.find(one => one.name === name)?.waiting ?? 0
  const lost =
    waiting === 1 ? " 1 message that waits is dropped." : ` ${waiting} messages that wait are dropped.`
  tell(
    io,
    `The pair with ${name} ends on both sides, and only a new code and a new yes bring it back.${waiting === 0 ? "" : lost}`,
  )
  const answer = await ask(`Remove ${name}? (yes/no)`, {
    check: text => (readYesNo(text) === null ? "type yes or no" : undefined),
  })
  if (answer !== null && readYesNo(answer) === "yes") return true
  tell(io, `${name} stays paired`)
  return false
}

/** `sento agents clear [NAME]` */
async function clearEnds(io: Io, paths: Paths, name: string | null, isJson: boolean): Promise<number> {
  const { cleared } = await askOrDo(io, paths, { op: "clear", name }, ({ store }) => ({
    cleared: store.peers.clear(name),
  }))
  if (isJson) printJson(io, { cleared })
  else if (cleared === 0)
    tell(
      io,
      name === null ? "no pair has ended that was not cleared" : `no end of a pair with ${name} is shown`,
    )
  else
    tell(
      io,
      `cleared: ${cleared === 1 ? "the end of a pair" : `the ends of ${cleared} pairs`}; ended they stay`,
    )
  return 0
}

/** `sento agents rename OLD NEW` */
async function renameAgent(io: Io, paths: Paths, from: string, to: string, isJson: boolean): Promise<number> {
  if (!isName(to))
    throw new SentoError(
      "usage",
      `${JSON.stringify(to)} is no name: ${nameRule}`,
      `run \`sento agents rename ${isName(from) ? from : "OLD"} NEW\``,
    )
  await askOrDo(io, paths, { op: "rename", from, to }, books =>
    renamePair(books, requirePeer(books, from), to),
  )
  if (isJson) printJson(io, { renamed: from, to })
  else tell(io, `${from} is now called ${to} here`)
  return 0
}

/** `sento agents address NAME HOST[:PORT] | auto` */
export async function addressAgent(
  io: Io,
  paths: Paths,
  name: string,
  text: string,
  isJson: boolean,
): Promise<number> {
  const { host, port } = text === "auto" ? { host: null, port: null } : readPlace(name, text)
  const place = await askOrDo(io, paths, { op: "address", name, host, port }, books =>
    setPlace(books, requirePeer(books, name), host, port),
  )
  const where = formatAddress(place.host, place.port)
  if (isJson) printJson(io, { name, ...place })
  else if (place.fixed)
    tell(io, `${name} is at ${where} from now on: \`sento agents address ${name} auto\` lets it move again`)
  else tell(io, `${name} is at ${where}, and wherever it moves from there`)
  return 0
}

/** @throws usage for what is no address, or none that leads to a machine */
function readPlace(name: string, text: string): Address {
  const place = readAddress(text)
  if (place !== null && isDestination(place.host)) return place
  throw new SentoError(
    "usage",
    `${JSON.stringify(text)} is no address`,
    `run \`sento agents address ${isName(name) ? name : "NAME"} HOST\` or \`… HOST:PORT\`, with an IPv6 address in brackets, or \`… auto\``,
  )
}

/** `sento agents pause NAME [DURATION]` */
async function pauseAgent(
  io: Io,
  paths: Paths,
  name: string,
  duration: string | null,
  isJson: boolean,
): Promise<number> {
  const milliseconds = duration === null ? null : readDuration(duration)
  if (duration !== null && milliseconds === null)
    throw new SentoError(
      "usage",
      `${JSON.stringify(duration)} is no duration of a pause`,
      `give one of at most 365 days: \`sento agents pause ${isName(name) ? name : "NAME"} 30m\`, \`2h\` or \`1d\`, or none: until you resume it`,
    )
  const until = await askOrDo(io, paths, { op: "pause", name, milliseconds }, books =>
    pausePair(books, requirePeer(books, name), milliseconds),
  )
  const resume = `\`sento agents resume ${name}\``
  if (isJson) printJson(io, { paused: name, pausedUntil: until })
  else
    tell(
      io,
      `paused ${name}: its messages are kept until ${until === "resume" ? resume : `${untilWords(until)}, or ${resume}`}`,
    )
  return 0
}

/** `sento agents resume NAME` */
async function resumeAgent(io: Io, paths: Paths, name: string, isJson: boolean): Promise<number> {
  const { wasPaused, moreReplies } = await askOrDo(io, paths, { op: "resume", name }, books =>
    resumePair(books, requirePeer(books, name)),
  )
  if (isJson) printJson(io, { resumed: name, wasPaused, moreReplies })
  else if (!wasPaused) tell(io, `${name} was not paused`)
  else if (moreReplies === null) tell(io, `resumed ${name}: its messages are typed again`)
  else
    tell(
      io,
      `resumed ${name}: its messages are typed again, ${moreReplies} more replies in a row at the most`,
    )
  return 0
}
