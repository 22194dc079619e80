/** Commands that wait for the end of a pairing: what each is told meanwhile, and which event ends its wait. */
import { formatAddress } from "../../protocol/addresses.ts"
import { formatCode, readCode } from "../../protocol/codes.ts"
import { SentoError } from "../../protocol/errors.ts"
import type { OpenCode } from "../../store/codes.ts"
import { questionEvent } from "../books/open-questions.ts"
import { isOpenToOthers, placesOfHosts } from "../books/own-places.ts"
import { requirePin } from "../books/pin.ts"
import type { Context } from "../context.ts"
import type { DoorRequest } from "../door/operations.ts"
import type { PairingEvent } from "../door/results.ts"
import type { DoorCall } from "../door/server.ts"
import type { Joining } from "./joining.ts"
import { codeEvent, type Minting } from "./minting.ts"
import type { Questions } from "./questions.ts"

type Call = DoorCall<PairingEvent>

/** Null where the caller did not wait, or the Guardian stopped first. */
type End = Promise<PairingEvent | null>

export type WatchedParts = {
  readonly context: Context
  readonly minting: Minting
  readonly joining: Joining
  readonly questions: Questions
}

/** Opens a code, or shows the request that waits, and tells what becomes of it until the caller hangs up. */
export async function watchCode(
  { context, minting, questions }: WatchedParts,
  request: DoorRequest<"pair">,
  call: Call,
): End {
  const waiting = questions.waiting()
  const isAsked = waiting.some(one => one.kind === "request")
  // Before the wait: what ends by it is the code of those who waited earlier.
  const code = isAsked ? null : openCode(context, minting.open(request.long, call.door))
  const end = waitForEnd(context, call)
  if (code !== null) call.emit(code)
  for (const one of waiting) call.emit(questionEvent(one))
  return request.wait ? end.promise : end.cancel()
}

function openCode(context: Context, code: OpenCode): PairingEvent {
  const { port } = context.address
  const hosts = context.listening()
  const [name] = context.config.current.listen.names
  const named = name === undefined || !isOpenToOthers(hosts) ? [] : [{ host: name, vpn: null }]
  const places = [...named, ...placesOfHosts(hosts)]
  return codeEvent(
    code,
    places.map(({ host, vpn }) => ({
      address: `${formatCode(code.symbols)}@${formatAddress(host, port)}`,
      vpn,
    })),
  )
}

/** Joins; at the agent's door its own owner is asked first. Which pair to replace is the owner's choice alone. */
export async function watchJoin(parts: WatchedParts, request: DoorRequest<"join">, call: Call): End {
  requireAnothers(parts, request, call)
  if (call.door === "agent") return watchAskedJoin(parts, request, call)
  const { context, joining } = parts
  await requirePin(context, request.pin)
  const kept = await joining.join(withSymbols(request), call.emit)
  return waitForEnd(context, call, kept.id).promise
}

async function watchAskedJoin(
  { context, questions }: WatchedParts,
  request: DoorRequest<"join">,
  call: Call,
): End {
  const asked = await questions.askToJoin({ ...withSymbols(request), replace: false }, call.emit)
  call.emit(questionEvent(asked))
  return waitForEnd(context, call, asked.id).promise
}

/** @throws usage for a code of our own, typed at home */
function requireAnothers({ minting }: WatchedParts, request: DoorRequest<"join">, { door }: Call): void {
  const { symbols } = withSymbols(request)
  if (!minting.isOpen(symbols, door)) return
  throw new SentoError(
    "usage",
    `${formatCode(symbols)} is this agent's own code: the other owner types it`,
    `on the other side: \`sento pair ${formatCode(symbols)}\`, with @ and this machine's address where that is another machine`,
  )
}

/** @throws usage */
function withSymbols(request: DoorRequest<"join">): DoorRequest<"join"> {
  const symbols = readCode(request.symbols)
  if (symbols === null) throw new SentoError("usage", `${JSON.stringify(request.symbols)} is no code`)
  return { ...request, symbols }
}

/** One question for a prompt; the end of it, or of the wait, is the result. */
export async function watchQuestion(
  { context, questions }: WatchedParts,
  { id }: DoorRequest<"question">,
  call: Call,
): End {
  const asked = questions.waiting().find(one => one.id === id)
  if (asked === undefined) return { event: "answered", id, state: "expired" }
  const end = waitForEnd(context, call, id)
  call.emit(questionEvent(asked))
  return end.promise
}

/**
 * Passes events on until the one that ends the wait, which becomes the result.
 * @param only - the request or join that is of interest, or null for whatever is asked of the owner
 */
function waitForEnd(context: Context, { emit, gone }: Call, only: string | null = null) {
  const { promise, resolve } = Promise.withResolvers<PairingEvent | null>()
  const off = context.events.on((event, about) => {
    const isMine = only === null ? about?.role !== "joiner" : about?.id === only
    if (!isMine) return
    emit(event)
    // A join that the agent asked for meanwhile is asked here too; its end is not the end of the code.
    if (only === null && about?.role === "join") return
    if (["paired", "denied", "expired", "closed", "burned", "failed"].includes(event.event)) resolve(event)
  })
  const cancel = (): null => {
    off()
    resolve(null)
    return null
  }
  gone.addEventListener("abort", cancel, { once: true })
  context.stopping.addEventListener("abort", cancel, { once: true })
  return { promise: promise.finally(off), cancel }
}
