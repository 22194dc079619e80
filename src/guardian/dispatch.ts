/** What each request at a local door does. */

import { writeFileSync } from "node:fs"
import { formatAddress } from "../protocol/addresses.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import { visibleText } from "../protocol/layout.ts"
import { commit, version } from "../version.ts"
import { listAgents } from "./books/agent-list.ts"
import { attach } from "./books/agent-pane.ts"
import { calledAt } from "./books/called.ts"
import { dropReceived, releaseReceived } from "./books/handling.ts"
import { logOf } from "./books/history.ts"
import { questionEvent } from "./books/open-questions.ts"
import { isOpenToOthers, placesOfHosts } from "./books/own-places.ts"
import { endPair, renamePair } from "./books/pairs.ts"
import { listPaused, pausePair, resumePair } from "./books/pauses.ts"
import { setPlace } from "./books/peer-places.ts"
import { requirePin, setPin } from "./books/pin.ts"
import { requirePeer } from "./books/requirements.ts"
import { joinToWithdraw } from "./books/withdrawing.ts"
import { type Context, greetingOf } from "./context.ts"
import type { DoorRequest, EventOf, OpName, ResultOf } from "./door/operations.ts"
import type { AgentList, Alive, GuardStatus, Probe, SessionState } from "./door/results.ts"
import type { DoorCall, DoorHandler } from "./door/server.ts"
import type { Delivery } from "./inbound/delivery.ts"
import type { Turns } from "./inbound/turns.ts"
import type { OutboxWorker } from "./outbound/outbox-worker.ts"
import type { Sender } from "./outbound/sender.ts"
import { reply, send } from "./outbound/sending.ts"
import type { Ways } from "./outbound/ways.ts"
import type { Whereabouts } from "./outbound/whereabouts.ts"
import type { Joining } from "./pairing/joining.ts"
import type { Minting } from "./pairing/minting.ts"
import type { Questions } from "./pairing/questions.ts"
import { tellEnded } from "./pairing/unpairing.ts"
import { watchCode, watchJoin, watchQuestion } from "./pairing/watching.ts"
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
  readonly whereabouts: Pick<Whereabouts, "setHosts" | "readdressed" | "shut">
  readonly ways: Pick<Ways, "of">
  readonly onStop: () => void
}

type Handler<Op extends OpName> = (
  request: DoorRequest<Op>,
  call: DoorCall<EventOf<Op>>,
) => ResultOf<Op> | Promise<ResultOf<Op>>

type Handlers = { readonly [Op in OpName]: Handler<Op> }

export function createDispatcher(parts: Parts): DoorHandler {
  const handlers = createHandlers(parts)
  return async (request, call) => dispatch(handlers, request, call)
}

const dispatch = <Op extends OpName>(
  handlers: Handlers,
  request: DoorRequest<Op>,
  call: DoorCall<EventOf<Op>>,
) => handlers[request.op](request, call)

function createHandlers(parts: Parts): Handlers {
  const { context, sender, outbox, minting, joining, questions, delivery, turns, whereabouts } = parts
  return {
    alive: () => alive(parts),
    status: () => status(parts),
    agents: () => agents(parts),
    requests: () => questions.waiting().map(questionEvent),
    probe: ({ name }) => probe(parts, name),
    log: ({ limit, ...wish }) =>
      logOf({ config: context.config.current, ...context.store }, wish, limit, context.now()),

    send: (request, call) => send(context, outbox, request, call),
    reply: request => reply(context, outbox, request),
    cancel: ({ id }, { door }) => {
      const join = door === "owner" ? joinToWithdraw(context, id) : null
      return join === null ? outbox.withdraw(id) : joining.withdraw(join)
    },
    turn: ({ session, event }) => turns.take(session, event),
    stray: ({ source, named }) => {
      const words = `a hook in this agent's pane did nothing: ${source} there names ${visibleText(named)}`
      context.log.sparingly("stray", words)
      return null
    },

    pair: (request, call) => watchCode(parts, request, call),
    join: (request, call) => watchJoin(parts, request, call),
    question: (request, call) => watchQuestion(parts, request, call),
    approve: async request => {
      // Before the PIN is looked at: what is approved is what waits now, not what waits by then.
      const { id } = questions.requireAnswerable(request.id, request)
      await requirePin(context, request.pin)
      return questions.approve(id, request)
    },
    deny: ({ id }) => questions.deny(id),

    confirm: ({ pin }) => requirePin(context, pin),
    pin: ({ pin, next }) => setPin(context, pin, next),
    remove: async ({ name, pin }) => {
      requirePeer(context, name)
      await requirePin(context, pin)
      endPair(context, requirePeer(context, name))
      tellEnded(context, sender)
      return null
    },
    drop: ({ id }) => woken(parts, dropReceived(context, id, outbox.tellSender)),
    release: ({ id }) => woken(parts, releaseReceived(context, id, delivery.hold()?.reason ?? null)),
    close: () => ({ wasOpen: minting.close() }),
    clear: ({ name }) => ({ cleared: context.store.peers.clear(name) }),
    rename: ({ from, to }) => renamePair(context, requirePeer(context, from), to),
    pause: ({ name, milliseconds }) =>
      woken(parts, pausePair(context, requirePeer(context, name), milliseconds)),
    resume: ({ name }) => woken(parts, resumePair(context, requirePeer(context, name))),
    listen: async ({ hosts }) => {
      await whereabouts.setHosts(hosts)
      return alive(parts)
    },
    address: ({ name, host, port }) => {
      const peer = requirePeer(context, name)
      const place = setPlace(context, peer, host, port)
      whereabouts.readdressed(peer.peer.id)
      return place
    },
    attach: ({ pane }) => attachPane(parts, pane),
    stop: () => {
      noteStopped(context)
      setImmediate(parts.onStop)
      return null
    },
  }
}

