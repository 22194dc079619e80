/** The background process of one agent: opens everything, connects the parts, closes everything. */

import { randomBytes } from "node:crypto"
import { existsSync, rmSync } from "node:fs"
import { mostHolds } from "../http/crowd.ts"
import { type Listener, type ListenerOptions, listen, type WireHandler } from "../http/listener.ts"
import { ownAddresses } from "../http/own-addresses.ts"
import { formatAddress } from "../protocol/addresses.ts"
import { SentoError } from "../protocol/errors.ts"
import { staleForGoodMilliseconds } from "../protocol/freshness.ts"
import { messagesPath } from "../protocol/messages.ts"
import { type Config, makeFolder, noConfig, readConfig } from "../store/config.ts"
import { homesBeside } from "../store/homes.ts"
import { type Lock, takeLock } from "../store/lock.ts"
import type { Paths } from "../store/paths.ts"
import { readRegistered } from "../store/registry.ts"
import { openStore } from "../store/store.ts"
import { tmuxVersion } from "../tmux/tmux.ts"
import { commit, version } from "../version.ts"
import { findTarget } from "./books/agent-pane.ts"
import { agentProcesses, othersProcesses } from "./books/agent-processes.ts"
import { lossOf, lossWords, noteLoss } from "./books/losses.ts"
import { forgetFiles } from "./books/message-files.ts"
import { hostsToOpen, hostToShow, placesOfHosts } from "./books/own-places.ts"
import { rememberPort } from "./books/own-port.ts"
import { reconcile } from "./books/pairs.ts"
import { type Context, createEvents, holdConfig, peerById } from "./context.ts"
import { forbidCoreDumps } from "./core-dumps.ts"
import { createDispatcher } from "./dispatch.ts"
import type { Distrusted } from "./door/callers.ts"
import { openDoors } from "./door/doors.ts"
import { createArrivals } from "./inbound/arrivals.ts"
import { createDelivery } from "./inbound/delivery.ts"
import { createReceiver } from "./inbound/receiver.ts"
import { createTurns } from "./inbound/turns.ts"
import { openLog } from "./log.ts"
import { createNotices, tellDeferred } from "./notices.ts"
import { createCarrying } from "./outbound/carrying.ts"
import { createCollecting } from "./outbound/collecting.ts"
import { createMoving } from "./outbound/moving.ts"
import { createOutboxWorker } from "./outbound/outbox-worker.ts"
import { createSender } from "./outbound/sender.ts"
import { createSilence } from "./outbound/silence.ts"
import { createWays } from "./outbound/ways.ts"
import { createWhereabouts } from "./outbound/whereabouts.ts"
import { createChatSurfaces } from "./owner/chat-surfaces.ts"
import { createNotifySurface } from "./owner/command.ts"
import { createTmuxSurface } from "./owner/popup.ts"
import { connectSurfaces } from "./owner/surfaces.ts"
import { createJoining } from "./pairing/joining.ts"
import { createMinting, type Minting } from "./pairing/minting.ts"
import { createQuestions } from "./pairing/questions.ts"
import { createReminder } from "./pairing/unpairing.ts"
import { createSweep, forgetCopies } from "./sweep.ts"
import { ownCommand } from "./terminal/own-command.ts"
import { openTerminal } from "./terminal/own-terminal.ts"
import type { RemoteHands } from "./terminal/remote-hands.ts"
import { createWaiters } from "./waiters.ts"
import { watchForSleep } from "./waking.ts"

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
/** How often is looked at what may change without an event. */
const lookMilliseconds = 10_000
const firstLookMilliseconds = 1000

/**
 * Starts the Guardian of a home in this process.
 * @param echo - told each line of the log too
 * @throws try-later when another one runs, config, no-tmux, unreachable
 */
