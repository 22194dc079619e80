/**
 * `sento hands`: works at the agent's terminal for a Guardian that runs as another user (hardened mode). It runs as
 * the agent's user, in the agent's tmux, and is that Guardian's only way to the pane.
 */
import { statSync } from "node:fs"
import { dirname } from "node:path"
import * as v from "valibot"
import { type DoorLine, errorOf, NoGuardian, openLine } from "../guardian/door/client.ts"
import {
  type FromHands,
  type HandsOrder,
  type HandsRequest,
  handsVersion,
  type ToHands,
  toHandsSchema,
} from "../guardian/terminal/hands-messages.ts"
import { SentoError } from "../protocol/errors.ts"
import { faultPoint } from "../store/faults.ts"
import type { Paths } from "../store/paths.ts"
import type { Hands } from "../tmux/hands.ts"
import { createHands } from "../tmux/own-hands.ts"
import { socketOfEnvironment, type TmuxServer, tmuxVersion } from "../tmux/tmux.ts"
import { type AddCommand, command } from "./command.ts"
import type { Io } from "./io.ts"
import { printJson, tell } from "./terminal.ts"

/** The words of `sento hands`. */
export const addHands: AddCommand = (program, { io, paths, finish }) =>
  command(
    program,
    "hands",
    "type for a Guardian of another user, as the agent's user (hardened mode)",
  ).action(({ json = false }) => finish(hands(io, paths(), json)))

const firstWaitMilliseconds = 100
/** A Guardian that starts is found within this time. */
const longestWaitMilliseconds = 2000

/**
 * Until the Guardian says that it is over: it comes back whenever the Guardian does.
 * @throws usage outside hardened mode; whatever SentoError the Guardian answers
 */
export async function hands(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  if (!paths.isAgentSide)
    throw new SentoError(
      "usage",
      "SENTO_DOOR does not say where the Guardian's door is",
      "this is for the agent's user in hardened mode: see the steps of `sento init --hardened`",
    )
  const server = { socket: socketOfEnvironment(io.environment.TMUX) }
  const request: HandsRequest = { op: "hands", version: handsVersion, tmux: await versionOrNull() }
  const say = teller(io, paths, isJson)
  for (let wait = firstWaitMilliseconds; ; wait = Math.min(2 * wait, longestWaitMilliseconds)) {
    const wasWelcome = await serve(paths, server, request, () => say("connected")).catch(failure => {
      if (!(failure instanceof CannotReach)) throw failure
      return false
    })
    say("waiting")
    if (wasWelcome) wait = firstWaitMilliseconds
    await Bun.sleep(wait)
  }
}

async function versionOrNull(): Promise<string | null> {
  const version = await tmuxVersion().catch(() => "")
  return /^[\w.+-]{1,32}$/.test(version) ? version : null
}

type Event = "connected" | "waiting"

/** Says only what has changed. */
function teller(io: Io, { agentSocket }: Paths, isJson: boolean): (event: Event) => void {
  let last: Event | null = null
  return event => {
    if (event === last) return
    last = event
    if (isJson) printJson(io, { event })
    else if (event === "connected") tell(io, `the Guardian at ${agentSocket} has hands here`)
    else tell(io, `no Guardian answers at ${agentSocket}; waiting for it`)
  }
}

/** The door is not there, or not open to this user; later it may be. */
class CannotReach extends Error {}

/**
 * Whoever listens at the door has this user's hands type: it must be somebody to whom this user's group was given, in
 * a directory where nobody else can put a socket (2750, as the steps make it), or this user.
 * @throws CannotReach where it is not there; config
 */
function requireDoor({ agentSocket }: Paths): void {
  const folder = dirname(agentSocket)
  const stat = statSync(folder, { throwIfNoEntry: false })
  if (stat === undefined) throw new CannotReach()
  const isShared = stat.gid === process.getegid?.() && (stat.mode & 0o022) === 0
  if (isShared || stat.uid === process.geteuid?.()) return
  throw new SentoError(
    "config",
    `${folder} is not a directory that a Guardian shares with this user`,
    "see the steps of `sento init --hardened`: its group is this user's, and only its owner writes there",
  )
}

