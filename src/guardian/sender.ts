/** Signed requests to peers, one attempt each, in order within a pair. */
import { type PostAnswer, post } from "../http/client.ts"
import { readAnswer, signRequest } from "../protocol/exchange.ts"
import { readTimestamp } from "../protocol/freshness.ts"
import { sanitise } from "../protocol/layout.ts"
import { messagesPath, type UnstampedBody } from "../protocol/messages.ts"
import { saltLength, sealingCoding } from "../protocol/sealing.ts"
import type { Context, NamedPeer } from "./context.ts"

/** What one attempt brought. Only the first three are the peer's own word. */
export type Attempt =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "skewed"; readonly aheadSeconds: number }
  | { readonly kind: "later"; readonly retryAfterSeconds: number; readonly reason: string }
  /** `status`: what answered there, though not rightly signed, or null. */
  | {
      readonly kind: "failed"
      readonly reason: string
      readonly status: number | null
      /** What an answer asked for that was not rightly signed. */
      readonly retryAfterSeconds: number | null
    }

const attemptMilliseconds = 15_000

export type Sender = ReturnType<typeof createSender>

export function createSender(context: Context) {
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

  return {
    /** Resolves when every attempt under way has ended; those of a Guardian that stops are cut. */
    async stopped(): Promise<void> {
      await Promise.allSettled(inOrder.values())
    },

    /** Tells a peer something that is not a message, once. */
    tell: (to: NamedPeer, body: UnstampedBody): Promise<Attempt> =>
      queue(to.peer.id, () => attempt(context, to, body)),
  }
}

/** One signed request and its checked answer. */
async function attempt(context: Context, to: NamedPeer, body: UnstampedBody): Promise<Attempt> {
  const salt = to.peer.features.includes(sealingCoding) ? context.random(saltLength) : null
  const request = signRequest(to.peer.id, to.keys, body, context.now(), salt)
  const answer = await post(to.peer.host, to.peer.port, messagesPath, {
    headers: request.headers,
    body: request.body,
    timeoutMilliseconds: attemptMilliseconds,
    signal: context.stopping,
  })
  if (answer.kind === "unreachable")
    return { kind: "failed", reason: answer.reason, status: null, retryAfterSeconds: null }
  return readAttempt(context, to, { signature: request.signature, id: body.id }, answer)
}

function readAttempt(
  context: Context,
  to: NamedPeer,
  request: { signature: string; id: string },
  response: Extract<PostAnswer, { kind: "answered" }>,
): Attempt {
  const answer = readAnswer(to.keys, request, response)
  if (answer === null) return unsigned(to, response.status, response.header("Retry-After"))
  context.store.peers.touch(to.peer.id, context.now())
  switch (answer.status) {
    case 202:
      return { kind: "accepted" }
    case 400:
      return { kind: "refused", detail: sanitise(`${answer.error}: ${answer.detail}`).slice(0, 200) }
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
function unsigned(to: NamedPeer, status: number, retryAfter: string | null): Attempt {
  const reason =
    status === 403
      ? `${to.name}'s address answers, but not as ${to.name}: it may have moved, or removed this agent`
      : `${to.name}'s address gave an answer that is not ${to.name}'s (HTTP ${status})`
  const retryAfterSeconds = retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : null
  return { kind: "failed", reason, status, retryAfterSeconds }
}

/** Seconds by which our clock is ahead of theirs. */
const skew = (now: number, theirs: string): number =>
  Math.round((now - (readTimestamp(theirs) ?? now)) / 1000)
