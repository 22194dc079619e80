/** What each request at a local door does. */

import { formatAddress, isLoopback } from "../protocol/addresses.ts"
import { formatCode, readCode, readShortId } from "../protocol/codes.ts"
import { SentoError } from "../protocol/errors.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import type { PairingRequest } from "../store/requests.ts"
import { listAgents } from "./agents.ts"
import { announce, type Context } from "./context.ts"
import type { Delivery } from "./delivery.ts"
import type {
  AgentList,
  DoorEvent,
  DoorRequest,
  GuardStatus,
  LogEntry,
  PairingEvent,
  Probe,
} from "./door-requests.ts"
import type { DoorHandler } from "./doors.ts"
import { historyOf } from "./history.ts"
import type { Joining } from "./joining.ts"
import { codeEvent, type Minting, requestEvent } from "./minting.ts"
import type { Outbox } from "./outbox.ts"
import { endPair, renamePair, requireFreeName, storePair, tellEnded } from "./pairs.ts"
import { listPaused, pausePair, resumePair } from "./pauses.ts"
import { attach } from "./pinning.ts"
import { requirePeer, unknownAgent } from "./requirements.ts"
import type { Sender } from "./sender.ts"
import { reply, send } from "./sending.ts"

type Parts = {
  readonly context: Context
  readonly sender: Sender
  readonly outbox: Outbox
  readonly minting: Minting
  readonly joining: Joining
  readonly delivery: Delivery
  readonly onStop: () => void
}

type Emit = (event: DoorEvent) => void

export function createDispatcher(parts: Parts): DoorHandler {
  return (request, emit, gone) => dispatch(parts, request, emit, gone)
}

async function dispatch(parts: Parts, request: DoorRequest, emit: Emit, gone: AbortSignal): Promise<unknown> {
  const { context, sender } = parts
  switch (request.op) {
    case "status":
      return status(parts)
    case "agents":
      return agents(context)
    case "requests":
      return context.store.requests.waiting("minter").map(one => requestEvent(context, one))
    case "probe":
      return probe(context, sender, request.name)
    case "send":
      return send(context, parts.outbox, request, emit, gone)
    case "reply":
      return reply(context, parts.outbox, request.id, request.text)
    case "log":
      return log(context, request.name, request.limit)
    case "pair":
      return pair(parts, request, emit, gone)
    case "join":
      return join(parts, request, emit, gone)
    case "approve":
      return approve(parts, request)
    case "deny":
      return deny(context, request.id)
    case "remove":
      endPair(context, requirePeer(context, request.name))
      tellEnded(context, sender)
      return null
    case "rename":
      return renamePair(context, requirePeer(context, request.from), request.to)
    case "pause":
      return woken(parts, pausePair(context, requirePeer(context, request.name), request.milliseconds))
    case "resume":
      return woken(parts, resumePair(context, requirePeer(context, request.name)))
    case "attach":
      return attachPane(parts)
    case "stop":
      setImmediate(parts.onStop)
      return null
  }
}

/** What is to be typed, and when, has changed. */
function woken<Value>({ delivery }: Parts, value: Value): Value {
  delivery.wake()
  return value
}

async function status({ context, delivery }: Parts): Promise<GuardStatus> {
  const { config, store, address } = context
  const hold = delivery.hold()
  const paused = listPaused(config.current, store.peers.pauses(context.now()), store.peers.waiting())
  return {
    running: true,
    pid: process.pid,
    name: config.current.name,
    ...address,
    session: { target: config.current.tmux.session, state: await delivery.look() },
    waiting: { inbox: store.inbox.waitingCount(), outbox: store.outbox.waitingCount() },
    ...(paused.length === 0 ? {} : { paused }),
    ...(hold === null
      ? {}
      : {
          held: {
            id: hold.shortId,
            from: hold.name,
            reason: hold.reason,
            since: formatTimestamp(hold.since),
          },
        }),
  }
}

async function attachPane({ context, delivery }: Parts): Promise<{ pane: string }> {
  const { pane } = await attach(context)
  delivery.wake()
  return { pane }
}

function agents(context: Context): AgentList {
  return listAgents(
    context.config.current,
    context.address,
    context.store.peers.lastContacts(),
    context.store.peers.waiting(),
    context.store.peers.pauses(context.now()),
  )
}

/** Of all messages, so many of each way are looked at for those of one agent. */
const mostRead = 1000

/** The latest messages. @throws unknown-agent for a name that nobody has or had */
function log({ config, store, now }: Context, name: string | null, limit: number): LogEntry[] {
  const books = { config: config.current, ...store }
  const entries = historyOf(books, name, name === null ? limit : mostRead, now())
  if (name !== null && entries.length === 0 && !Object.hasOwn(config.current.agents, name))
    throw unknownAgent(name, Object.keys(config.current.agents))
  return entries.slice(-limit)
}

