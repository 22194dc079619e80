/** A real Guardian that is sent inputs over the network and over its local doors, and must not mind. */
import { existsSync, readFileSync } from "node:fs"
import { connect } from "node:net"
import fc from "fast-check"
import { type Besieged, besiege, hasClock } from "../support/besieged.ts"
import {
  type ClientPair,
  exchange,
  messageBody,
  openAnswer,
  type Request,
  sealBody,
  signBytes,
  signPlain,
  signSealed,
  spell,
  stamp,
} from "../support/client.ts"
import { joinerOf } from "../support/pairing.ts"
import { misshapen, spoiled } from "./inputs.ts"

/** What became of an input, in a word; a thrown error is a promise that did not hold. */
export type WireTarget = {
  readonly inputs: () => fc.Arbitrary<Buffer>
  readonly run: (bytes: Buffer) => Promise<string>
}

export type FuzzedGuardian = {
  readonly targets: Readonly<Record<string, WireTarget>>
  /** Null while all is well; otherwise what is wrong. */
  trouble(): string | null
  /** Resident memory in MiB. */
  memory(): number
  /** Texts in the inbox that no peer signed. */
  forgeries(): string[]
  restart(): Promise<void>
  close(): Promise<void>
}

/** Longer than any answer takes, so that what stays silent is an unfinished request. */
const quietMilliseconds = 100

export async function openFuzzed(): Promise<FuzzedGuardian> {
  if (!hasClock) throw new Error("run `bun build.ts --faults` first: the limits must be lifted")
  const mira = await besiege({ peers: 1, environment: { SENTO_LIMITS: "off" }, session: "nobody" })
  const { pair } = mira.peer()
  const signed = new Set<string>()
  const openCode = (): Promise<string> =>
    shout(mira.paths.ownerSocket, Buffer.from('{"op":"pair","wait":false}\n'))
  await openCode()
  return {
    targets: { ...networkTargets(mira, pair, signed), ...pairingTargets(mira), ...doorTargets(mira) },
    trouble: () => troubleOf(mira),
    memory: () => memoryOf(mira.pid),
    forgeries: () =>
      mira
        .query<{ text: string }>("SELECT text FROM inbox")
        .map(({ text }) => text)
        .filter(text => !signed.has(text)),
    async restart() {
      if (existsSync(`/proc/${mira.pid}`)) await mira.stop("SIGKILL")
      await mira.start()
      await openCode()
    },
    close: mira.close,
  }
}

/** @param signed - grows by every text that the peer has signed */
function networkTargets(mira: Besieged, pair: ClientPair, signed: Set<string>): Record<string, WireTarget> {
  const fresh = (fields: Record<string, unknown> = {}): Record<string, unknown> => {
    const text = `${authentic} ${crypto.randomUUID()}`
    signed.add(text)
    return messageBody(Date.now(), { text, ...fields })
  }
  const bodies = () => [
    fresh(),
    fresh({ createdAt: stamp(Date.now()), hops: 3, inReplyTo: crypto.randomUUID() }),
    fresh({ type: "hello", port: 9, host: "127.0.0.1" }),
    fresh({ type: "receipt", of: crypto.randomUUID(), state: "held", reason: "dialog" }),
  ]
  /** Rightly signed whatever it is: the answer must be signed too, or the one 403. */
  const deliver = async (body: Uint8Array, plain: Uint8Array | null): Promise<string> => {
    note(signed, plain)
    const request = signBytes(pair, body, stampOf(plain), plain !== body)
    return answered(pair, request, await exchange(mira.port, spell(mira.port, request)))
  }
  return {
    "raw requests": {
      inputs: () =>
        spoiled([
          spell(mira.port, signPlain(pair, fresh())),
          spell(mira.port, signSealed(pair, fresh())),
          spell(mira.port, signPlain({ ...pair, send: pair.receive }, messageBody(Date.now()))),
          spell(
            mira.port,
            { headers: json, body: Buffer.from(joinerOf().hello) },
            "POST /v1/pair/hello HTTP/1.1",
          ),
        ]),
      run: bytes => shout(mira.port, bytes),
    },
    "signed bodies": {
      inputs: () =>
        fc.oneof(misshapen(bodies()), spoiled(bodies().map(body => Buffer.from(JSON.stringify(body))))),
      run: bytes => deliver(bytes, bytes),
    },
    "sealed bodies": {
      inputs: () => misshapen(bodies()),
      run: bytes => deliver(sealBody(pair.send, bytes), bytes),
    },
    "signed ciphertexts": {
      inputs: () => spoiled([sealBody(pair.send, Buffer.from(JSON.stringify(fresh())))]),
      run: bytes => deliver(bytes, null),
    },
  }
}

