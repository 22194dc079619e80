/**
 * The Guardian's side of `sento hands`: orders that go over the shared door to a process of the agent's user, and
 * answers that are that user's word. One connection counts at a time, the newest; while there is none nothing is
 * typed, and what was under way is looked for when one is back.
 */
import * as v from "valibot"
import { SentoError } from "../../protocol/errors.ts"
import { type Hands, HandsAway } from "../../tmux/hands.ts"
import { namespacesOf } from "../../tmux/process.ts"
import type { Log } from "../log.ts"
import {
  type Answered,
  type AnswerOf,
  type FromHands,
  fromHandsSchema,
  type HandsOrder,
  type HandsRequest,
  handsVersion,
  readAnswer,
  type ToHands,
} from "./hands-messages.ts"

/** The connection of one `sento hands`. */
export type HandsLine = {
  /** Of the user who connected, as the kernel noted it. */
  readonly uid: number
  /** As this process sees it. */
  readonly pid: number
  say(message: ToHands): void
  /** @param listener - gets each line, of at most `mostHandsBytes` */
  onLine(listener: (line: string) => void): void
  hangUp(): void
  /** Aborted when the connection is over. */
  readonly gone: AbortSignal
}

/**
 * Whether somebody is at the terminal. `tmux`: the version they said they have. `isContained`: they run in a container, as
 * the kernel counts processes. `reason`: why nobody is.
 */
export type HandsState =
  | { readonly connected: true; readonly tmux: string | null; readonly isContained?: true }
  | { readonly connected: false; readonly reason: string }

export type RemoteHands = {
  readonly hands: Hands
  /** Takes a connection on; resolves when it is over. @throws refused for another user, or where a newer one came; config for another version */
  serve(request: HandsRequest, line: HandsLine): Promise<void>
  state(): HandsState
}

export type RemoteOptions = {
  /** The agent's user, whose hands alone are taken. */
  readonly user: string
  readonly uid: number
  readonly log: Pick<Log, "refused" | "sparingly">
  readonly stopping: AbortSignal
  /** How long an answer may take, in milliseconds; typing waits for the program, too. */
  readonly patience?: { readonly answer: number; readonly typing: number }
}

const usualPatience = { answer: 10_000, typing: 120_000 }
/** Orders under way at once. */
const mostPending = 32
const mostToldUnits = 4000

type Pending = {
  readonly op: Answered
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly beforePaste: (() => void | Promise<void>) | null
  hasAsked: boolean
  /** Why the paste was not let begin. */
  refusal: { readonly error: unknown } | null
}

type Connection = {
  readonly line: HandsLine
  readonly tmux: string | null
  readonly pending: Map<number, Pending>
  readonly over: PromiseWithResolvers<void>
}

const stateOf = ({ tmux, line }: Connection): HandsState => ({
  connected: true,
  tmux,
  ...(namespacesOf(line.pid) > namespacesOf(process.pid) ? { isContained: true } : {}),
})