/** Says hello to a peer: whether it can be reached, is who it was, and has the same time. */
async function probe(context: Context, sender: Sender, name: string): Promise<Probe> {
  const { address, config } = context
  const [host] = config.current.listen.names
  const id = Bun.randomUUIDv7()
  const body = {
    v: 1,
    id,
    type: "hello",
    port: address.port,
    ...(host === undefined ? {} : { host }),
  } as const
  const attempt = await sender.tell(requirePeer(context, name), body)
  switch (attempt.kind) {
    case "accepted":
      return { isReached: true, reason: null, aheadSeconds: 0 }
    case "skewed":
      return { isReached: true, reason: "the clocks differ", aheadSeconds: attempt.aheadSeconds }
    case "refused":
      return { isReached: true, reason: attempt.detail, aheadSeconds: null }
    default:
      return { isReached: false, reason: attempt.reason, aheadSeconds: null }
  }
}

/** Opens a code, or shows the request that waits, and tells what becomes of it until the caller hangs up. */
async function pair(
  { context, minting }: Parts,
  request: Extract<DoorRequest, { op: "pair" }>,
  emit: Emit,
  gone: AbortSignal,
): Promise<PairingEvent | null> {
  const waiting = context.store.requests.waiting("minter")
  const end = waitForEnd(context, emit, gone)
  if (waiting.length > 0) for (const one of waiting) emit(requestEvent(context, one))
  else emit(openCode(context, minting, request.long))
  return request.wait ? end.promise : end.cancel()
}

function openCode(context: Context, minting: Minting, long: boolean): PairingEvent {
  const { host, port } = context.address
  const code = minting.open(long)
  const name = context.config.current.listen.names[0] ?? host
  return codeEvent(code, isLoopback(host) ? null : `${formatCode(code.symbols)}@${formatAddress(name, port)}`)
}

async function join(
  { context, joining }: Parts,
  request: Extract<DoorRequest, { op: "join" }>,
  emit: Emit,
  gone: AbortSignal,
): Promise<PairingEvent | null> {
  const symbols = readCode(request.symbols)
  if (symbols === null) throw new SentoError("usage", `${JSON.stringify(request.symbols)} is no code`)
  const kept = await joining.join({ ...request, symbols }, emit)
  return waitForEnd(context, emit, gone, kept.id).promise
}

/**
 * Passes events on until the one that ends the wait, which becomes the result.
 * @param only - the joiner's request that is of interest, or null for all that concerns the open code
 */
function waitForEnd(context: Context, emit: Emit, gone: AbortSignal, only: string | null = null) {
  const { promise, resolve } = Promise.withResolvers<PairingEvent | null>()
  const off = context.events.on((event, about) => {
    const isMine = only === null ? about === null || about.role === "minter" : about?.id === only
    if (!isMine) return
    emit(event)
    if (["paired", "denied", "expired", "burned"].includes(event.event)) resolve(event)
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

function approve(
  parts: Parts,
  request: Extract<DoorRequest, { op: "approve" }>,
): { name: string; id: string } {
  const { context, sender } = parts
  const waiting = theWaitingOne(context, request.id)
  const as = { name: request.as ?? waiting.localName, replace: request.replace }
  requireFreeName(context, as, `sento approve ${waiting.id}`)
  storePair(context, waiting, as, sender)
  announce(context, waiting, { state: "approved", name: as.name })
  return { name: as.name, id: waiting.pairId }
}

function deny(context: Context, id: string | null): { name: string; id: string } {
  const waiting = theWaitingOne(context, id)
  context.store.requests.settle(waiting.id, "denied", context.now())
  context.log.write(`${waiting.name} was denied (${waiting.id})`)
  announce(context, waiting, { state: "denied" })
  return { name: waiting.name, id: waiting.id }
}

/** The request an answer is for. Without an id it must be the only one: with several, nothing is decided. */
function theWaitingOne(context: Context, id: string | null): PairingRequest {
  const waiting = context.store.requests.waiting("minter")
  const list = waiting.map(one => `${one.id} (${one.name}, ${one.verifier})`).join(", ")
  const [only] = waiting
  if (only === undefined) throw nothingWaits(context, id)
  if (id === null && waiting.length > 1)
    throw new SentoError(
      "usage",
      `several requests wait: ${list}`,
      "name one: `sento approve ID` or `sento deny ID`",
    )
  const named = id === null ? only : waiting.find(one => one.id === readShortId(id))
  if (named !== undefined) return named
  throw new SentoError("usage", `no request ${JSON.stringify(id)} waits`, `waiting: ${list}`)
}

function nothingWaits(context: Context, id: string | null): SentoError {
  const shortId = id === null ? null : readShortId(id)
  const settled = shortId === null ? null : context.store.requests.get(shortId)
  if (settled !== null && settled.role === "minter")
    return new SentoError("refused", `the request of ${settled.name} was answered already: ${settled.state}`)
  return new SentoError(
    "usage",
    "no request waits",
    "a request appears when another agent has proved the code of `sento pair`",
  )
}