/** One connection, until it is over. @returns whether the Guardian took it on @throws CannotReach, SentoError */
async function serve(
  paths: Paths,
  server: TmuxServer,
  request: HandsRequest,
  onWelcome: () => void,
): Promise<boolean> {
  const over = Promise.withResolvers<void>()
  over.promise.catch(() => {})
  const gone = new AbortController()
  let isWelcome = false
  const work = createWork(createHands({ ...server, signal: gone.signal }), gone.signal)
  const takeLine = (text: string): void => {
    const message = readLine(text)
    if (message instanceof SentoError) over.reject(message)
    else if (message.say === "may") work.allow(message.id, message.may)
    else if (message.say === "do") void work.carryOut(message.id, message.order, line)
    else {
      isWelcome = true
      onWelcome()
    }
  }
  requireDoor(paths)
  const line = await openLine(paths, "agent", takeLine, () => over.resolve()).catch(cannotReach)
  try {
    line.say(request)
    await over.promise
    return isWelcome
  } finally {
    gone.abort(new Error("the Guardian hung up"))
    line.end()
  }
}

function cannotReach(error: unknown): never {
  if (error instanceof NoGuardian || (error as SentoError).code === "failed") throw new CannotReach()
  throw error
}

/** A line of the Guardian's, or the error that it is or that it makes. */
function readLine(text: string): ToHands | SentoError {
  try {
    const value = JSON.parse(text)
    if (value?.error !== undefined) return errorOf(value.error)
    return v.parse(toHandsSchema, value)
  } catch {
    return new SentoError(
      "config",
      "the Guardian asks for what these hands do not know",
      "install the same sento for both, then start `sento guard restart` and `sento hands` again",
    )
  }
}

/** Carries orders out, each as it comes; what is under way ends with the connection. */
function createWork(hands: Hands, gone: AbortSignal) {
  const permits = new Map<number, PromiseWithResolvers<void>>()
  gone.addEventListener("abort", () => {
    for (const { reject } of permits.values()) reject(gone.reason)
  })

  /** Waits until the Guardian has noted the paste. @throws Error where it does not want it any more */
  function permit(id: number, say: (message: FromHands) => void): Promise<void> {
    const permit = Promise.withResolvers<void>()
    permits.set(id, permit)
    if (gone.aborted) permit.reject(gone.reason)
    say({ say: "may", id })
    return permit.promise
  }

  return {
    allow(id: number, may: boolean): void {
      const permit = permits.get(id)
      permits.delete(id)
      if (may) permit?.resolve()
      else permit?.reject(new Error("the paste was called off"))
    },

    async carryOut(id: number, order: HandsOrder, line: DoorLine): Promise<void> {
      const say = (message: FromHands): void => {
        if (!gone.aborted) line.say(message)
      }
      const beforePaste = async (): Promise<void> => {
        await permit(id, say)
        faultPoint("after-paste-is-allowed")
      }
      try {
        say({ say: "done", id, answer: await perform(hands, order, gone, beforePaste) })
      } catch (error) {
        say({ say: "failed", id, reason: (error as Error).message })
      }
    },
  }
}

async function perform(
  hands: Hands,
  order: HandsOrder,
  signal: AbortSignal,
  onPasted: () => Promise<void>,
): Promise<unknown> {
  switch (order.op) {
    case "find":
      return hands.find(order.kept, order.wish)
    case "take":
      return hands.take(order.session, order.pane)
    case "look":
      return hands.look(order.target, order.allowShell)
    case "type": {
      const { target, text, resume, unseen, pastedAt, unpressed, deliver, allowShell } = order
      return hands.type(target, text, {
        resume,
        unseen,
        pastedAt,
        unpressed,
        deliver,
        allowShell,
        signal,
        onPasted,
      })
    }
    case "takeOut":
      return hands.takeOut(order.target, order.text, { pastedAt: order.pastedAt, signal })
    case "findOnScreen":
      return hands.findOnScreen(order.target, order.shortId)
    case "tell":
      await hands.tell(order.session, order.text)
      return null
  }
}
