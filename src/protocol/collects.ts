/**
 * Collects: a side that the other one cannot dial keeps a request open there, and what is to be sent to it comes as
 * the answer. Here are the bytes, and what the holder of open collects decides.
 * @see docs/PROTOCOL.md section 7
 */
import { toBase64Url } from "./bytes.ts"
import { type HeaderReader, openRequest, type PairKeys, pairHeader, signatureHeader } from "./exchange.ts"
import type { Bucket } from "./limiter.ts"
import { type CarriedAnswer, mostCarriedAnswerBytes } from "./messages.ts"

/** Status, headers and body of an answer, wherever it came from. */
export type Response = { readonly status: number; readonly header: HeaderReader; readonly body: Uint8Array }

/** Collects of a pair. Both sides keep to it. */
export const collectBucket: Bucket = { most: 120, seconds: 60 }

/** From the end of one collect: so long its pair counts as one that comes for what there is. */
export const nextCollectMilliseconds = 60_000

/** How long a carried request may take until its answer is here: as long as one that is dialled. */
export const carriedMilliseconds = 15_000

/**
 * A collect may have been on its way for so long when its pair answered a dial, and may be the last one: who was called
 * stops. So such an answer counts as one that came since the collect began.
 */
export const onItsWayMilliseconds = 10_000

/** What a collect may take beyond its `waitSeconds`: at the holder, and at the collector until it gives it up. */
export const graceSeconds = 10

const carriedHeaders = ["Content-Encoding", "Retry-After", signatureHeader] as const

/** An answer as the next collect brings it; null where it is longer than any of ours. */
export function packAnswer({ status, header, body }: Response): CarriedAnswer | null {
  if (body.length > mostCarriedAnswerBytes) return null
  const headers = carriedHeaders.flatMap(name => {
    const value = header(name)
    return value === null ? [] : [[name, value] as const]
  })
  return { status, headers: Object.fromEntries(headers), body: toBase64Url(body) }
}

/** The answer that a collect brought, as if it had been dialled. */
export function unpackAnswer({ status, headers, body }: CarriedAnswer): Response {
  const values = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return {
    status,
    header: name => values.get(name.toLowerCase()) ?? null,
    body: new Uint8Array(Buffer.from(body, "base64url")),
  }
}

/**
 * Whether a 200 to a request of ours holds a request of this very pair, for the receiver to take.
 * @param wanted - the one type that is looked for, or null for every type but a collect
 */
export function holdsRequest(
  pairId: string,
  keys: PairKeys,
  { status, header, body }: Response,
  wanted: "unpair" | null,
): boolean {
  if (status !== 200 || header(pairHeader) !== pairId) return false
  const opened = openRequest(keys, header, body)
  if (opened.kind === "forged") return false
  if (opened.kind === "invalid") return wanted === null
  return wanted === null ? opened.body.type !== "collect" : opened.body.type === wanted
}

/** What a holder has seen of a pair. Times are of a clock that nobody sets, in milliseconds. */
export type Seen = {
  readonly isOpen: boolean
  /** When the last collect ended that was held open for a while; null: there was none since this Guardian started. */
  readonly endedAt: number | null
  /** Whether the pair has answered a dial since that collect began, or so shortly before that it was on its way. */
  readonly hasAnsweredDial: boolean
}

/** How something goes to a pair: in its open collect, in the next one, or dialled. */
export type Way =
  | { readonly kind: "carry" }
  | { readonly kind: "wait"; readonly until: number }
  | { readonly kind: "dial" }

/** @param elapsed - the time, of the same clock */
export function wayTo({ isOpen, endedAt, hasAnsweredDial }: Seen, elapsed: number): Way {
  if (isOpen) return { kind: "carry" }
  if (endedAt === null || hasAnsweredDial) return { kind: "dial" }
  const until = endedAt + nextCollectMilliseconds
  return elapsed < until ? { kind: "wait", until } : { kind: "dial" }
}

/**
 * The timestamp of a collector's next collect: each is later than the one before, also where the clock was set back;
 * not by more than a receiver tolerates.
 * @param last - the timestamp of the one before, or null
 * @param mostAhead - milliseconds by which a timestamp may lie ahead of `now`
 */
export const laterThan = (last: number | null, now: number, mostAhead: number): number =>
  last === null || last < now || last - now >= mostAhead ? now : last + 1