export async function startGuardian(
  paths: Paths,
  now: () => number = Date.now,
  elapsed: () => number = () => performance.now(),
  echo?: (line: string) => void,
): Promise<Guardian> {
  process.umask(0o077)
  if (!existsSync(paths.config) && readConfig(paths) === null) throw noConfig(paths)
  makeFolder(paths)
  // Behind the lock nothing is waited for: what the home is then is what is opened.
  const tmuxFault: unknown = await tmuxVersion().then(
    () => null,
    error => error,
  )
  const lock = takeLock(paths.lock)
  if (lock === null)
    throw new SentoError("try-later", `a Guardian already runs for ${paths.home}`, "see `sento guard status`")
  try {
    // Once, and under the lock: with 10,000 peers that takes longer than anything else here.
    const read = readConfig(paths)
    if (read === null) throw noConfig(paths)
    const log = openLog(paths.log, now, echo)
    if (read.wasTightened) log.write(`${paths.config} could be read by others; now it is yours alone`)
    requireOnlyHome(paths, read.config.agent)
    if (read.config.hardened === undefined && tmuxFault !== null) throw tmuxFault
    return await open(paths, lock, read.config, { now, elapsed, log })
  } catch (error) {
    lock.release()
    throw error
  }
}

/** A backup in the registry would have another Guardian speak as the same agent. @throws config */
function requireOnlyHome(paths: Paths, agent: string): void {
  const twin = homesBeside(paths.home)
    .map(readRegistered)
    .find(({ config }) => config?.agent === agent)
  if (twin === undefined) return
  throw new SentoError(
    "config",
    `${paths.home} and ${twin.paths.home} are the same agent, one a copy of the other`,
    "move the copy away, and run it again",
  )
}

async function open(
  paths: Paths,
  lock: Lock,
  initial: Config,
  { now, elapsed, log }: Pick<Context, "now" | "elapsed" | "log">,
): Promise<Guardian> {
  log.write(`sento ${version} (${commit})`)
  rmSync(paths.stopped, { force: true })
  forgetCopies(paths, log)
  if (!forbidCoreDumps()) log.write("core dumps cannot be forbidden here: one would hold the keys")
  const random = (length: number): Uint8Array => randomBytes(length)
  const stopping = new AbortController()
  const store = openStore(paths.database, random)
  const config = holdConfig(paths, initial)
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
    listening: () => [],
  }
  try {
    // Pins the pane; a tmux that hangs is not waited for.
    await Promise.race([findTarget(context), Bun.sleep(firstLookMilliseconds)])
    return connect(context, lock, stopping, terminal.remote)
  } catch (error) {
    store.close()
    throw error
  }
}