const authentic = "a text that was signed:"
const json = [["Content-Type", "application/json"]] as const

/** The stamp that a body claims, so that the header fits it; where it claims none, any. */
function stampOf(body: Uint8Array | null): string {
  const claimed = body === null ? null : tryJson(body)?.timestamp
  return typeof claimed === "string" && /^[\x20-\x7e]*$/.test(claimed) ? claimed : stamp(Date.now())
}

function note(signed: Set<string>, body: Uint8Array | null): void {
  const text = body === null ? undefined : tryJson(body)?.text
  // SQLite keeps no half of a surrogate pair.
  if (typeof text === "string") signed.add(text.toWellFormed())
}

function tryJson(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return null
  }
}

/** @throws where an answer that should be signed is not */
function answered(
  pair: ClientPair,
  request: Request,
  response: Awaited<ReturnType<typeof exchange>>,
): string {
  if (response === null) return "cut"
  if (response.status >= 500) throw new Error(`HTTP ${response.status}`)
  if (response.status === 403 || response.status === 413) return String(response.status)
  openAnswer(pair, request, response)
  return String(response.status)
}

function pairingTargets(mira: Besieged): Record<string, WireTarget> {
  const hello = JSON.parse(Buffer.from(joinerOf().hello).toString())
  const [pairing, tag] = ["A".repeat(22), "A".repeat(43)]
  const target = (path: string, good: Record<string, unknown>): WireTarget => ({
    inputs: () => fc.oneof(misshapen([good]), spoiled([Buffer.from(JSON.stringify(good))])),
    run: body =>
      shout(mira.port, spell(mira.port, { headers: json, body }, `POST /v1/pair/${path} HTTP/1.1`)),
  })
  return {
    "posted hellos": target("hello", hello),
    "posted confirms": target("confirm", { pairing, Y: tag, tag }),
    "posted polls": target("decision", { pairing, tag }),
  }
}

/** Requests that would end the Guardian, or wait for a person. */
const notAsked = /"(?:stop|pair|join|attach)"/

function doorTargets(mira: Besieged): Record<string, WireTarget> {
  const good = [
    { op: "status" },
    { op: "agents" },
    { op: "requests" },
    { op: "send", to: "nobody", text: "hi", replyTo: null, wait: false },
    { op: "reply", id: "k7q2", text: "hi" },
    { op: "approve", id: "x", as: null, replace: false },
    { op: "deny", id: "x" },
    { op: "remove", name: "nobody" },
    { op: "rename", from: "nobody", to: "somebody" },
    { op: "pause", name: "nobody", milliseconds: 1000 },
    { op: "resume", name: "nobody" },
  ]
  const inputs = () =>
    fc
      .oneof(misshapen(good), spoiled(good.map(request => Buffer.from(JSON.stringify(request)))))
      .filter(bytes => !notAsked.test(bytes.toString("latin1")))
      .map(bytes => Buffer.concat([bytes, Buffer.from("\n")]))
  return {
    "the agent's door": { inputs, run: bytes => shout(mira.paths.agentSocket, bytes) },
    "the owner's door": { inputs, run: bytes => shout(mira.paths.ownerSocket, bytes) },
  }
}

/** Writes, and says the status or the kind of answer that comes; what stays silent is cut after a moment. */
function shout(where: number | string, bytes: Uint8Array): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = typeof where === "number" ? connect(where, "127.0.0.1") : connect(where)
  const quiet = setTimeout(() => end("silence"), quietMilliseconds)
  function end(word: string): void {
    clearTimeout(quiet)
    resolve(word)
    socket.destroy()
  }
  socket.on("data", chunk => end(kindOf(chunk.toString("latin1"))))
  socket.on("error", () => end("cut"))
  socket.on("close", () => end("cut"))
  socket.write(bytes)
  return promise.then(word => {
    // 505: Bun's parser for a version of HTTP that it does not know.
    if (/^(?:5\d\d|failed)$/.test(word) && !["503", "505"].includes(word)) throw new Error(word)
    return word
  })
}

const kindOf = (answer: string): string =>
  /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? /^\{"error":\{"code":"([a-z-]+)"/.exec(answer)?.[1] ?? "result"

function troubleOf(mira: Besieged): string | null {
  if (!existsSync(`/proc/${mira.pid}/stat`)) return "the Guardian has ended"
  const state = readFileSync(`/proc/${mira.pid}/stat`, "latin1").split(") ")[1]?.[0]
  if (state === "Z") return "the Guardian has ended"
  return /bug:.*/.exec(mira.log())?.[0] ?? null
}

function memoryOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
  return Math.round(Number(kilobytes ?? 0) / 1024)
}
