/**
 * A peer written from docs/PROTOCOL.md alone, over raw sockets and node:crypto: it imports nothing of src/,
 * so a mistake there cannot hide by being made twice.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto"
import { connect, type Socket } from "node:net"

/** Keys in hex, as a config holds them; `send` is what this client signs with. */
export type ClientPair = { readonly id: string; readonly send: string; readonly receive: string }

export type Headers = readonly (readonly [string, string])[]
export type Request = { readonly headers: Headers; readonly body: Buffer; readonly signature: string }
export type Response = {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
  /** Everything up to the body, without the value of Date. */
  readonly head: string
}

export const newPair = (): ClientPair => ({
  id: randomBytes(16).toString("hex"),
  send: randomBytes(32).toString("hex"),
  receive: randomBytes(32).toString("hex"),
})

/** A UUIDv7 of this time (RFC 9562 section 5.7). */
export function uuidV7(now: number): string {
  const hex = now.toString(16).padStart(12, "0")
  const random = randomBytes(10).toString("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${random.slice(0, 3)}-a${random.slice(3, 6)}-${random.slice(6, 18)}`
}

export const stamp = (now: number): string => new Date(now).toISOString()

export function messageBody(now: number, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { v: 1, id: uuidV7(now), timestamp: stamp(now), type: "message", text: "hi", ...fields }
}

export const hmac = (key: Buffer, bytes: Uint8Array): string =>
  createHmac("sha256", key).update(bytes).digest("hex")

const derive = (key: Uint8Array, salt: Uint8Array, name: string, length: number): Buffer =>
  Buffer.from(hkdfSync("sha256", key, salt, name, length))

/** RFC 8188 with the parameters of section 5. */
export function sealBody(
  key: string,
  plain: Uint8Array,
  { recordSize = 262_144, delimiter = 2 }: { recordSize?: number; delimiter?: number } = {},
): Buffer {
  const salt = randomBytes(16)
  const material = derive(Buffer.from(key, "hex"), new Uint8Array(), "sento/1/seal", 32)
  const cipher = createCipheriv(
    "aes-128-gcm",
    derive(material, salt, "Content-Encoding: aes128gcm\0", 16),
    derive(material, salt, "Content-Encoding: nonce\0", 12),
  )
  const size = Buffer.alloc(5)
  size.writeUInt32BE(recordSize)
  const record = [cipher.update(Buffer.concat([plain, Buffer.from([delimiter])])), cipher.final()]
  return Buffer.concat([salt, size, ...record, cipher.getAuthTag()])
}

function openBody(key: string, sealed: Buffer): Buffer {
  const salt = sealed.subarray(0, 16)
  const material = derive(Buffer.from(key, "hex"), new Uint8Array(), "sento/1/seal", 32)
  const decipher = createDecipheriv(
    "aes-128-gcm",
    derive(material, salt, "Content-Encoding: aes128gcm\0", 16),
    derive(material, salt, "Content-Encoding: nonce\0", 12),
  )
  decipher.setAuthTag(sealed.subarray(-16))
  const plain = Buffer.concat([decipher.update(sealed.subarray(21, -16)), decipher.final()])
  if (sealed.readUInt32BE(16) !== 262_144 || sealed[20] !== 0 || plain.at(-1) !== 2)
    throw new Error("not one whole record")
  return plain.subarray(0, -1)
}

/** Bytes with the headers that vouch for them. */
export function signBytes(pair: ClientPair, body: Uint8Array, timestamp: string, isSealed: boolean): Request {
  const signature = hmac(Buffer.from(pair.send, "hex"), body)
  const headers: Headers = [
    ["Content-Type", "application/json"],
    ...(isSealed ? [["Content-Encoding", "aes128gcm"] as const] : []),
    ["X-Sento-Pair", pair.id],
    ["X-Sento-Timestamp", timestamp],
    ["X-Sento-Signature", signature],
  ]
  return { headers, body: Buffer.from(body), signature }
}

export function signPlain(pair: ClientPair, body: Record<string, unknown>): Request {
  return signBytes(pair, Buffer.from(JSON.stringify(body)), String(body.timestamp), false)
}

export function signSealed(pair: ClientPair, body: Record<string, unknown>): Request {
  const sealed = sealBody(pair.send, Buffer.from(JSON.stringify(body)))
  return signBytes(pair, sealed, String(body.timestamp), true)
}

/** The answer's JSON. @throws where it is not signed by the peer, or not tied to this request */
export function openAnswer(pair: ClientPair, request: Request, response: Response): Record<string, unknown> {
  const key = derive(Buffer.from(pair.receive, "hex"), new Uint8Array(), "sento/1/answer", 32)
  if (headerOf(response, "x-sento-signature") !== hmac(key, response.body))
    throw new Error(`HTTP ${response.status} is not signed`)
  const isSealed = headerOf(response, "content-encoding") === "aes128gcm"
  const plain = isSealed ? openBody(pair.receive, response.body) : response.body
  const answer = JSON.parse(plain.toString()) as Record<string, unknown>
  if (answer.re !== request.signature || answer.status !== response.status)
    throw new Error("an answer to something else")
  return answer
}

/** A request that came as the answer to a collect (section 7). */
export type Carried = {
  readonly request: Request
  readonly isSealed: boolean
  readonly body: Readonly<Record<string, unknown>>
}

/** @throws where it is none of the peer's, byte for byte as it would have been posted */
export function openCarried(pair: ClientPair, response: Response): Carried {
  const signature = headerOf(response, "x-sento-signature") ?? ""
  if (response.status !== 200 || headerOf(response, "x-sento-pair") !== pair.id)
    throw new Error(`HTTP ${response.status} carries nothing`)
  if (signature !== hmac(Buffer.from(pair.receive, "hex"), response.body)) throw new Error("not signed")
  const isSealed = headerOf(response, "content-encoding") === "aes128gcm"
  const body = readRequest(pair, isSealed, response.body)
  if (body.timestamp !== headerOf(response, "x-sento-timestamp")) throw new Error("another timestamp")
  return { request: { headers: response.headers, body: response.body, signature }, isSealed, body }
}

/** What a carried request was answered, as the next collect brings it. */
export function packAnswer(
  pair: ClientPair,
  { request, isSealed }: Pick<Carried, "request" | "isSealed">,
  content: Record<string, unknown>,
): Record<string, unknown> {
  const answer = signAnswer(pair, { v: 1, re: request.signature, ...content }, isSealed)
  const { "Content-Type": _, ...headers } = answer.headers
  return { status: content.status, headers, body: answer.body.toString("base64url") }
}

/** An answer as a peer of ours gives it. */
export function signAnswer(
  pair: ClientPair,
  content: Record<string, unknown>,
  isSealed: boolean,
): { body: Buffer; headers: Record<string, string> } {
  const plain = Buffer.from(JSON.stringify(content))
  const body = isSealed ? sealBody(pair.send, plain) : plain
  const key = derive(Buffer.from(pair.send, "hex"), new Uint8Array(), "sento/1/answer", 32)
  const headers = { "Content-Type": "application/json", "X-Sento-Signature": hmac(key, body) }
  return { body, headers: isSealed ? { ...headers, "Content-Encoding": "aes128gcm" } : headers }
}

/** The JSON of a request that reached a peer of ours, sealed or not. */
export function readRequest(pair: ClientPair, isSealed: boolean, body: Buffer): Record<string, unknown> {
  const plain = isSealed ? openBody(pair.receive, body) : body
  return JSON.parse(plain.toString()) as Record<string, unknown>
}

export const headerOf = (response: Response, name: string): string | null =>
  response.headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? null

/** Request line, Host, the headers in this order, the length, the body: nothing is added or tidied. */
export function spell(
  port: number,
  request: Pick<Request, "headers" | "body">,
  start = "POST /v1/messages HTTP/1.1",
  host: string | null = `127.0.0.1:${port}`,
): Buffer {
  const all: Headers = [
    ...(host === null ? [] : [["Host", host] as const]),
    ...request.headers,
    ["Content-Length", String(request.body.length)],
  ]
  const lines = [start, ...all.map(([name, value]) => `${name}: ${value}`)]
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), request.body])
}

