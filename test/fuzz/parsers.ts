/** What reads bytes and needs no Guardian: called as it is, with what must hold of every result. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type fc from "fast-check"
import * as v from "valibot"
import { readDoorRequest } from "../../src/guardian/door/operations.ts"
import { isAllowedHost, isDestination, isHost } from "../../src/protocol/addresses.ts"
import { decodeJson } from "../../src/protocol/bytes.ts"
import { readCode, readShortId } from "../../src/protocol/codes.ts"
import { SentoError } from "../../src/protocol/errors.ts"
import { openRequest, readAnswer, readRequestHeaders } from "../../src/protocol/exchange.ts"
import { readTimestamp } from "../../src/protocol/freshness.ts"
import { type JoinerState, stepJoiner } from "../../src/protocol/joiner.ts"
import { layOut, sanitise, visibleLine } from "../../src/protocol/layout.ts"
import { stepMinter } from "../../src/protocol/minter.ts"
import { confirmSchema, helloSchema } from "../../src/protocol/pairing-messages.ts"
import { sealingKey, unseal } from "../../src/protocol/sealing.ts"
import { readConfig } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { filled } from "../support/bytes.ts"
import { type Headers, messageBody, sealBody, signAnswer, signPlain, signSealed } from "../support/client.ts"
import { confirmEvent, helloAnswer, helloEvent, joinerOf, opened } from "../support/pairing.ts"
import { misshapen, spoiled, texts } from "./inputs.ts"

/** Something that takes bytes, and throws where one of its promises does not hold. */
export type Parser = {
  readonly inputs: fc.Arbitrary<Buffer>
  readonly run: (bytes: Buffer) => void
}

const key = "ab".repeat(32)
const pair = { id: "ab".repeat(16), send: key, receive: "cd".repeat(32) }
const keys = { send: filled(32, 0xcd), receive: filled(32, 0xab) }
const body = messageBody(Date.UTC(2026, 10, 23))
const plain = Buffer.from(JSON.stringify(body))

function must(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`broken: ${promise}`)
}

