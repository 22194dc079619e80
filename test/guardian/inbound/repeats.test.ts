import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { createRepeats } from "../../../src/guardian/inbound/repeats.ts"
import { messageBody, newPair, post, type Request, signPlain } from "../../support/client.ts"
import { openGuardian } from "../../support/guardian.ts"

const second = 1000
const minute = 60 * second
const start = Date.UTC(2026, 10, 23, 10)

/** @returns how often a pair is answered at this time before it is told to wait, and how long */
function drain(repeats: ReturnType<typeof createRepeats>, pair = "kai"): readonly [number, number] {
  for (let answered = 0; ; answered += 1) {
    const wait = repeats.count(pair)
    if (wait !== null) return [answered, wait]
  }
}

test("sixty answers a minute to each pair", () => {
  let now = start
  const repeats = createRepeats(() => now)
  expect([drain(repeats), drain(repeats, "noa")]).toEqual([
    [60, 60],
    [60, 60],
  ])
  now += minute / 2
  expect(drain(repeats)).toEqual([0, 30])
  now += minute / 2
  expect(drain(repeats)).toEqual([60, 60])
})

test("a clock that was ahead and is set back blocks nobody for longer than a minute", () => {
  let now = start + 60 * minute
  const repeats = createRepeats(() => now)
  drain(repeats)
  now = start
  expect(drain(repeats)).toEqual([0, 60])
  now += minute
  expect(drain(repeats)).toEqual([60, 60])
})

test("a signature is known for as long as it can be fresh, and those of other pairs are others", () => {
  let now = start
  const repeats = createRepeats(() => now)
  expect(["a", "a", "b", "a"].map(one => repeats.note("kai", one))).toEqual([false, true, false, true])
  expect(repeats.note("noa", "a")).toBe(false)
  now += 10 * minute
  expect(repeats.note("kai", "a")).toBe(true)
  now += 1
  expect([repeats.note("kai", "c"), repeats.note("kai", "a")]).toEqual([false, false])
})

test("of more than a thousand signatures of a pair the oldest goes", () => {
  const repeats = createRepeats(() => start)
  for (let i = 0; i < 1001; i += 1) repeats.note("kai", String(i))
  expect(["1000", "1", "0"].map(one => repeats.note("kai", one))).toEqual([true, true, false])
})

const kai = newPair()

/** The eleventh message of a minute, and what is known of contact with its sender, before it is played again. */
async function refusedOnce() {
  const guardian = await openGuardian({ kai: { pair: kai } })
  const ask = async (request: Request) => (await post(guardian.port, request)).status
  const fresh = (more = {}) => signPlain(kai, messageBody(guardian.now, more))
  for (let i = 0; i < 10; i += 1) expect(await ask(fresh())).toBe(202)
  const recorded = fresh()
  expect(await ask(recorded)).toBe(429)
  const lastContact = (): number => {
    using database = new Database(guardian.paths.database, { readonly: true })
    return database.query<{ at: number }, []>("SELECT last_contact_at AS at FROM peers").get()?.at ?? 0
  }
  return { guardian, ask, fresh, recorded, lastContact }
}

test("what was refused for now and comes again byte by byte counts among the repeats, and as no contact", async () => {
  const { guardian, ask, fresh, recorded, lastContact } = await refusedOnce()
  await using _ = guardian
  const at = lastContact()
  guardian.now += 30 * second
  for (let i = 0; i < 61; i += 1) expect(await ask(recorded)).toBe(429)
  expect(lastContact()).toBe(at)
  guardian.now += 31 * second
  expect(await ask(recorded)).toBe(429)
  expect(lastContact()).toBe(at)
  expect(await ask(fresh())).toBe(202)
  expect(await ask(fresh({ type: "hello", port: 5 }))).toBe(202)
})

test("what was refused for now and comes again byte by byte is taken when there is room, and once", async () => {
  const { guardian, ask, recorded, lastContact } = await refusedOnce()
  await using _ = guardian
  guardian.now += 61 * second
  expect(await ask(recorded)).toBe(202)
  const at = guardian.now
  guardian.now += second
  expect(await ask(recorded)).toBe(202)
  expect(lastContact()).toBe(at)
  using database = new Database(guardian.paths.database, { readonly: true })
  expect(database.query("SELECT count(*) AS n FROM inbox").get()).toEqual({ n: 11 })
})
