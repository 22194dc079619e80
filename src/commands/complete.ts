/**
 * `sento complete -- WORDS`: what can stand at the cursor, for the shells' scripts (completions/scripts.ts). It reads the
 * books and starts no Guardian; where it cannot, it says nothing: nobody has run a command yet.
 */
import type { Command } from "@commander-js/extra-typings"
import { listQuestions } from "../guardian/books/open-questions.ts"
import { callDoor } from "../guardian/door/client.ts"
import { formatAddress } from "../protocol/addresses.ts"
import { visibleLine } from "../protocol/layout.ts"
import { requireConfig } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { openCurrentReader, type Reader } from "../store/reader.ts"
import { readRegistry } from "../store/registry.ts"
import { argumentKinds, type Kind, optionKinds } from "./completions/kinds.ts"
import { optionsOf, type Place, placeOf } from "./completions/words.ts"
import type { Io } from "./io.ts"
import { print } from "./terminal.ts"
import { findAgent, userHomeOf } from "./which-agent.ts"

/** A word, and what it is. */
type Candidate = readonly [word: string, what: string]

/** Messages that are offered: the latest. */
const mostMessages = 20
const mostDescribed = 50

/** `sento complete`. @param load - the program with the command that is named, or with all */
export async function complete(
  io: Io,
  [, ...words]: readonly string[],
  load: (name: string) => Promise<Command>,
): Promise<number> {
  const place = placeOf(await load(words.length > 1 ? (words[0] ?? "") : ""), words)
  try {
    const kind = kindOf(place)
    if (kind === "file") print(io, ":files")
    else
      for (const [word, what] of await candidatesAt(io, place, kind, words))
        if (word.startsWith(place.typed)) print(io, `${word}\t${what}`)
  } catch {
    // An agent that is not set up, a config that does not parse: the command itself will say so.
  }
  return 0
}

function kindOf({ path, wants }: Place): Kind {
  if (wants.kind === "value") return optionKinds[wants.option] ?? null
  if (wants.kind === "option" || wants.name === null) return null
  return argumentKinds[`${path} ${wants.name}`] ?? null
}

async function candidatesAt(
  io: Io,
  { command, wants }: Place,
  kind: Kind,
  words: readonly string[],
): Promise<Candidate[]> {
  if (wants.kind === "option")
    return [...optionsOf(command), command.createOption("--help", "display help for command")].map(
      ({ long, short, description }) => [long ?? short ?? "", description],
    )
  const subcommands = wants.kind === "argument" && wants.isFirst ? visibleCommands(command) : []
  return [...subcommands, ...(kind === null ? [] : await valuesOf(io, kind, words))]
}

const visibleCommands = (command: Command): Candidate[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter(one => one.name() !== "help")
    .map(one => [one.name(), one.description()])

async function valuesOf(io: Io, kind: Exclude<Kind, null>, words: readonly string[]): Promise<Candidate[]> {
  if (typeof kind !== "string") return kind.map(word => [word, ""])
  if (kind === "own")
    return readRegistry(userHomeOf(io)).map(({ name, paths }) => [name, paths.home] as const)
  const found = await findAgent(io, words[words.indexOf("--agent") + 1 || words.length])
  return found.kind === "found" ? inBooks(found.paths, kind) : []
}

/** As the agent's user of hardened mode, who has no books, what the agent's door tells. */
async function inBooks(
  paths: Paths,
  kind: "peer" | "message" | "waiting" | "queued" | "request" | "file",
): Promise<Candidate[]> {
  if (kind === "peer") return paths.isAgentSide ? peersAtDoor(paths) : peersOf(paths)
  if (paths.isAgentSide) return kind === "message" ? messagesAtDoor(paths) : []
  using reader = openCurrentReader(paths.database)
  if (reader === null) return []
  if (kind === "message") return distinct(reader.inbox.recent(mostMessages, null).map(described))
  if (kind === "waiting") return reader.inbox.waiting().slice(0, mostMessages).map(described)
  if (kind === "queued") return queuedIn(reader)
  return listQuestions(reader, requireConfig(paths)).map(one => [
    one.id,
    `${one.name} at ${formatAddress(one.host, one.port)}`,
  ])
}

/** What `sento cancel` takes back. */
const queuedIn = ({ outbox, requests }: Reader): Candidate[] => [
  ...outbox
    .recent(mostMessages)
    .filter(({ state }) => state === "queued")
    .flatMap(({ shortId, name, text }) => (shortId === null ? [] : [described({ shortId, name, text })])),
  ...requests.waiting("joiner").map(({ id, name }) => [id, `the join of ${name}`] as const),
]

const peersOf = (paths: Paths): Candidate[] =>
  Object.entries(requireConfig(paths).agents).map(([name, { host, port }]) => [
    name,
    formatAddress(host, port),
  ])

async function peersAtDoor(paths: Paths): Promise<Candidate[]> {
  const { agents } = await callDoor(paths, "agent", { op: "agents" })
  return agents.map(({ name, host, port }) => [name, formatAddress(host, port)])
}

async function messagesAtDoor(paths: Paths): Promise<Candidate[]> {
  const entries = await callDoor(paths, "agent", { op: "log", way: "in", limit: mostMessages })
  return distinct(
    entries
      .toReversed()
      .flatMap(({ shortId, name, text }) => (shortId === null ? [] : [described({ shortId, name, text })])),
  )
}

type Message = { readonly shortId: string; readonly name: string; readonly text: string }

/** Its first words; a terminal will show them. */
function described({ shortId, name, text }: Message): Candidate {
  const line = visibleLine(text)
  const end = line.length > mostDescribed ? `${line.slice(0, mostDescribed).toWellFormed()} …` : line
  return [shortId, `${name}: ${end}`]
}

/** A short id is another message's after a while: the latest has it. */
const distinct = (candidates: readonly Candidate[]): Candidate[] =>
  candidates.filter(([id], at) => candidates.findIndex(([other]) => other === id) === at)
