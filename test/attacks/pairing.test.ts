/** Attacks on a pairing, before anybody is a peer: from the network, from a false minter, from a guesser. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { type JoinerState, stepJoiner } from "../../src/protocol/joiner.ts"
import { stepMinter } from "../../src/protocol/minter.ts"
import type { Self } from "../../src/protocol/pairing-messages.ts"
import { type Besieged, besiege } from "../support/besieged.ts"
import { type ClientPair, post, signSealed, stamp, uuidV7 } from "../support/client.ts"
import { confirmOf, helloAnswer, helloEvent, opened } from "../support/pairing.ts"
import {
  attacker,
  greet,
  openFalseMinter,
  openMiddle,
  postJson,
  proofOf,
} from "../support/pairing-attacks.ts"
import { questionsOf } from "../support/proving.ts"
import { type Child, finished, initAgent, jsonLines, type Ran, until } from "../support/world.ts"

let mira: Besieged
const open: { stop(): unknown }[] = []
beforeAll(async () => {
  mira = await besiege({ peers: 0 })
  initAgent(mira.world, "kai")
  await mira.world.guard("kai")
})
afterAll(async () => {
  for (const one of open) await one.stop()
  await mira.close()
})

type Line = Record<string, unknown>
type Minted = {
  readonly symbols: string
  readonly code: string
  readonly lines: Line[]
  readonly child: Child
}

/** A code that nobody has tried, and none of the earlier ones counted. */
async function mint(): Promise<Minted> {
  mira.query("UPDATE codes SET state = 'burned', symbols = ''")
  const child = mira.world.start("mira", ["pair", "--json"])
  const { lines } = jsonLines(child)
  const code = await until("a code", () => lines.find(line => line.event === "code")?.code as string)
  return { symbols: code.slice("SENTO-".length), code, lines, child }
}

const wrongSymbols = (symbols: string): string => `${symbols.startsWith("0") ? "1" : "0"}${symbols.slice(1)}`
const triesLeft = (): unknown =>
  mira.query<Line>("SELECT tries_left FROM codes ORDER BY seq DESC LIMIT 1")[0]?.tries_left
const stateOfCode = (): unknown =>
  mira.query<Line>("SELECT state FROM codes ORDER BY seq DESC LIMIT 1")[0]?.state
const join = (where: string): Promise<Ran> => finished(mira.world.start("kai", ["pair", where, "--json"]))
const configOf = (name: string) =>
  JSON.parse(readFileSync(`${mira.world.home(name)}/.sento-config.json`, "utf8"))

/** One handshake more, as soon as the limit of hellos a second lets it through. */
const greeted = (symbols: string, self = attacker) =>
  until("a handshake", () => greet(mira.port, symbols, self))

test("a recording of a whole pairing holds neither code nor key, and playing it again pairs nobody", async () => {
  const { code, symbols } = await mint()
  const middle = openMiddle(mira.port)
  open.push(middle)
  const joining = join(`${code}@127.0.0.1:${middle.port}`)
  await until("approval", async () => (await mira.world.sento("mira", ["approve"])).exit === 0)
  expect((await joining).exit).toBe(0)
  const { id, sendKey, receiveKey } = configOf("kai").agents.mira
  const recording = JSON.stringify(middle.heard)
  const spellings = [sendKey, receiveKey].flatMap(key => [key, Buffer.from(key, "hex").toString("base64url")])
  for (const secret of [code, `"${symbols}"`, id, ...spellings]) expect(recording).not.toContain(secret)

  await until("mira to have reached kai", () => configOf("mira").agents.kai.reached)
  const before = configOf("mira").agents
  for (const { path, request, answer } of middle.heard) {
    const again = await postJson(mira.port, path, request)
    if (path === "/v1/pair/hello") expect(again).toEqual({ status: 403, text: "" })
    else if (path === "/v1/pair/confirm") expect(again).toEqual({ status: 202, text: answer })
  }
  expect(configOf("mira").agents).toEqual(before)
  expect((await mira.world.sento("mira", ["agents", "remove", "kai"])).exit).toBe(0)
  await until("kai to hear", async () => mira.world.paired("kai").length === 0)
})

test("50 guesses at the same instant cost no more than three tries' worth of answers", async () => {
  const { symbols } = await mint()
  const handshakes: JoinerState[] = []
  for (let i = 0; i < 5; i += 1) handshakes.push(await greeted(wrongSymbols(symbols)))
  const right = await greeted(symbols)
  const guesses = Array.from({ length: 50 }, (_, i) => {
    const met = handshakes[i % 5]
    return met === undefined ? [] : [proofOf(met)]
  }).flat()
  const answers = await Promise.all(guesses.map(guess => postJson(mira.port, "/v1/pair/confirm", guess)))
  expect(answers).toEqual(guesses.map(() => ({ status: 403, text: "" })))
  expect([triesLeft(), stateOfCode()]).toEqual([0, "burned"])
  expect(await postJson(mira.port, "/v1/pair/confirm", proofOf(right))).toEqual({ status: 403, text: "" })
  expect(mira.query("SELECT * FROM requests WHERE state = 'waiting'")).toEqual([])
})

