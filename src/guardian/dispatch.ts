/** What each request at a local door does. */

import { formatAddress, isLoopback } from "../protocol/addresses.ts"
import { formatCode, readCode } from "../protocol/codes.ts"
import { SentoError } from "../protocol/errors.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import type { OpenCode } from "../store/codes.ts"
import { listAgents } from "./books/agent-list.ts"
import { attach } from "./books/agent-pane.ts"
import { historyOf } from "./books/history.ts"
import { questionEvent } from "./books/open-questions.ts"
import { endPair, renamePair } from "./books/pairs.ts"
import { listPaused, pausePair, resumePair } from "./books/pauses.ts"
import { requirePin, setPin } from "./books/pin.ts"
import { requirePeer, unknownAgent } from "./books/requirements.ts"
import { type Context, greetingOf } from "./context.ts"
import type {
  AgentList,
  Alive,
  DoorEvent,
  DoorName,
  DoorRequest,
  GuardStatus,
  LogEntry,
  PairingEvent,
  Probe,
  SessionState,
} from "./door/requests.ts"
import type { DoorHandler } from "./door/server.ts"
import type { Delivery } from "./inbound/delivery.ts"
import type { Turns } from "./inbound/turns.ts"
import type { OutboxWorker } from "./outbound/outbox.ts"
import type { Sender } from "./outbound/sender.ts"
import { reply, send } from "./outbound/sending.ts"
import type { Joining } from "./pairing/joining.ts"
import { codeEvent, type Minting } from "./pairing/minting.ts"
import type { Questions } from "./pairing/questions.ts"
import { tellEnded } from "./pairing/unpairing.ts"
import type { HandsState } from "./terminal/remote-hands.ts"

type Parts = {
  readonly context: Context
  readonly sender: Sender
  readonly outbox: OutboxWorker
  readonly minting: Minting
  readonly joining: Joining
  readonly questions: Questions
  readonly delivery: Delivery
  readonly turns: Turns
  /** In hardened mode: whether `sento hands` is at the terminal. */
  readonly handsState: (() => HandsState) | null
  readonly onStop: () => void
}

type Emit = (event: DoorEvent) => void

export function createDispatcher(parts: Parts): DoorHandler {
  return (request, emit, gone, door) => dispatch(parts, request, emit, gone, door)
}

