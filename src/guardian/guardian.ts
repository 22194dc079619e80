/** The background process of one agent: opens everything, connects the parts, closes everything. */
import { randomBytes } from "node:crypto"
import { lstatSync } from "node:fs"
import { basename, join } from "node:path"
import { type Listener, listen } from "../http/listener.ts"
import { formatAddress, isLoopback } from "../protocol/addresses.ts"
import { SentoError } from "../protocol/errors.ts"
import {
  lookAgain,
  type Moment,
  mayForget,
  type Steadiness,
  staleForGoodMilliseconds,
} from "../protocol/freshness.ts"
import { type MessageBody, messagesPath } from "../protocol/messages.ts"
import { makeFolder, requireConfig } from "../store/config.ts"
import { isDiskTrouble } from "../store/database.ts"
import { type Lock, takeLock } from "../store/lock.ts"
import type { Received } from "../store/messages.ts"
import type { Paths } from "../store/paths.ts"
import { openStore } from "../store/store.ts"
import { tmuxVersion } from "../tmux/tmux.ts"
import type { Distrusted } from "./callers.ts"
import { announce, type Context, createEvents, holdConfig, type NamedPeer, peerById } from "./context.ts"
import { forbidCoreDumps } from "./core-dumps.ts"
import { createDelivery, type Delivery } from "./delivery.ts"
import { createDispatcher } from "./dispatch.ts"
import { openDoor } from "./doors.ts"
import { forget, forgetCopies } from "./forgetting.ts"
import { findUser, sharedFolderFault } from "./hardening.ts"
import { createJoining } from "./joining.ts"
import { openLog } from "./log.ts"
import { createMinting, type Minting } from "./minting.ts"
import { createMoving, type Moving } from "./moving.ts"
import { createNotices, tellDeferred } from "./notices.ts"
import { createNotifySurface } from "./notify.ts"
import { createOutboxWorker, type Outbox } from "./outbox.ts"
import { ownCommand } from "./own-command.ts"
import { openTerminal } from "./own-terminal.ts"
import { createChatSurfaces } from "./owner-chats.ts"
import {
  createReminder,
  endPair,
  lossOf,
  lossWords,
  noteLoss,
  pairEnded,
  reconcile,
  tellEnded,
} from "./pairs.ts"
import { loopThereWords } from "./pauses.ts"
import { agentProcesses, findTarget } from "./pinning.ts"
import { createQuestions } from "./questions.ts"
import { createReceiver } from "./receiver.ts"
import type { RemoteHands } from "./remote-hands.ts"
import { createSender, type Sender } from "./sender.ts"
import { connectSurfaces } from "./surfaces.ts"
import { createTmuxSurface } from "./tmux-surface.ts"
import { createTurns } from "./turns.ts"
import { forgetFiles } from "./typed-text.ts"
import { createWaiters } from "./waiters.ts"

export type Guardian = {
  readonly address: { readonly host: string; readonly port: number }
  /** Settles when the Guardian was asked to stop over its door. */
  readonly asked: Promise<void>
  /** Ends and forgets what time has ended; by itself it does so as it starts, and every 10 minutes. */
  sweep(): void
  stop(): Promise<void>
}

const ownChild = "it was started by the Guardian itself; what `notify` runs prints yes or no instead"

const sweepMilliseconds = staleForGoodMilliseconds
const watchMilliseconds = 2000
const firstLookMilliseconds = 1000

/**
 * Starts the Guardian of a home in this process.
 * @throws try-later when another one runs, config, no-tmux, unreachable
 */
export async function startGuardian(
  paths: Paths,
  now: () => number = Date.now,
  elapsed: () => number = () => performance.now(),
): Promise<Guardian> {
  process.umask(0o077)
  const { hardened } = requireConfig(paths)
  makeFolder(paths)
  if (hardened === undefined) await tmuxVersion()
  const lock = takeLock(paths.lock)
  if (lock === null)
    throw new SentoError("try-later", `a Guardian already runs for ${paths.home}`, "see `sento guard status`")
  try {
    return await open(paths, lock, now, elapsed)
  } catch (error) {
    lock.release()
    throw error
  }
}

async function open(paths: Paths, lock: Lock, now: () => number, elapsed: () => number): Promise<Guardian> {
  const log = openLog(paths.log, now)
  forgetCopies(paths, log)
  if (!forbidCoreDumps()) log.write("core dumps cannot be forbidden here: one would hold the keys")
  const random = (length: number): Uint8Array => randomBytes(length)
  const stopping = new AbortController()
  const store = openStore(paths.database, random)
  const config = holdConfig(paths, requireConfig(paths))
  const terminal = openTerminal(config.current, { log, stopping: stopping.signal })
  const context: Context = {
    paths,
    store,
    log,
    now,
    elapsed,
    random,
    config,
    events: createEvents(),
    notices: createNotices(store.owner, log, now),
    waiters: createWaiters(),
    hands: terminal.hands,
    stopping: stopping.signal,
    address: { host: "", port: 0 },
  }
  try {
    // Pins the pane; a tmux that hangs is not waited for.
    await Promise.race([findTarget(context), Bun.sleep(firstLookMilliseconds)])
    return openDoors(context, lock, stopping, terminal.remote)
  } catch (error) {
    store.close()
    throw error
  }
}