test("eight idle handshakes and junk confirms keep nobody out, and cost no try", async () => {
  const { code, symbols } = await mint()
  for (let i = 0; i < 8; i += 1) await greeted(symbols)
  const met = await greeted(symbols)
  const junk = [
    "{}",
    "[]",
    "not JSON",
    "",
    JSON.stringify({ pairing: "A".repeat(22), Y: "A".repeat(43), tag: "A".repeat(43) }),
  ]
  for (const text of junk) expect((await postJson(mira.port, "/v1/pair/confirm", text)).status).toBe(403)
  const malformed = proofOf(met, { Y: "_".repeat(42).concat("8") })
  expect((await postJson(mira.port, "/v1/pair/confirm", malformed)).status).toBe(403)
  expect(triesLeft()).toBe(3)
  // Five greetings a second are taken, and a command tries once.
  await Bun.sleep(1100)
  const joining = join(`${code}@127.0.0.1:${mira.port}`)
  await until("the request", async () => (await mira.world.sento("mira", ["deny"])).exit === 0)
  expect((await joining).exit).toBe(77)
})

test("a reflected share, the identity and a share that does not decode are refused without a try", async () => {
  const { symbols } = await mint()
  for (const share of ["reflected", "A".repeat(43), `${"_".repeat(42)}8`]) {
    const start = await until("a handshake", async () => {
      const seen: { Y?: string } = {}
      const middle = openMiddle(mira.port, (text, _, way) => {
        if (way === "answer" && text !== "") seen.Y = JSON.parse(text).Y
        return text
      })
      const met = await greet(middle.port, symbols)
      await middle.stop()
      return met === null ? null : { met, Y: seen.Y ?? "" }
    })
    const Y = share === "reflected" ? start.Y : share
    const answer = await postJson(mira.port, "/v1/pair/confirm", proofOf(start.met, { Y }))
    expect(answer).toEqual({ status: 403, text: "" })
  }
  expect(triesLeft()).toBe(3)
})

test.each([
  ["another suite", (text: string) => text.replace("CPACE-RISTR255-SHA512", "NONE")],
  ["an older version", (text: string) => text.replace('"v":1', '"v":0')],
] as const)("downgrade: a hello that was changed to %s is refused and costs no try", async (_, change) => {
  const { code } = await mint()
  const middle = openMiddle(mira.port, (text, path) => (path.endsWith("hello") ? change(text) : text))
  open.push(middle)
  const ran = await join(`${code}@127.0.0.1:${middle.port}`)
  expect(ran.exit).toBe(69)
  expect(middle.heard.map(({ path }) => path)).toEqual(["/v1/pair/hello"])
  expect(triesLeft()).toBe(3)
})

test.each(["request", "answer"] as const)(
  "downgrade: encryption taken out of hello's %s by a machine in the middle ends the pairing",
  async changed => {
    const { code } = await mint()
    const middle = openMiddle(mira.port, (text, path, way) =>
      path.endsWith("hello") && way === changed ? text.replace(/\\?"aes128gcm\\?"/, "") : text,
    )
    open.push(middle)
    const ran = await join(`${code}@127.0.0.1:${middle.port}`)
    expect(ran.exit).toBe(77)
    expect(middle.heard.map(({ path }) => path)).toEqual(["/v1/pair/hello", "/v1/pair/confirm"])
    expect([mira.world.paired("mira"), mira.world.paired("kai")]).toEqual([[], []])
  },
)

test("a false minter without the code learns one guess, and the joiner shows and stores nothing", async () => {
  let answer = { intro: "", Y: "" }
  const minter = openFalseMinter(body => {
    const [, effects] = stepMinter(opened("0000"), helloEvent(body))
    answer = helloAnswer(effects)
    return answer
  })
  open.push(minter)
  const ran = await join(`SENTO-4F2K@127.0.0.1:${minter.port}`)
  expect(ran.exit).toBe(77)
  expect(ran.stdout).not.toContain("verifier")
  expect(minter.asked).toEqual(["/v1/pair/hello", "/v1/pair/confirm"])
  expect(mira.world.paired("kai")).toEqual([])
})

test("an identity point from a false minter ends the pairing before any proof is sent", async () => {
  const minter = openFalseMinter(body => ({
    ...helloAnswer(stepMinter(opened("0000"), helloEvent(body))[1]),
    Y: "A".repeat(43),
  }))
  open.push(minter)
  const ran = await join(`SENTO-4F2K@127.0.0.1:${minter.port}`)
  expect(ran.exit).toBe(69)
  expect(minter.asked).toEqual(["/v1/pair/hello"])
})