/** Writes the bytes on a connection of their own and reads one answer; null where it was cut without one. */
export const exchange = (port: number, bytes: Uint8Array): Promise<Response | null> =>
  openExchange(port, bytes).answer

/** The same, with the connection, which may be closed before. @param from - an address of this machine */
export function openExchange(
  port: number,
  bytes: Uint8Array,
  from = "127.0.0.1",
): { readonly answer: Promise<Response | null>; readonly socket: Socket } {
  const { promise, resolve, reject } = Promise.withResolvers<Response | null>()
  const socket = connect({ port, host: "127.0.0.1", localAddress: from })
  let received: Buffer = Buffer.alloc(0)
  const end = (): void => {
    resolve(readResponse(received, true))
    socket.destroy()
  }
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    if (readResponse(received, false) !== null) end()
  })
  socket.on("error", error => (received.length > 0 ? end() : reject(error)))
  socket.on("close", end)
  socket.write(bytes)
  return { answer: promise, socket }
}

export const post = async (port: number, request: Pick<Request, "headers" | "body">): Promise<Response> => {
  const response = await exchange(port, spell(port, request))
  if (response === null) throw new Error("cut without an answer")
  return response
}

/** @param isAll - the connection has ended: what is there is all there will be */
function readResponse(received: Buffer, isAll: boolean): Response | null {
  const end = received.indexOf("\r\n\r\n")
  if (end < 0) return null
  const [first = "", ...lines] = received.subarray(0, end).toString("latin1").split("\r\n")
  const headers = lines.map(line => {
    const colon = line.indexOf(":")
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
  const length = headers.find(([name]) => name.toLowerCase() === "content-length")?.[1]
  const body = received.subarray(end + 4)
  if (!isAll && (length === undefined || body.length < Number(length))) return null
  const shown = lines.map(line => line.replace(/^(date:).*/i, "$1"))
  return { status: Number(first.split(" ")[1]), headers, body, head: [first, ...shown].join("\n") }
}