function openDoors(
  context: Context,
  lock: Lock,
  stopping: AbortController,
  remote: RemoteHands | null,
): Guardian {
  const { paths, store, log } = context
  const sender = createSender(context, {
    onFailed: (pair, failure) => moving.missed(pair, failure),
    onReached: (peer, literal) => moving.reached(peer, literal),
  })
  reconcile(context)
  forgetFiles(context)
  noteLoss(context)
  const minting = createMinting(context)
  const outbox = createOutboxWorker(context, sender)
  const moving = createMoving(context, sender, outbox.hasten)
  const joining = createJoining(context, sender, moving.greet)
  const questions = createQuestions(context, sender, joining)
  const delivery = createDelivery(context, outbox.tellSender)
  const turns = createTurns(context, { outbox, isIdle: delivery.isIdle })
  const remind = createReminder(context, sender)
  const listener = openListener(context, { minting, outbox, moving, delivery, remind })
  context.address = { host: listener.host, port: listener.port }
  moving.announce()
  rememberPort(context)
  const asked = Promise.withResolvers<void>()
  const handle = createDispatcher({
    context,
    sender,
    outbox,
    minting,
    joining,
    questions,
    turns,
    delivery,
    handsState: remote === null ? null : remote.state,
    onStop: asked.resolve,
  })
  const onError = (error: unknown): void => log.write(`bug: ${(error as Error).stack ?? String(error)}`)
  const distrusted = async (): Promise<Distrusted> =>
    new Map([...(await agentProcesses(context)), [process.pid, ownChild]])
  const own = { uids: null, refused: log.refused }
  const doors = [
    openDoor({ path: paths.ownerSocket, door: "owner", handle, distrusted, onError, guests: own }),
    openDoor({ path: paths.agentSocket, door: "agent", handle, distrusted, onError, guests: own }),
    ...sharedDoors(context).map(({ path, uids }) => {
      const guests = { uids, refused: log.refused }
      const shared = { path, door: "agent", handle, distrusted, onError, guests } as const
      return openDoor(remote === null ? shared : { ...shared, hands: remote.serve })
    }),
  ]
  const sweep = createSweep(context, sender)
  const sweeping = setInterval(sweep, sweepMilliseconds)
  const watching = watchDoor(paths.agentSocket, () => {
    log.write("the home or its door was removed")
    asked.resolve()
  })
  sweep()
  outbox.resume()
  joining.resume()
  turns.resume()
  const surfaces = connectSurfaces(context, questions.waiting, [
    createTmuxSurface(context, ownCommand(), distrusted),
    ...createNotifySurface(context, questions.answer),
    ...createChatSurfaces(context, questions.answer),
  ])
  const lostAt = lossOf(store.facts)
  if (lostAt !== null) context.notices.tell(`database lost ${lostAt}`, lossWords)
  tellDeferred(store.facts, context.notices)
  delivery.pausesChanged()
  log.write(`listening on ${formatAddress(listener.host, listener.port)}, pid ${process.pid}`)
  let stopped: Promise<void> | null = null
  async function close(): Promise<void> {
    log.write("stopping")
    stopping.abort()
    clearInterval(sweeping)
    clearInterval(watching)
    minting.stop()
    questions.stop()
    await listener.stop()
    await surfaces.stopped()
    await sender.stopped()
    await outbox.stopped()
    await moving.stopped()
    await turns.stopped()
    await delivery.stopped()
    for (const door of doors) door.close()
    store.close()
    lock.release()
    log.write("stopped")
  }
  return {
    address: context.address,
    asked: asked.promise,
    sweep,
    stop() {
      stopped ??= close()
      return stopped
    },
  }
}

/**
 * In hardened mode the agent's user has a door of its own, in a directory whose group is that user's.
 * @throws config where that directory does not keep others out
 */
function sharedDoors({ config, paths }: Context): { path: string; uids: ReadonlySet<number> }[] {
  const { hardened } = config.current
  if (hardened === undefined) return []
  const own = process.getuid?.() ?? -1
  const wrong = sharedFolderFault(hardened.folder, hardened.user, own)
  if (wrong !== null)
    throw new SentoError("config", `${hardened.folder} ${wrong}`, "see the steps of `sento init --hardened`")
  const uids = [own, findUser(hardened.user)?.uid ?? own]
  return [{ path: join(hardened.folder, basename(paths.agentSocket)), uids: new Set(uids) }]
}

/** A Guardian whose door is gone can be reached by nobody: it ends, so that the next command starts another. */
function watchDoor(path: string, onGone: () => void): ReturnType<typeof setInterval> {
  const inode = lstatSync(path).ino
  return setInterval(() => {
    if (lstatSync(path, { throwIfNoEntry: false })?.ino !== inode) onGone()
  }, watchMilliseconds)
}

