/** Two Guardians of which only one can be dialled: what the other fetches, and what it cannot be made to. */
import { afterEach, expect, test } from "bun:test"
import { callDoor } from "../../../src/guardian/door/client.ts"
import { type ClientPair, newPair } from "../../support/client.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../../support/guardian.ts"
import { until } from "../../support/world.ts"

const turned = ({ id, send, receive }: ClientPair): ClientPair => ({ id, send: receive, receive: send })

type Two = { readonly mira: TestGuardian; readonly kai: TestGuardian; readonly pair: ClientPair }

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

/** mira listens where kai dials; kai's address at mira is one where nothing listens, by its owner's word. */
async function openTwo(): Promise<Two> {
  const pair = newPair()
  const mira = await openGuardian({ kai: { pair, fixed: true } })
  open.push(mira)
  const kai = await openGuardian({ mira: { pair: turned(pair), port: mira.port } }, [], { name: "kai" })
  open.push(kai)
  return { mira, kai, pair }
}

/** What a Guardian has from its peer, the oldest first. */
async function received({ paths }: TestGuardian): Promise<string[]> {
  const entries = await callDoor(paths, "agent", { op: "log", limit: 1000 })
  return entries.filter(one => one.direction === "in").map(one => one.text)
}

test("what cannot be dialled is fetched: at the word that something was missed", async () => {
  const { mira, kai } = await openTwo()
  const first = await sendFrom(mira.paths, "kai", "one")
  expect(first.status).toBe("queued")
  // kai says anything: it hears that something waits for it.
  await sendFrom(kai.paths, "mira", "hello")
  await until("the first", async () => (await received(kai)).length === 1)
  for (const text of ["two", "three", "four"])
    expect((await sendFrom(mira.paths, "kai", text)).status).not.toBe("queued")
  expect((await received(kai)).sort()).toEqual(["four", "one", "three", "two"])
  expect(kai.log()).toContain("fetches mira's messages from there")
})