/** Connects the parts, and opens the listener and the doors. */
function connect(
  context: Context,
  lock: Lock,
  stopping: AbortController,
  remote: RemoteHands | null,
): Guardian {
  const { paths, store, log } = context
  const carrying = createCarrying(context, mostHolds(), {
    onCollect: pair => outbox.hasten(pair),
    hasWaiting: pair => outbox.hasWaiting(pair),
  })
  const sender = createSender(context, carrying, {
    onFailed: (pair, failure) => {
      moving.missed(pair, failure, carrying.hasCollected(pair))
      silence.failed(pair)
      ways.failed(pair, failure.reason)
    },
    onAnswered: pair => collecting.answered(pair),
    onReached: (peer, literal) => moving.reached(peer, literal),
    onMissed: pair => collecting.missed(pair),
    onCarried: response => collecting.takeCarried(response, response.literal ?? ""),
  })
  reconcile(context)
  forgetFiles(context)
  noteLoss(context)
  const minting = createMinting(context)
  const outbox = createOutboxWorker(context, sender)
  const moving = createMoving(context, sender, pair => {
    outbox.hasten(pair)
    collecting.hasten(pair)
  })
  const joining = createJoining(context, sender, pair => collecting.paired(pair))
  const questions = createQuestions(context, sender, joining)
  const delivery = createDelivery(context, outbox.tellSender)
  const turns = createTurns(context, { outbox, isIdle: delivery.isIdle })
  const remind = createReminder(context, sender)
  const receive = createReceiver(context, {
    onAdmitted: (from, body, arriving) => onAdmitted(from, body, arriving),
    onRefused: remind,
    onCollected: pair => collecting.heardFrom(pair),
    carrying,
    hasMissed: pair => sender.hasMissed(pair) && outbox.hasWaiting(pair),
  })
  const collecting = createCollecting(context, { sender, receive })
  const onAdmitted = createArrivals(context, { outbox, delivery, moving, collecting })
  const isUntold = (pair: string): boolean => store.peers.untoldOf(pair) !== null
  context.waiters.onEnd(pair => {
    collecting.ended(pair)
    moving.forget(pair)
    sender.forget(pair)
    ways.forget(pair)
    if (!isUntold(pair)) carrying.forget(pair)
  })
  const ways = createWays(context, { collecting, carrying })
  const silence = createSilence(context, {
    hasWaiting: outbox.hasWaiting,
    lastHeard: collecting.lastHeard,
    isCollecting: pair => collecting.stateOf(pair) === "collecting",
  })
  const listener = openListener(context, {
    minting,
    receive,
    onHost: (...of) => whereabouts.hostChanged(...of),
  })
  context.listening = () => listener.open()
  context.address = {
    get host() {
      return hostToShow(context.listening())
    },
    port: listener.port,
  }
  const whereabouts = createWhereabouts(context, {
    addresses: ownAddresses,
    listener,
    collecting,
    carrying,
    outbox,
  })
  const { port: lastPort } = context.config.current.listen
  moving.resume()
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
    whereabouts,
    ways,
    handsState: remote === null ? null : remote.state,
    onStop: asked.resolve,
  })
  const onError = (error: unknown): void => log.write(`bug: ${(error as Error).stack ?? String(error)}`)
  const distrusted = async (): Promise<Distrusted> =>
    new Map([...(await agentProcesses(context)), [process.pid, ownChild]])
  const doors = openDoors(paths, context.config.current.hardened, {
    handle,
    distrusted,
    others: () => othersProcesses(paths),
    isOver: () => stopping.signal.aborted,
    onError,
    hands: remote === null ? null : remote.serve,
    refused: log.refused,
    onGone: () => {
      if (stopping.signal.aborted) return
      log.write("the home or its door was removed")
      asked.resolve()
    },
  })
  const sweepStore = createSweep(context, sender)
  const lookForSleep = watchForSleep(context, () => {
    for (const { id } of Object.values(context.config.current.agents)) {
      if (outbox.hasWaiting(id)) outbox.hasten(id)
      collecting.hasten(id)
    }
    delivery.pausesChanged()
  })
  const sweep = (): void => {
    lookForSleep()
    sweepStore()
    silence.look()
    outbox.look()
    moving.look()
    collecting.look()
    carrying.tidy(pair => peerById(context, pair) !== null || isUntold(pair))
  }
  const look = (): void => {
    lookForSleep()
    doors.look()
    listener.look()
  }
  const ticking = [repeat(look, lookMilliseconds, onError), repeat(sweep, sweepMilliseconds, onError)]
  sweep()
  outbox.resume()
  void collecting.resume(lastPort)
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
  const [first = context.address.host, ...others] = placesOfHosts(listener.open()).map(({ host }) => host)
  const where = [first, ...others].map(host => formatAddress(host, listener.port)).join(", ")
  log.write(`listening on ${where}, pid ${process.pid}`)
  let stopped: Promise<void> | null = null
  async function close(): Promise<void> {
    log.write("stopping")
    stopping.abort()
    ticking.forEach(clearInterval)
    await minting.stop()
    questions.stop()
    await listener.stop()
    await whereabouts.stopped()
    await surfaces.stopped()
    await sender.stopped()
    await outbox.stopped()
    await moving.stopped()
    await collecting.stopped()
    await turns.stopped()
    await delivery.stopped()
    doors.close()
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

function repeat(
  act: () => void,
  milliseconds: number,
  onError: (error: unknown) => void,
): ReturnType<typeof setInterval> {
  return setInterval(() => {
    try {
      act()
    } catch (error) {
      onError(error)
    }
  }, milliseconds)
}

type ListenerParts = Required<Pick<ListenerOptions, "onHost">> & {
  readonly minting: Minting
  readonly receive: WireHandler
}

function openListener(context: Context, { minting, receive, onHost }: ListenerParts): Listener {
  const { listen: wish } = context.config.current
  return listen({
    hosts: hostsToOpen(wish),
    preferredPort: wish.port,
    names: wish.names.map(name => name.toLowerCase()),
    handlers: {
      [messagesPath]: receive,
      "/v1/pair/hello": minting.hello,
      "/v1/pair/confirm": minting.confirm,
      "/v1/pair/decision": minting.decision,
    },
    onHost,
    onRefused: context.log.refused,
    onError: error => context.log.write(`bug: ${(error as Error).stack ?? String(error)}`),
  })
}