/** A disk that takes nothing does not keep the owner from stopping it. */
function noteStopped({ paths, log }: Context): void {
  try {
    writeFileSync(paths.stopped, "", { mode: 0o600 })
  } catch (error) {
    log.write(`cannot note that the owner stopped it: ${(error as Error).message}`)
  }
}

/** What is to be typed, and when, has changed. */
function woken<Value>({ delivery }: Parts, value: Value): Value {
  delivery.pausesChanged()
  return value
}

function alive({ context, whereabouts }: Parts): Alive {
  const shut = whereabouts.shut()
  return {
    pid: process.pid,
    version,
    commit,
    name: context.config.current.name,
    ...context.address,
    ...(isOpenToOthers(context.listening())
      ? { hosts: placesOfHosts(context.listening()).map(({ host }) => host) }
      : {}),
    ...(shut.length === 0 ? {} : { shut }),
  }
}

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

const lookMilliseconds = 8000

/** A tmux that hangs, or that the agent has stopped, must not keep the owner from a status or an answer. */
const lookSoon = (delivery: Delivery): Promise<SessionState> =>
  Promise.race([delivery.look(), Bun.sleep(lookMilliseconds).then(() => "other" as const)])

async function attachPane({ context, delivery }: Parts, wish: string | null): Promise<{ pane: string }> {
  const { pane } = await attach(context, wish)
  delivery.wake()
  return { pane }
}

function agents({ context, ways }: Parts): AgentList {
  return listAgents(
    context.config.current,
    context.address,
    context.store.peers.lastContacts(),
    context.store.waitingRoom.counts(),
    context.store.peers.pauses(context.now()),
    context.store.outbox.loops(),
    context.store.peers.revocations(),
    peer => ways.of({ peer }),
  )
}

/** Says hello to a peer: whether it can be reached, is who it was, has the same time, and how it reaches us. */
async function probe({ context, sender, ways }: Parts, name: string): Promise<Probe> {
  const attempt = await sender.tell(requirePeer(context, name), greetingOf(context))
  const { peer } = requirePeer(context, name)
  const { way } = ways.of({ peer })
  const called = calledAt(context.store, peer.id)
  const back = {
    way,
    ...(called === null || called === false ? {} : { calledAt: formatAddress(called.host, called.port) }),
  }
  const there = attempt.kind === "failed" || attempt.literal === null ? {} : { literal: attempt.literal }
  switch (attempt.kind) {
    case "accepted":
      return {
        ...back,
        ...there,
        isReached: true,
        reason: null,
        aheadSeconds: 0,
        ...(attempt.literal === null ? { isFetched: true } : {}),
      }
    case "skewed":
      return {
        ...back,
        ...there,
        isReached: true,
        reason: "the clocks differ",
        aheadSeconds: attempt.aheadSeconds,
      }
    case "refused":
      return { ...back, ...there, isReached: true, reason: attempt.detail, aheadSeconds: null }
    case "later":
      return {
        ...back,
        ...there,
        isReached: true,
        reason: attempt.reason,
        aheadSeconds: null,
        retryAfterSeconds: attempt.retryAfterSeconds,
      }
    case "failed":
      return {
        ...back,
        isReached: false,
        reason: attempt.reason,
        aheadSeconds: null,
        cause: attempt.cause ?? "stranger",
      }
  }
}
