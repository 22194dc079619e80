/** The one worker that types what waits into the agent's pane, oldest first. */
import * as v from "valibot"
import { SentoError } from "../protocol/errors.ts"
import { layOut } from "../protocol/layout.ts"
import { faultPoint } from "../store/faults.ts"
import type { Received } from "../store/messages.ts"
import { findPane, type PaneState, type PinnedPane, paneState, typeText } from "../tmux/pane.ts"
import type { TmuxServer } from "../tmux/tmux.ts"
import { type Context, peerById } from "./context.ts"

export type Delivery = ReturnType<typeof createDelivery>

/** How long a message that cannot go in now waits for the next look. */
const lookMilliseconds = 500

const pinSchema = v.object({ pane: v.string(), pid: v.number(), startTicks: v.number() })

export function createDelivery(context: Context) {
  const { store, log } = context
  let running: Promise<void> | null = null
  let heldFor: string | null = null

  /** Types until nothing waits. Nothing polls then: the next message wakes it. */
  async function run(): Promise<void> {
    while (!context.stopping.aborted) {
      const message = store.inbox.next()
      if (message === null) return
      const hold = await deliver(context, message)
      noteHold(message, hold)
      if (hold !== null) await pause(context.stopping)
    }
  }

  function noteHold(message: Received, hold: string | null): void {
    if (hold === heldFor) return
    heldFor = hold
    if (hold !== null) log.write(`holding [${message.shortId}] from ${message.name}: ${hold}`)
  }

  return {
    /** Something waits; called again while the worker runs it changes nothing. */
    wake(): void {
      running ??= run()
        .catch(error => log.write(`delivery failed: ${(error as Error).stack}`))
        .finally(() => {
          running = null
          if (!context.stopping.aborted && store.inbox.next() !== null)
            setTimeout(() => this.wake(), lookMilliseconds)
        })
    },

    /** What the pane is now, for `guard status`. */
    async look(): Promise<PaneState["state"]> {
      const pinned = await pinnedPane(context)
      return pinned === null ? "absent" : (await paneState(serverOf(context), pinned)).state
    },

    /** The agent's pane process, for the owner's door. */
    async agentPids(): Promise<number[]> {
      const pinned = await pinnedPane(context)
      return pinned === null ? [] : [pinned.pid]
    },

    /** Resolves when the worker has stopped. */
    stopped: (): Promise<void> => running ?? Promise.resolve(),
  }
}

const serverOf = (context: Context): TmuxServer => ({ socket: context.config.current.tmux.socket })

/** The pane of the agent's session: the active one at first use, the same from then on. */
async function pinnedPane(context: Context): Promise<PinnedPane | null> {
  try {
    return await findPinned(context)
  } catch (error) {
    if (error instanceof SentoError && error.code === "no-tmux") return null
    throw error
  }
}

async function findPinned(context: Context): Promise<PinnedPane | null> {
  const kept = v.safeParse(pinSchema, context.store.facts.get("pane"))
  const server = serverOf(context)
  if (kept.success && (await paneState(server, kept.output)).state !== "absent") return kept.output
  const found = await findPane(server, context.config.current.tmux.session)
  if (found !== null) context.store.facts.set("pane", found)
  return found
}

/** Types one message; the reason where it must wait, null when it is settled. */
async function deliver(context: Context, message: Received): Promise<string | null> {
  const { store, now, log } = context
  const settle = (state: Received["state"]): null => {
    store.inbox.mark(message.seq, state, now())
    log.write(`[${message.shortId}] from ${message.name} ${state}`)
    return null
  }
  if (message.state === "typing") return settle("uncertain")
  const pinned = await pinnedPane(context)
  if (pinned === null) return `no tmux session named ${context.config.current.tmux.session}`
  const pane = await paneState(serverOf(context), pinned)
  if (pane.state === "absent") return "the pane is gone"
  if (pane.state === "shell") return `a shell runs in the pane (${pane.program})`
  const peer = peerById(context, message.pair)
  if (peer === null) return settle("dropped")
  faultPoint("before-typing-is-noted")
  if (!store.inbox.mark(message.seq, "typing", now())) return null
  faultPoint("after-typing-is-noted")
  await typeText(serverOf(context), pinned, layOut(peer.name, message.shortId, message.text))
  faultPoint("after-text-is-typed")
  settle("delivered")
  faultPoint("after-delivery-is-noted")
  return null
}

function pause(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, lookMilliseconds)
  signal.addEventListener("abort", () => resolve(), { once: true })
  return promise.finally(() => clearTimeout(timer))
}