async function dispatch(
  parts: Parts,
  request: DoorRequest,
  emit: Emit,
  gone: AbortSignal,
  door: DoorName,
): Promise<unknown> {
  const { context, sender, questions } = parts
  switch (request.op) {
    case "alive":
      return alive(parts)
    case "status":
      return status(parts)
    case "agents":
      return agents(context)
    case "requests":
      return questions.waiting().map(questionEvent)
    case "probe":
      return probe(context, sender, request.name)
    case "send":
      return send(context, parts.outbox, request, emit, gone)
    case "reply":
      return reply(context, parts.outbox, request)
    case "turn":
      return parts.turns.take(request.session, request.event)
    case "log":
      return log(context, request.name, request.limit)
    case "pair":
      return pair(parts, request, emit, gone, door)
    case "join":
      if (door === "agent") return askToJoin(parts, request, emit, gone)
      await requirePin(context, request.pin)
      return join(parts, request, emit, gone)
    case "question":
      return question(parts, request.id, emit, gone)
    case "approve": {
      // Before the PIN is looked at: what is approved is what waits now, not what waits by then.
      const { id } = questions.requireAnswerable(request.id, request)
      await requirePin(context, request.pin)
      return questions.approve(id, request)
    }
    case "deny":
      return questions.deny(request.id)
    case "confirm":
      return requirePin(context, request.pin)
    case "pin":
      return setPin(context, request.pin, request.next)
    case "remove":
      requirePeer(context, request.name)
      await requirePin(context, request.pin)
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
  delivery.pausesChanged()
  return value
}

const alive = ({ context }: Parts): Alive => ({
  pid: process.pid,
  name: context.config.current.name,
  ...context.address,
})

async function status(parts: Parts): Promise<GuardStatus> {
  const { context, delivery } = parts
  const { config, store } = context
  const hold = delivery.hold()
  const paused = listPaused(config.current, store.peers.pauses(context.now()), store.waitingRoom.counts())
  return {
    running: true,
    ...alive(parts),
    session: { target: config.current.tmux.session, state: await lookSoon(delivery) },
    ...(parts.handsState === null ? {} : { hands: parts.handsState() }),
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

const lookMilliseconds = 3000

/** A tmux that hangs, or that the agent has stopped, must not keep the owner from a status or an answer. */
const lookSoon = (delivery: Delivery): Promise<SessionState> =>
  Promise.race([delivery.look(), Bun.sleep(lookMilliseconds).then(() => "other" as const)])

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
    context.store.waitingRoom.counts(),
    context.store.peers.pauses(context.now()),
    context.store.outbox.loops(),
    context.store.peers.revocations(),
  )
}

/** The latest messages. @throws unknown-agent for a name that nobody has or had */
function log({ config, store, now }: Context, name: string | null, limit: number): LogEntry[] {
  const books = { config: config.current, ...store }
  const entries = historyOf(books, name, limit, now())
  if (name !== null && entries.length === 0 && !Object.hasOwn(config.current.agents, name))
    throw unknownAgent(name, Object.keys(config.current.agents))
  return entries.slice(-limit)
}

/** Says hello to a peer: whether it can be reached, is who it was, and has the same time. */
async function probe(context: Context, sender: Sender, name: string): Promise<Probe> {
  const attempt = await sender.tell(requirePeer(context, name), greetingOf(context))
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
  { context, minting, questions }: Parts,
  request: Extract<DoorRequest, { op: "pair" }>,
  emit: Emit,
  gone: AbortSignal,
  door: DoorName,
): Promise<PairingEvent | null> {
  const waiting = questions.waiting()
  const isAsked = waiting.some(one => one.kind === "request")
  // Before the wait: what ends by it is the code of those who waited earlier.
  const code = isAsked ? null : openCode(context, minting.open(request.long, door))
  const end = waitForEnd(context, emit, gone)
  if (code !== null) emit(code)
  for (const one of waiting) emit(questionEvent(one))
  return request.wait ? end.promise : end.cancel()
}

function openCode(context: Context, code: OpenCode): PairingEvent {
  const { host, port } = context.address
  const name = context.config.current.listen.names[0] ?? host
  return codeEvent(code, isLoopback(host) ? null : `${formatCode(code.symbols)}@${formatAddress(name, port)}`)
}

type JoinRequest = Extract<DoorRequest, { op: "join" }>

async function join(
  { context, joining }: Parts,
  request: JoinRequest,
  emit: Emit,
  gone: AbortSignal,
): Promise<PairingEvent | null> {
  const kept = await joining.join(withSymbols(request), emit)
  return waitForEnd(context, emit, gone, kept.id).promise
}

/** At the agent's door: its own owner is asked first. Which pair to replace is the owner's choice alone. */
async function askToJoin(
  { context, questions }: Parts,
  request: JoinRequest,
  emit: Emit,
  gone: AbortSignal,
): Promise<PairingEvent | null> {
  const asked = await questions.askToJoin({ ...withSymbols(request), replace: false }, emit)
  emit(questionEvent(asked))
  return waitForEnd(context, emit, gone, asked.id).promise
}

/** @throws usage */
function withSymbols(request: JoinRequest): JoinRequest {
  const symbols = readCode(request.symbols)
  if (symbols === null) throw new SentoError("usage", `${JSON.stringify(request.symbols)} is no code`)
  return { ...request, symbols }
}

/** One question for a prompt; the end of it, or of the wait, is the result. */
function question({ context, questions }: Parts, id: string, emit: Emit, gone: AbortSignal) {
  const asked = questions.waiting().find(one => one.id === id)
  if (asked === undefined) return { event: "answered", id, state: "expired" } as const
  const end = waitForEnd(context, emit, gone, id)
  emit(questionEvent(asked))
  return end.promise
}

/**
 * Passes events on until the one that ends the wait, which becomes the result.
 * @param only - the request or join that is of interest, or null for whatever is asked of the owner
 */
function waitForEnd(context: Context, emit: Emit, gone: AbortSignal, only: string | null = null) {
  const { promise, resolve } = Promise.withResolvers<PairingEvent | null>()
  const off = context.events.on((event, about) => {
    const isMine = only === null ? about?.role !== "joiner" : about?.id === only
    if (!isMine) return
    emit(event)
    // A join that the agent asked for meanwhile is asked here too; its end is not the end of the code.
    if (only === null && about?.role === "join") return
    if (["paired", "denied", "expired", "burned", "failed"].includes(event.event)) resolve(event)
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
