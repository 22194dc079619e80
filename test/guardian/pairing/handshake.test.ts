/** How a joiner asks for the other owner's answer: how often, for how long, and until when. */
import { afterEach, beforeEach, expect, type Mock, spyOn, test } from "bun:test"
import { resumeHandshake } from "../../../src/guardian/pairing/handshake.ts"
import { requestLifetimeMilliseconds } from "../../../src/protocol/requests.ts"
import type { PairingRequest } from "../../../src/store/requests.ts"
import { confirmedWith, createTestContext, type TestContext } from "../../support/context.ts"

const pollMilliseconds = 35_000

let made: TestContext
let asked: string[]
/** What happens as the minter is asked so many times. */
let onAsked: (count: number) => void
let minter: ReturnType<typeof serve>
let settled: string[]
/** The waits between, none of which takes its time. */
let waits: number[]
let timers: Mock<typeof setTimeout>

const serve = () =>
  Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      asked.push(new URL(request.url).pathname)
      onAsked(asked.length)
      return new Response("", { status: 404 })
    },
  })

beforeEach(() => {
  made = createTestContext([])
  asked = []
  settled = []
  waits = []
  onAsked = () => {}
  minter = serve()
  const set = globalThis.setTimeout
  timers = spyOn(globalThis, "setTimeout").mockImplementation(((act: () => void, wait = 0) => {
    if (wait < 2000 || wait === pollMilliseconds) return set(act, wait)
    waits.push(wait)
    return set(act, 0)
  }) as never)
})
afterEach(async () => {
  timers.mockRestore()
  made.stop()
  await minter.stop(true)
  made[Symbol.dispose]()
})

function request(): PairingRequest {
  const extra = { localName: "noa", replaces: false, confirm: null }
  const place = { host: "127.0.0.1", port: minter.port ?? 0 }
  return made.stored.store.requests.keep({ ...confirmedWith("noa", "joiner"), ...place }, extra, made.now)
}
const resume = (one: PairingRequest): Promise<void> =>
  resumeHandshake(made.context, one, (_, outcome) => void settled.push(outcome))

test("whoever answers at once without an end is asked ever more seldom, down to every half minute", async () => {
  const one = request()
  onAsked = count => {
    if (count === 8) made.stored.store.requests.settle(one.id, "denied", made.now)
  }
  await resume(one)
  expect([asked.length, new Set(asked)]).toEqual([8, new Set(["/v1/pair/decision"])])
  expect(waits).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000])
  // Its owner gave the name to another one: what comes of it is of no more use.
  expect(settled).toEqual([])
})

test("one that held the question for 5 s is asked again at once", async () => {
  const one = request()
  let clock = 0
  using _ = spyOn(performance, "now").mockImplementation(() => clock)
  onAsked = count => {
    clock += count === 2 ? 5000 : 4999
    if (count === 4) made.stored.store.requests.settle(one.id, "denied", made.now)
  }
  await resume(one)
  expect(waits).toEqual([2000, 2000, 4000])
})

test("is asked for as long as the request can live, and then it has expired", async () => {
  const one = request()
  onAsked = count => {
    made.now = one.createdAt + requestLifetimeMilliseconds + (count === 2 ? 1 : 0)
  }
  await resume(one)
  expect([asked.length, settled]).toEqual([2, ["expired"]])
})

test("a Guardian that stops asks no more, and settles nothing", async () => {
  const one = request()
  onAsked = () => made.stop()
  await resume(one)
  expect([asked.length, settled]).toEqual([1, []])
})

test("a request that waits no more is not asked for", async () => {
  const one = request()
  made.stored.store.requests.settle(one.id, "denied", made.now)
  await resume(one)
  expect([asked, settled]).toEqual([[], []])
})
