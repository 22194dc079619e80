/** Signed requests to peers, one attempt each, in order within a pair. */
import { type PostAnswer, post } from "../http/client.ts"
import { SentoError } from "../protocol/errors.ts"
import { readAnswer, signRequest } from "../protocol/exchange.ts"
import { formatTimestamp, readTimestamp } from "../protocol/freshness.ts"
import { messagesPath, type UnstampedBody } from "../protocol/messages.ts"
import { saltLength, sealingCoding } from "../protocol/sealing.ts"
import type { Sent } from "../store/messages.ts"
import type { Context, NamedPeer } from "./context.ts"
import type { SendResult } from "./door-requests.ts"
import { requirePeer, requireSendable } from "./requirements.ts"

/** What one attempt brought. Only the first three are the peer's own word. */
export type Attempt =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "skewed"; readonly aheadSeconds: number }
  | { readonly kind: "later"; readonly retryAfterSeconds: number; readonly reason: string }
  /** `status`: what answered there, though not rightly signed, or null. */
  | { readonly kind: "failed"; readonly reason: string; readonly status: number | null }

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

    /**
     * Keeps a message on disk and sends it, once.
     * @param inReplyTo - the id of the message it answers, or null
     * @throws unknown-agent, too-long, unreachable, try-later, refused, failed
     */
    async send(to: string, text: string, inReplyTo: string | null, hops: number): Promise<SendResult> {
      const peer = requirePeer(context, to)
      requireSendable(text)
      const id = Bun.randomUUIDv7()
      const message = { pair: peer.peer.id, name: to, id, text, inReplyTo, hops }
      const sent = await context.store.commit(() => context.store.outbox.keep(message, context.now()))
      return queue(peer.peer.id, async () =>
        conclude(context, sent, await attempt(context, peer, bodyOf(sent))),
      )
    },
  }
}

function bodyOf(sent: Sent): UnstampedBody {
  return {
    v: 1,
    id: sent.id,
    type: "message",
    text: sent.text,
    createdAt: formatTimestamp(sent.createdAt),
    hops: sent.hops,
    ...(sent.inReplyTo === null ? {} : { inReplyTo: sent.inReplyTo }),
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
  if (answer.kind === "unreachable") return { kind: "failed", reason: answer.reason, status: null }
  return readAttempt(context, to, { signature: request.signature, id: body.id }, answer)
}

function readAttempt(
  context: Context,
  to: NamedPeer,
  request: { signature: string; id: string },
  response: Extract<PostAnswer, { kind: "answered" }>,
): Attempt {
  const answer = readAnswer(to.keys, request, response)
  if (answer === null) return unsigned(to, response.status)
  context.store.peers.touch(to.peer.id, context.now())
  switch (answer.status) {
    case 202:
      return { kind: "accepted" }
    case 400:
      return { kind: "refused", detail: `${answer.error}: ${answer.detail}` }
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
function unsigned(to: NamedPeer, status: number): Attempt {
  const reason =
    status === 403
      ? `${to.name}'s address answers, but not as ${to.name}: it may have moved, or removed this agent`
      : `${to.name}'s address gave an answer that is not ${to.name}'s (HTTP ${status})`
  return { kind: "failed", reason, status }
}

/** Seconds by which our clock is ahead of theirs. */
const skew = (now: number, theirs: string): number =>
  Math.round((now - (readTimestamp(theirs) ?? now)) / 1000)

/** Writes down what became of the one attempt, and says it. */
function conclude(context: Context, sent: Sent, attempt: Attempt): SendResult {
  const settle = (state: "accepted" | "refused" | "failed", reason: string | null): void => {
    context.store.outbox.settle(sent.seq, state, reason, context.now())
    context.log.write(`to ${sent.name}: ${sent.id} ${state}${reason === null ? "" : ` (${reason})`}`)
  }
  if (attempt.kind === "accepted") {
    settle("accepted", null)
    return { id: sent.id, to: sent.name, status: "accepted" }
  }
  const failure = failureOf(sent.name, attempt)
  settle(attempt.kind === "refused" ? "refused" : "failed", failure.message)
  throw failure
}

function failureOf(name: string, attempt: Exclude<Attempt, { kind: "accepted" }>): SentoError {
  switch (attempt.kind) {
    case "refused":
      return new SentoError("failed", `${name} refused the message: ${attempt.detail}`)
    case "skewed":
      return new SentoError(
        "failed",
        `this machine's clock is ${Math.abs(attempt.aheadSeconds)} s ${attempt.aheadSeconds > 0 ? "ahead of" : "behind"} ${name}'s`,
        "set both clocks (`timedatectl`), then send again",
      )
    case "later":
      return new SentoError(
        "try-later",
        attempt.reason,
        `send again in ${Math.ceil(attempt.retryAfterSeconds)} s`,
      )
    case "failed":
      return new SentoError(
        "unreachable",
        `cannot reach ${name}: ${attempt.reason}`,
        `ask ${name}'s owner to run \`sento guard\`, then send again`,
      )
  }
}
