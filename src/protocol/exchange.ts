/**
 * One signed request and its answer, both sides, on bytes alone.
 * @see docs/PROTOCOL.md sections 3 and 5
 */
import * as v from "valibot"
import { type Bytes, decodeJson, utf8 } from "./bytes.ts"
import { formatTimestamp, readTimestamp } from "./freshness.ts"
import {
  type Answer,
  type AnswerContent,
  answerSchema,
  bodySchema,
  describeIssues,
  envelopeSchema,
  type MessageBody,
  type UnstampedBody,
} from "./messages.ts"
import { seal, sealingCoding, sealingKey, unseal } from "./sealing.ts"
import { answerKey, signMessage, verifyMessage } from "./signatures.ts"

/** One side's keys of a pair, 32 bytes each: it signs with `send`, the other side with `receive`. */
export type PairKeys = { readonly send: Uint8Array; readonly receive: Uint8Array }

export const pairHeader = "X-Sento-Pair"
export const timestampHeader = "X-Sento-Timestamp"
export const signatureHeader = "X-Sento-Signature"

/** A body with the headers that vouch for it. */
export type SignedBytes = {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Bytes
  readonly signature: string
}

/** Reads one header, null where it is absent; joined duplicates fail the patterns that follow. */
export type HeaderReader = (name: string) => string | null

/**
 * A request for this attempt: stamped, sealed where the peer can open it, signed.
 * @param pairId - 32 hex digits
 * @param now - milliseconds since the epoch
 * @param salt - 16 fresh random bytes to encrypt with, or null for plain JSON
 */
export function signRequest(
  pairId: string,
  keys: PairKeys,
  unstamped: UnstampedBody,
  now: number,
  salt: Uint8Array | null,
): SignedBytes {
  const timestamp = formatTimestamp(now)
  const plain = utf8(JSON.stringify({ ...unstamped, timestamp }))
  const body = salt === null ? plain : seal(sealingKey(keys.send), salt, plain)
  const signature = signMessage(keys.send, body)
  const headers = {
    "Content-Type": "application/json",
    ...(salt === null ? {} : { "Content-Encoding": sealingCoding }),
    [pairHeader]: pairId,
    [timestampHeader]: timestamp,
    [signatureHeader]: signature,
  }
  return { headers, body, signature }
}

/** What a request turned out to be. Until the signature holds nothing of it is answered but the one 403. */
export type OpenedRequest =
  | { readonly kind: "forged"; readonly reason: string }
  | {
      readonly kind: "invalid"
      readonly signature: string
      readonly isSealed: boolean
      readonly detail: string
      /** Null where even that could not be read. */
      readonly sentAt: number | null
    }
  | {
      readonly kind: "valid"
      readonly signature: string
      readonly isSealed: boolean
      readonly body: MessageBody
      readonly sentAt: number
    }

/** Stands in for the keys of a pair nobody knows, so that its refusal takes as long as any other. */
export const nobodysKeys: PairKeys = { send: new Uint8Array(32), receive: new Uint8Array(32) }

/** Whether the headers of a request have the right form; the pair id when they do. */
export function readRequestHeaders(header: HeaderReader): { pairId: string; timestamp: string } | null {
  const pairId = header(pairHeader)
  const timestamp = header(timestampHeader)
  const signature = header(signatureHeader)
  const coding = header("Content-Encoding")
  if (pairId === null || !/^[0-9a-f]{32}$/.test(pairId)) return null
  if (timestamp === null || readTimestamp(timestamp) === null) return null
  if (signature === null || !/^[0-9a-f]{64}$/.test(signature)) return null
  return coding === null || coding === sealingCoding ? { pairId, timestamp } : null
}

/**
 * Checks and opens a request whose headers have the right form: signature over the raw bytes, decryption,
 * UTF-8, JSON, schema. A content coding or a header timestamp that does not fit the signed bytes was
 * changed on the way: forged.
 */
export function openRequest(keys: PairKeys, header: HeaderReader, bytes: Uint8Array): OpenedRequest {
  const signature = header(signatureHeader) ?? ""
  if (!verifyMessage(keys.receive, bytes, signature)) return { kind: "forged", reason: "signature" }
  const isSealed = header("Content-Encoding") !== null
  const plain = isSealed ? unseal(sealingKey(keys.receive), bytes) : bytes
  if (plain === null) return { kind: "forged", reason: "content coding" }
  if (!isSealed && unseal(sealingKey(keys.receive), bytes) !== null)
    return { kind: "forged", reason: "content coding removed" }
  return readBody(decodeJson(plain), signature, isSealed, header(timestampHeader) ?? "")
}

function readBody(value: unknown, signature: string, isSealed: boolean, stamp: string): OpenedRequest {
  const claimed = (value as { timestamp?: unknown } | null | undefined)?.timestamp
  if (typeof claimed === "string" && claimed !== stamp) return { kind: "forged", reason: "timestamp header" }
  const sentAt = typeof claimed === "string" ? readTimestamp(claimed) : null
  const invalid = (detail: string): OpenedRequest => ({
    kind: "invalid",
    signature,
    isSealed,
    detail,
    sentAt,
  })
  if (value === undefined) return invalid("the body is not UTF-8 JSON")
  const envelope = v.safeParse(envelopeSchema, value)
  if (!envelope.success || sentAt === null) return invalid(describeIssues(envelope.issues ?? []))
  const body = v.safeParse(bodySchema, value)
  if (!body.success) return invalid(describeIssues(body.issues))
  return { kind: "valid", signature, isSealed, body: body.output, sentAt }
}

/**
 * An answer, tied to the request by `re` and signed with a key derived from the answerer's sending key;
 * sealed where the request was.
 */
export function signAnswer(
  keys: PairKeys,
  re: string,
  content: AnswerContent,
  salt: Uint8Array | null,
): SignedBytes {
  const plain = utf8(JSON.stringify({ v: 1, re, ...content }))
  const body = salt === null ? plain : seal(sealingKey(keys.send), salt, plain)
  const signature = signMessage(answerKey(keys.send), body)
  const headers: Record<string, string> = {
    "Content-Type": "application/json",
    ...(salt === null ? {} : { "Content-Encoding": sealingCoding }),
    [signatureHeader]: signature,
    ...("retryAfter" in content ? { "Retry-After": String(Math.ceil(content.retryAfter)) } : {}),
  }
  return { headers, body, signature }
}

/**
 * The answer to a request of ours, or null for anything that is not rightly signed, sealed, tied to this
 * request and this id, and of the status it came with: that counts as a failed transport.
 */
export function readAnswer(
  keys: PairKeys,
  request: { readonly signature: string; readonly id: string },
  response: { readonly status: number; readonly header: HeaderReader; readonly body: Uint8Array },
): Answer | null {
  const signature = response.header(signatureHeader) ?? ""
  if (!verifyMessage(answerKey(keys.receive), response.body, signature)) return null
  const coding = response.header("Content-Encoding")
  if (coding !== null && coding !== sealingCoding) return null
  const plain = coding !== null ? unseal(sealingKey(keys.receive), response.body) : response.body
  const answer = v.safeParse(answerSchema, plain === null ? undefined : decodeJson(plain))
  if (!answer.success) return null
  const { re, status } = answer.output
  if (re !== request.signature || status !== response.status) return null
  return answer.output.status === 202 && answer.output.id !== request.id ? null : answer.output
}