/** Headers as a parser of ours gets them, from lines. */
function headersOf(bytes: Buffer): (name: string) => string | null {
  const lines = bytes.toString("latin1").split("\r\n")
  return name => {
    const line = lines.find(one => one.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    return line === undefined ? null : line.slice(name.length + 1).trim()
  }
}
const linesOf = (headers: Headers): Buffer =>
  Buffer.from(headers.map(([name, value]) => `${name}: ${value}`).join("\r\n"))

const unseen = /(?!\n|\u200c|\u200d|\ufe0f)[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u
const good = { plain: signPlain(pair, body), sealed: signSealed(pair, body) }
const asked = { signature: good.plain.signature, id: String(body.id) }
const acceptance = { v: 1, re: asked.signature, status: 202, id: asked.id, state: "accepted" }
const answers = [true, false].map(isSealed =>
  signAnswer({ ...pair, send: pair.receive }, acceptance, isSealed),
)
const greeted = helloAnswer(stepMinter(opened(), helloEvent(joinerOf().hello))[1])
const folder = mkdtempSync(join(tmpdir(), "sento-fuzz-"))
/** For whoever runs the parsers, when it is done. */
export const clearParsers = (): void => rmSync(folder, { recursive: true, force: true })
const paths = pathsOf(folder)

const config = {
  version: 1,
  name: "mira",
  agent: "test-agent-mira",
  listen: { hosts: [], port: 0, names: [] },
  tmux: { session: "main", socket: null, profile: null },
  agents: {
    kai: {
      id: pair.id,
      host: "127.0.0.1",
      port: 1,
      sendKey: key,
      receiveKey: key,
      pairedAt: "2026-11-23T09:00:00.000Z",
      features: ["aes128gcm"],
    },
  },
}

export const parsers: Readonly<Record<string, Parser>> = {
  headers: {
    inputs: spoiled([linesOf(good.plain.headers), linesOf(good.sealed.headers)]),
    run(bytes) {
      const read = readRequestHeaders(headersOf(bytes))
      must(read === null || /^[0-9a-f]{32}$/.test(read.pairId), "a pair id is 32 hex digits")
    },
  },
  "forged requests": {
    inputs: spoiled([good.plain.body, good.sealed.body]),
    run(bytes) {
      for (const request of Object.values(good)) {
        const opened = openRequest(keys, headersOf(linesOf(request.headers)), new Uint8Array(bytes))
        must(opened.kind === "forged" || request.body.equals(bytes), "a changed body is forged")
      }
    },
  },
  "encrypted bodies": {
    inputs: spoiled([sealBody(key, plain), sealBody(key, Buffer.alloc(0)), sealBody(pair.receive, plain)]),
    run(bytes) {
      const opened = unseal(sealingKey(keys.receive), new Uint8Array(bytes))
      must(opened === null || [plain.length, 0].includes(opened.length), "what opens is what was sealed")
    },
  },
  answers: {
    inputs: spoiled(answers.map(answer => answer.body)),
    run(bytes) {
      for (const answer of answers) {
        const header = (name: string) => new Map(Object.entries(answer.headers)).get(name) ?? null
        const read = readAnswer(keys, asked, { status: 202, header, body: new Uint8Array(bytes) })
        must(read === null || answer.body.equals(bytes), "a changed answer is none")
      }
    },
  },
  hellos: {
    inputs: misshapen([JSON.parse(Buffer.from(joinerOf().hello).toString())]),
    run(bytes) {
      const hello = v.safeParse(helloSchema, decodeJson(bytes))
      if (!hello.success) return
      const [state, effects] = stepMinter(opened(), helloEvent(new Uint8Array(bytes)))
      must(state.kind === "open" && effects.length === 1, "a hello is answered or refused")
    },
  },
  confirms: {
    inputs: misshapen([{ pairing: "A".repeat(22), Y: greeted.Y, tag: "A".repeat(43) }]),
    run(bytes) {
      const confirm = v.safeParse(confirmSchema, decodeJson(bytes))
      if (!confirm.success) return
      const [, effects] = stepMinter(opened(), confirmEvent(confirm.output))
      must(
        effects.every(({ kind }) => kind === "refuse"),
        "nobody's confirm is refused",
      )
    },
  },
  "answers to a hello": {
    inputs: misshapen([greeted, { ...greeted, intro: greeted.intro.replace("hana", "__proto__") }]),
    run(bytes) {
      const random = filled(64, 3)
      const [state] = stepJoiner(joinerOf(), { kind: "hello-answered", body: new Uint8Array(bytes), random })
      must(["knows-minter", "failed"].includes(state.kind), "an answer is used or refused")
      if (state.kind === "knows-minter") confirmAnswered(state, bytes)
    },
  },
  configs: {
    inputs: spoiled([Buffer.from(JSON.stringify(config)), Buffer.from(JSON.stringify(config, null, 2))]),
    run(bytes) {
      writeFileSync(paths.config, bytes, { mode: 0o600 })
      try {
        const read = readConfig(paths)
        must(read !== null && /^[a-z0-9][a-z0-9-]{0,31}$/.test(read.config.name), "a config has a name")
      } catch (error) {
        must(error instanceof SentoError && error.code === "config", `a broken config is said: ${error}`)
        must(!String((error as Error).message).includes(key), "no key is in the error")
      }
    },
  },
  "door requests": {
    inputs: misshapen([
      { op: "send", to: "kai", text: "hi", replyTo: null, wait: false },
      { op: "pair", long: true, wait: false },
      { op: "join", symbols: "4F2K", host: null, port: null, as: null, replace: false },
      { op: "approve", id: null, as: null, replace: false },
      { op: "pause", name: "kai", milliseconds: 5 },
    ]),
    run(bytes) {
      const value = decodeJson(bytes)
      const asAgent = readDoorRequest("agent", value)
      const asOwner = readDoorRequest("owner", value)
      must(asAgent === null || asOwner !== null, "what an agent may ask, an owner may")
    },
  },
  texts: {
    inputs: texts,
    run(bytes) {
      const text = bytes.toString()
      const lines = layOut("kai", "k7q2", text).split("\n")
      must(lines[0]?.startsWith("← agent kai [k7q2]: ") === true, "the first line has our tag")
      must(
        lines.slice(1).every(line => line.startsWith("  ")),
        "every other line is indented",
      )
      must(!unseen.test(lines.join("\n")), "all of it can be seen")
      must(sanitise(sanitise(text)) === sanitise(text), "sanitising twice changes nothing")
      must(!/[\n\r]/.test(visibleLine(text)), "one line is one line")
    },
  },
  words: {
    inputs: spoiled(
      ["SENTO-4F2K", "k7q2", "2026-11-23T10:00:00.000Z", "127.0.0.1:9876", "hana.lan", "[::1]:1"].map(text =>
        Buffer.from(text),
      ),
    ),
    run(bytes) {
      const text = bytes.toString()
      const time = readTimestamp(text)
      must(time === null || Number.isFinite(time), "a timestamp is a time")
      const code = readCode(text)
      must(code === null || /^(?:[0-9A-HJKMNP-TV-Z]{4}){1,2}$/.test(code), "a code is four or eight symbols")
      readShortId(text)
      must(!isAllowedHost(text, []) || !/[^\w.:[\]-]/.test(text), "a host that is answered to is a plain one")
      must(!isDestination(text) || isHost(text), "a destination is a host")
    },
  },
}

function confirmAnswered(state: JoinerState, bytes: Buffer): void {
  const [knowsKeys] = stepJoiner(state, { kind: "consented" })
  const [after] = stepJoiner(knowsKeys, {
    kind: "confirm-answered",
    body: new Uint8Array(bytes),
    host: "127.0.0.1",
  })
  must(after.kind === "failed", "no tag, no pairing")
}