/** A third party at 127.0.0.9, and how often somebody connected to it. */
function openThird(port = 0): { readonly port: number; contacts(): number } {
  let contacts = 0
  const socket = {
    open() {
      contacts += 1
    },
    data() {},
  }
  const third = Bun.listen({ hostname: "127.0.0.9", port, socket })
  open.push({ stop: () => third.stop(true) })
  return { port: third.port, contacts: () => contacts }
}

/** A joiner of the attacker's proves the code, and the owner is asked. @returns the keys that it has now */
async function prove(symbols: string, self: Self): Promise<{ id: string; pair: ClientPair }> {
  const met = await greeted(symbols, self)
  const { text } = await postJson(mira.port, "/v1/pair/confirm", proofOf(met))
  const [, [effect]] = stepJoiner(confirmOf(met).after, {
    kind: "confirm-answered",
    body: new TextEncoder().encode(text),
    host: "127.0.0.1",
  })
  if (effect?.kind !== "keep-request") throw new Error(`not confirmed: ${effect?.kind}`)
  const { pairId, sendKey, receiveKey } = effect.request
  const asked = await until("the question", async () => (await questionsOf(mira.world, "mira"))[0])
  return { id: asked.id, pair: { id: pairId, send: sendKey, receive: receiveKey } }
}

test("pairing data that names another host: nothing is contacted there, the owner is asked, a no ends it", async () => {
  const third = openThird()
  const { symbols, lines } = await mint()
  await greeted(symbols, { ...attacker, host: "192.0.2.7", port: third.port })
  await prove(symbols, { ...attacker, host: "127.0.0.9", port: third.port })
  const request = await until("the question", () => lines.find(line => line.event === "request"))
  expect(request).toMatchObject({ name: "mallory", host: "127.0.0.1", claimedHost: "127.0.0.9" })
  expect((await mira.world.sento("mira", ["deny"])).exit).toBe(0)
  expect(mira.world.paired("mira")).toEqual([])
  expect(third.contacts()).toBe(0)
})

test.each([
  ["another address of its side", "127.0.0.9", "127.0.0.9"],
  ["an address elsewhere", "192.0.2.7", "192.0.2.7"],
  ["an endless name", `${"a.".repeat(100)}example`, `…${"a.".repeat(100).slice(-37)}example`],
] as const)(
  "a joiner that says it is at %s: the owner is shown, everywhere, where it calls from",
  async (_, host, shown) => {
    const { symbols, lines, child } = await mint()
    const { id } = await prove(symbols, { ...attacker, host })
    const request = await until("the question", () => lines.find(line => line.event === "request"))
    expect(request).toMatchObject({ host: "127.0.0.1", claimedHost: host })
    const words = `mallory at ${shown}, calling from 127.0.0.1,`
    child.kill()
    await mira.stop("SIGKILL")
    expect((await mira.world.sento("mira", ["status"])).stdout).toContain(`request   ${words} `)
    await mira.start()
    const approved = await mira.world.sento("mira", ["approve", id])
    expect(approved.stderr).toContain(
      `mallory's owner, at ${shown}, calling from 127.0.0.1, typed your code.`,
    )
    expect(mira.log()).toContain(`mallory at ${host}, calling from 127.0.0.1, proved the code`)
    expect(mira.config().agents.mallory).toMatchObject({ host: "127.0.0.1" })
    expect((await mira.world.sento("mira", ["agents", "remove", "mallory"])).exit).toBe(0)
  },
)

test("an approved joiner that names a third party has it asked alone, and none of its ports searched", async () => {
  const third = openThird()
  const { symbols } = await mint()
  const self = { ...attacker, host: "127.0.0.9", port: third.port + 1 }
  const { id, pair } = await prove(symbols, self)
  expect((await mira.world.sento("mira", ["approve", id])).exit).toBe(0)
  const send = () => mira.world.sento("mira", ["send", "mallory", "hi"])
  expect((await send()).exit).toBe(75)
  const now = Date.now()
  const hello = {
    v: 1,
    id: uuidV7(now),
    timestamp: stamp(now),
    type: "hello",
    host: self.host,
    port: self.port,
  }
  expect((await post(mira.port, signSealed(pair, hello))).status).toBe(202)
  await until("the end of the check", () => mira.log().includes("does not answer there: its address stays"))
  expect((await send()).exit).toBe(75)
  expect(mira.config().agents.mallory).toMatchObject({ host: "127.0.0.1" })
  expect(mira.log()).not.toContain("was not found on another port")
  expect(third.contacts()).toBe(0)
  expect((await mira.world.sento("mira", ["agents", "remove", "mallory"])).exit).toBe(0)
})
