/** Signed requests to peers, one attempt each, in order within a pair. */
import { type PostAnswer, post } from "../../http/client.ts"
import { isLoopback } from "../../protocol/addresses.ts"
import { readAnswer, signRequest } from "../../protocol/exchange.ts"
import { readTimestamp } from "../../protocol/freshness.ts"
import { visibleLine } from "../../protocol/layout.ts"
import { type Answer, messagesPath, type UnstampedBody } from "../../protocol/messages.ts"
import { isSamePlace, strangerReason } from "../../protocol/moving.ts"
import { saltLength, sealingCoding } from "../../protocol/sealing.ts"
import type { Peer } from "../../store/config.ts"
import type { Context, NamedPeer } from "../context.ts"
import { sleep } from "../sleep.ts"

/** What one attempt brought: the peer's own word, and the IP literal at which it gave it, or none. */
export type Attempt =
  | (Word & { readonly literal: string })
  /** `status`: what answered there, though not rightly signed, or null. */
  | {
      readonly kind: "failed"
      readonly reason: string
      readonly status: number | null
      /** Why nothing answered, or null where something did. */
      readonly cause: Extract<PostAnswer, { kind: "unreachable" }>["cause"] | null
      /** What an answer asked for that was not rightly signed. */
      readonly retryAfterSeconds: number | null
    }

type Word =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "skewed"; readonly aheadSeconds: number }
  | { readonly kind: "later"; readonly retryAfterSeconds: number; readonly reason: string }

const attemptMilliseconds = 15_000

export type Sender = ReturnType<typeof createSender>

export type SenderEvents = {
  /** Told of every attempt that no answer of the peer's came to. */
  readonly onFailed: (pair: string, attempt: Extract<Attempt, { kind: "failed" }>) => void
  /** Told where a peer was when it gave an answer: at the address that `to` holds, at this IP literal. */
  readonly onReached: (to: NamedPeer, literal: string) => void
}

export function createSender(context: Context, { onFailed, onReached }: SenderEvents) {
  const inOrder = new Map<string, Promise<unknown>>()

  /** Behind whatever this pair is already being told. */
  function queue<Value>(pair: string, task: () => Promise<Value>): Promise<Value> {
    const before = inOrder.get(pair) ?? Promise.resolve()
    const mine = before.then(task, task)
    inOrder.set(pair, mine)
    const tidy = (): void => {
      if (inOrder.get(pair) === mine) inOrder.delete(pair)
    }
    mine.then(tidy, tidy)
    return mine
  }

  async function attempt(to: NamedPeer, body: UnstampedBody, milliseconds?: number): Promise<Attempt> {
    const made = await attemptOnce(context, to, body, milliseconds ?? attemptMilliseconds)
    if (made.kind !== "failed") onReached(to, made.literal)
    return made
  }

  return {
    /** Resolves when every attempt under way has ended; those of a Guardian that stops are cut. */
    async stopped(): Promise<void> {
      await Promise.allSettled(inOrder.values())
    },

    /** Tells a peer something that is not a message, once. */
    tell: (to: NamedPeer, body: UnstampedBody): Promise<Attempt> =>
      queue(to.peer.id, async () => {
        const made = await attempt(to, body)
        if (made.kind === "failed") onFailed(to.peer.id, made)
        return made
      }),

    /** One attempt beside whatever else the pair is told, at the address that `to` holds; whoever asks sees to its end. */
    ask: attempt,
  }
}

/** One signed request and its checked answer. */
async function attemptOnce(
  context: Context,
  to: NamedPeer,
  body: UnstampedBody,
  timeoutMilliseconds: number,
): Promise<Attempt> {
  const began = performance.now()
  const salt = to.peer.features.includes(sealingCoding) ? context.random(saltLength) : null
  const request = signRequest(to.peer.id, to.keys, body, context.now(), salt)
  const answer = await post(to.peer.host, to.peer.port, messagesPath, {
    headers: request.headers,
    body: request.body,
    timeoutMilliseconds,
    signal: context.stopping,
  })
  const made =
    answer.kind === "unreachable"
      ? unreached(answer)
      : readAttempt(context, to, { signature: request.signature, id: body.id }, answer)
  if (made.kind === "failed" && isElsewhere(to.peer, answer.literal))
    await sleep(began + timeoutMilliseconds - performance.now(), context.stopping)
  return made
}

/**
 * Whether a name leads where the peer never was. Whoever answers for the name sees when it is asked again: so a
 * failure there takes as long as any, and the time says nothing of what that address did.
 */
const isElsewhere = ({ host, reached, fixed }: Peer, literal: string | null): boolean =>
  fixed !== true && literal !== null && literal !== host && literal !== reached

const unreached = ({ reason, cause }: Extract<PostAnswer, { kind: "unreachable" }>): Attempt => ({
  kind: "failed",
  reason,
  status: null,
  cause,
  retryAfterSeconds: null,
})

function readAttempt(
  context: Context,
  to: NamedPeer,
  request: { signature: string; id: string },
  response: Extract<PostAnswer, { kind: "answered" }>,
): Attempt {
  const answer = readAnswer(to.keys, request, response)
  if (answer === null) return unsigned(context, to, response.status, response.header("Retry-After"))
  context.store.peers.touch(to.peer.id, context.now())
  return { ...wordOf(context, to, answer), literal: response.literal }
}

function wordOf(context: Context, to: NamedPeer, answer: Answer): Word {
  switch (answer.status) {
    case 202:
      return { kind: "accepted" }
    case 400:
      return { kind: "refused", detail: visibleLine(`${answer.error}: ${answer.detail}`).slice(0, 200) }
    case 401:
      return { kind: "skewed", aheadSeconds: skew(context.now(), answer.now) }
    case 429:
      return {
        kind: "later",
        retryAfterSeconds: answer.retryAfter,
        reason: `${to.name} takes 10 messages a minute`,
      }
    case 503:
      return {
        kind: "later",
        retryAfterSeconds: answer.retryAfter,
        reason: `${to.name} cannot take messages now`,
      }
  }
}

/** Anybody on the way can send this: never final. */
function unsigned(context: Context, to: NamedPeer, status: number, retryAfter: string | null): Attempt {
  const reason = strangerReason(to.name, status, occupantOf(context, to))
  const retryAfterSeconds = retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : null
  return { kind: "failed", reason, status, cause: null, retryAfterSeconds }
}

/** Who else is known to be at a peer's address, or null. */
function occupantOf(context: Context, { peer }: NamedPeer): string | null {
  const { agents } = context.config.current
  if (isLoopback(peer.host) && peer.port === context.address.port) return "this agent"
  const other = Object.entries(agents).find(([, one]) => one.id !== peer.id && isSamePlace(one, peer))
  return other?.[0] ?? null
}

/** Seconds by which our clock is ahead of theirs. */
const skew = (now: number, theirs: string): number =>
  Math.round((now - (readTimestamp(theirs) ?? now)) / 1000)