export function createRemoteHands(options: RemoteOptions): RemoteHands {
  const { user, uid, log, stopping } = options
  const patience = options.patience ?? usualPatience
  const nobody = `no \`sento hands\` of ${user} is connected`
  let current: Connection | null = null
  let reason = nobody
  let lastId = 0
  stopping.addEventListener("abort", () => current?.line.hangUp())

  const note = (text: string): boolean => log.sparingly("hands", text)

  async function serve(request: HandsRequest, line: HandsLine): Promise<void> {
    requireUser(line)
    requireVersion(request)
    if (line.gone.aborted) return
    const connection: Connection = {
      line,
      tmux: request.tmux,
      pending: new Map(),
      over: Promise.withResolvers(),
    }
    const older = current
    current = connection
    if (older !== null) leave(older, replaced(user))
    line.gone.addEventListener("abort", () => leave(connection, null))
    line.onLine(text => take(connection, text))
    line.say({ say: "welcome" })
    note(`the hands of ${user} are at the terminal${request.tmux === null ? ", without tmux" : ""}`)
    await connection.over.promise
  }

  function requireUser(line: HandsLine): void {
    if (line.uid === uid) return
    log.refused("hands of another user", `uid ${line.uid}`)
    throw new SentoError(
      "refused",
      `only ${user} can be this agent's hands`,
      `run \`sento hands\` as ${user}`,
    )
  }

  function requireVersion({ version }: HandsRequest): void {
    if (version === handsVersion) return
    log.refused("hands of another version", `version ${version}`)
    reason = `the \`sento hands\` of ${user} is of another version than the Guardian`
    throw new SentoError(
      "config",
      `these hands are of version ${version}, and the Guardian takes orders of version ${handsVersion} to them`,
      "install the same sento for both, then start `sento guard restart` and `sento hands` again",
    )
  }

  /** @param error - for the hands that are left, or null where the connection is over already */
  function leave(connection: Connection, error: SentoError | null): void {
    if (current === connection) {
      current = null
      reason = nobody
      if (!stopping.aborted) note(`the hands of ${user} are gone`)
    }
    const away = stopping.aborted ? stopping.reason : new HandsAway(nobody)
    for (const { reject, refusal } of connection.pending.values()) reject(refusal?.error ?? away)
    connection.pending.clear()
    if (error === null) connection.over.resolve()
    else connection.over.reject(error)
  }

  /** What is no answer to anything ends the connection: an honest one comes back, and begins anew. */
  function cut(connection: Connection, why: string): void {
    log.refused(`hands that ${why}`, "the shared door")
    connection.line.hangUp()
    leave(connection, null)
  }

  function take(connection: Connection, text: string): void {
    if (current !== connection) return
    const message = readLine(text)
    const pending = message === null ? undefined : connection.pending.get(message.id)
    if (message === null || pending === undefined) cut(connection, "said what is no answer")
    else if (message.say === "may") void askedToPaste(connection, message.id, pending)
    else {
      connection.pending.delete(message.id)
      if (!settle(pending, message)) cut(connection, "gave a malformed answer")
    }
  }

  /** False where it is no answer to that order. */
  function settle(pending: Pending, message: Exclude<FromHands, { say: "may" }>): boolean {
    const { op, resolve, reject, refusal } = pending
    const answer = message.say === "done" ? readAnswer(op, message.answer) : null
    if (refusal !== null) reject(refusal.error)
    else if (answer !== null) resolve(answer.value)
    else if (message.say === "failed") reject(new HandsAway(`the hands of ${user} failed: ${message.reason}`))
    else reject(new HandsAway(nobody))
    return answer !== null || refusal !== null || message.say === "failed"
  }

  async function askedToPaste(connection: Connection, id: number, pending: Pending): Promise<void> {
    if (pending.beforePaste === null || pending.hasAsked) return cut(connection, "asked twice to paste")
    pending.hasAsked = true
    try {
      await pending.beforePaste()
    } catch (error) {
      pending.refusal = { error }
    }
    if (current === connection) connection.line.say({ say: "may", id, may: pending.refusal === null })
  }

  function ask<Op extends Answered>(
    order: HandsOrder & { readonly op: Op },
    beforePaste: Pending["beforePaste"] = null,
  ): Promise<AnswerOf[Op]> {
    const connection = current
    if (stopping.aborted) return Promise.reject(stopping.reason)
    if (connection === null) return Promise.reject(new HandsAway(reason))
    if (connection.pending.size >= mostPending)
      return Promise.reject(new HandsAway(`the hands of ${user} have too much to do`))
    lastId += 1
    const id = lastId
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const pending: Pending = { op: order.op, resolve, reject, beforePaste, hasAsked: false, refusal: null }
    connection.pending.set(id, pending)
    const wait = order.op === "type" || order.op === "takeOut" ? patience.typing : patience.answer
    const timer = setTimeout(() => {
      reject(
        pending.refusal?.error ??
          new HandsAway(`the hands of ${user} did not answer within ${wait / 1000} s`),
      )
      connection.pending.delete(id)
      cut(connection, "did not answer in time")
    }, wait)
    timer.unref()
    connection.line.say({ say: "do", id, order })
    return promise.finally(() => clearTimeout(timer)) as Promise<AnswerOf[Op]>
  }

  /** The agent's words about itself, for the owner: marked as such. */
  const said = (words: string): string => `the hands of ${user} say: ${words}`

  return {
    serve,
    state: () => (current === null ? { connected: false, reason } : stateOf(current)),
    hands: {
      async find(kept, wish) {
        const { pane, target } = await ask({ op: "find", kept, wish })
        if (target.kind === "pane") return { pane, target }
        return { pane, target: { ...target, reason: said(target.reason) } }
      },
      take: (session, pane = null) => ask({ op: "take", session, pane }),
      look: (target, allowShell) => ask({ op: "look", target: plainTarget(target), allowShell }),
      async type(
        target,
        text,
        { resume, unseen = false, pastedAt = null, unpressed = false, deliver, allowShell, onPasted },
      ) {
        const outcome = await ask(
          {
            op: "type",
            target: plainTarget(target),
            text,
            resume,
            unseen,
            pastedAt,
            unpressed,
            deliver,
            allowShell,
          },
          onPasted ?? (() => {}),
        )
        return outcome.kind === "submitted" ? outcome : { ...outcome, reason: said(outcome.reason) }
      },
      takeOut: (target, text, { pastedAt, signal }) =>
        signal.aborted
          ? Promise.reject(signal.reason)
          : ask({ op: "takeOut", target: plainTarget(target), text, pastedAt }),
      findOnScreen: (target, shortId) => ask({ op: "findOnScreen", target: plainTarget(target), shortId }),
      async tell(session, text) {
        await ask({ op: "tell", session, text: text.slice(0, mostToldUnits).toWellFormed() })
      },
    },
  }
}

const replaced = (user: string): SentoError =>
  new SentoError("refused", `another \`sento hands\` of ${user} has taken this one's place`, null)

/** Without what else a target may have. */
const plainTarget = ({ pane, profile }: Parameters<Hands["look"]>[0]) => ({ pane, profile })

function readLine(text: string): v.InferOutput<typeof fromHandsSchema> | null {
  try {
    const parsed = v.safeParse(fromHandsSchema, JSON.parse(text) as FromHands)
    return parsed.success ? parsed.output : null
  } catch {
    return null
  }
}
