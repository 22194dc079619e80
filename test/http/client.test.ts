import { expect, spyOn, test } from "bun:test"
import dns from "node:dns/promises"
import { post } from "../../src/http/client.ts"

const options = { headers: {}, body: new Uint8Array(), timeoutMilliseconds: 50 }

test("a name whose look-up never ends does not outlast the deadline", async () => {
  using _ = spyOn(dns, "lookup").mockImplementation((() => new Promise(() => {})) as typeof dns.lookup)
  expect(await post("slow.example", 9, "/", options)).toEqual({
    kind: "unreachable",
    cause: "timed-out",
    reason: "slow.example:9 did not answer in time",
  })
})

test("nor the end of whoever asked", async () => {
  using _ = spyOn(dns, "lookup").mockImplementation((() => new Promise(() => {})) as typeof dns.lookup)
  const signal = AbortSignal.abort()
  const asked = post("slow.example", 9, "/", { ...options, timeoutMilliseconds: 60_000, signal })
  expect(await asked).toMatchObject({ kind: "unreachable", cause: "failed" })
})