function openListener(
  context: Context,
  parts: {
    minting: Minting
    outbox: Outbox
    moving: Moving
    delivery: Delivery
    remind: (pair: string) => void
  },
): Listener {
  const { minting, outbox, moving, delivery, remind } = parts
  const { listen: wish } = context.config.current
  return listen({
    host: wish.host,
    preferredPort: wish.port,
    names: wish.names.map(name => name.toLowerCase()),
    handlers: {
      [messagesPath]: createReceiver(
        context,
        (from, body) => {
          if (body.type === "message") arrived(context, { outbox, delivery }, from, body)
          if (body.type === "receipt") toldOf(context, from, body)
          if (body.type === "unpair") pairEnded(context, from)
          // It can be reached again, then: no need to wait for the next try.
          else if (body.type !== "hello" || !moving.heard(from, body)) outbox.hasten(from.peer.id)
        },
        // Later: it must not change how long a refusal takes.
        pair => setImmediate(() => context.stopping.aborted || remind(pair)),
      ),
      "/v1/pair/hello": minting.hello,
      "/v1/pair/confirm": minting.confirm,
      "/v1/pair/decision": minting.decision,
    },
    onRefused: context.log.refused,
    onError: error => context.log.write(`bug: ${(error as Error).stack ?? String(error)}`),
  })
}

/** To whoever waits for it as an answer; otherwise it is typed, now or when the pause of its pair is over. */
function arrived(
  context: Context,
  { outbox, delivery }: { outbox: Outbox; delivery: Delivery },
  from: NamedPeer,
  { id, inReplyTo, text }: Extract<MessageBody, { type: "message" }>,
): void {
  const message = context.store.inbox.byId(from.peer.id, id)
  if (message === null) return
  try {
    const isTaken = inReplyTo !== undefined && giveToWaiter(context, from, message, inReplyTo, text)
    if (isTaken) outbox.tellSender(message, "delivered", null)
    else if (context.store.peers.pauseOf(from.peer.id, context.now()) === null) delivery.arrived()
    else outbox.tellSender(message, "held", "paused")
  } catch (error) {
    if (!isDiskTrouble(error)) throw error
    context.log.write(`[${message.shortId}] from ${from.name} waits: ${(error as Error).message}`)
    delivery.wake()
  }
}

/**
 * Whether a command waits for this answer and has it now. Also past the hop limit: the limit ends conversations that
 * go on by themselves, because what is typed is answered; whoever says `--wait` has asked for this one answer.
 */
function giveToWaiter(
  context: Context,
  from: NamedPeer,
  message: Received,
  inReplyTo: string,
  text: string,
): boolean {
  const { store, waiters, log, now } = context
  if (!waiters.has(from.peer.id, inReplyTo) || !store.inbox.claim(message.seq, now())) return false
  log.write(`[${message.shortId}] from ${from.name} given to the command that waits for it`)
  waiters.tell(from.peer.id, inReplyTo, { kind: "reply", shortId: message.shortId, text })
  return true
}

/** A receipt that was taken. */
function toldOf(context: Context, from: NamedPeer, body: Extract<MessageBody, { type: "receipt" }>): void {
  const sent = context.store.outbox.byId(from.peer.id, body.of)
  if (sent === null) return
  context.waiters.tell(from.peer.id, body.of, {
    kind: "state",
    state: body.state,
    reason: body.reason ?? null,
  })
  if (body.state !== "held" || body.reason !== "loop") return
  const words = loopThereWords(context.config.current.name, { name: from.name, replies: sent.hops })
  context.notices.tell(`loop there ${sent.id}`, `${from.name}'s Guardian holds our message: ${words}`)
}

/** The port it had last is the one it prefers next time. */
function rememberPort(context: Context): void {
  const { listen: wish } = context.config.current
  const { host, port } = context.address
  if (!isLoopback(host)) context.log.write(`this agent can be reached from other machines on port ${port}`)
  if (wish.port === port) return
  context.config.update(config => ({ ...config, listen: { ...config.listen, port } }))
}

/** What time ends: requests nobody answered, pairs that never appeared, and what may be forgotten. */
function createSweep(context: Context, sender: Sender): () => void {
  const read = (): Moment => ({ now: context.now(), elapsed: context.elapsed() })
  const began = read()
  let clock: Steadiness = { last: began, since: began.elapsed }
  return () => {
    clock = lookAgain(clock, read())
    endOverdue(context, clock.last.now)
    if (mayForget(clock)) forget(context, clock.last.now)
    tellEnded(context, sender)
  }
}

function endOverdue(context: Context, now: number): void {
  const { store } = context
  for (const request of store.requests.sweep(now)) announce(context, request, { state: "expired" })
  for (const pair of store.peers.overdue(now)) {
    const peer = peerById(context, pair)
    if (peer === null) store.peers.forget(pair)
    else endPair(context, peer)
  }
}
