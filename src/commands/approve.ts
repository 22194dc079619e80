/** `sento approve`. */
import { callDoor } from "../guardian/door/client.ts"
import { readShortId } from "../protocol/codes.ts"
import { exitStatus } from "../protocol/errors.ts"
import type { Paths } from "../store/paths.ts"
import { type AddCommand, command, type OptionsOf, type Program } from "./command.ts"
import {
  type Answered,
  answerWords,
  approveWith,
  askYesNo,
  type Request,
  sayYes,
  tellQuestion,
} from "./consent.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { requireLocalName } from "./pairing-events.ts"
import { ensureGuardian } from "./running.ts"
import { isPerson, printJson, tell } from "./terminal.ts"
import { unaskedOf } from "./unasked.ts"
import { tellWay } from "./way-words.ts"

const grammar = (program: Program) =>
  command(program, "approve", "say yes to a request that waits")
    .argument("[id]", "which one")
    .option("--as <name>", "the name for the other agent here")
    .option("--replace", "end the pair that has this name now")

type ApproveOptions = OptionsOf<typeof grammar>

/** The words of `sento approve`. */
export const addApprove: AddCommand = (program, { io, paths, finish }) =>
  grammar(program).action((id, options) => finish(approve(io, paths(), id ?? null, options)))

/** `sento approve [ID]`: with an ID it is the yes; without one, a person is asked about the only one. */
async function approve(io: Io, paths: Paths, id: string | null, options: ApproveOptions): Promise<number> {
  requireLocalName(options)
  await ensureGuardian(io, paths)
  const asked = await requestFor(paths, id)
  if (asked !== null && !options.json) tellQuestion(io, paths, asked, await unaskedOf(needConfig(io, paths)))
  const answer = await answerOf(io, paths, asked, id, options)
  if (options.json) {
    const { outcome, ...result } = answer
    printJson(io, { event: outcome, ...result })
  } else tell(io, answerWords(answer))
  if (answer.outcome === "paired" && isPerson(io, options.json ?? false))
    await tellWay(io, paths, answer.name)
  return answer.outcome === "denied" ? exitStatus.refused : 0
}

/** Where it is not clear which one is meant the Guardian says so; a PIN is never typed for one that is not shown. */
async function answerOf(
  io: Io,
  paths: Paths,
  asked: Request | null,
  id: string | null,
  { as = null, replace = false, json = false }: { as?: string | null; replace?: boolean; json?: boolean },
): Promise<Answered> {
  const request = { op: "approve", id: asked?.id ?? id, as, replace } as const
  if (asked === null) return callDoor(paths, "owner", request)
  if (!isPerson(io, json)) return approveWith(io, paths, request, asked.name)
  const wish = as === null && !replace ? null : { as, replace }
  const never = new AbortController().signal
  return (await (id === null ? askYesNo : sayYes)(io, paths, asked, never, wish)) as Answered
}

/** The one that is meant, as it waits now; null for none, or several without an id. */
async function requestFor(paths: Paths, id: string | null): Promise<Request | null> {
  const waiting = await callDoor(paths, "owner", { op: "requests" })
  const [only] = waiting
  if (id === null) return waiting.length === 1 ? (only ?? null) : null
  return waiting.find(one => one.id === readShortId(id)) ?? null
}
