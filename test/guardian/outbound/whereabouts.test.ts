/** A holder that moves: when its owner is told that those who collect from it do not find it. */
import { expect, test } from "bun:test"
import type { Context } from "../../../src/guardian/context.ts"
import { createWhereabouts } from "../../../src/guardian/outbound/whereabouts.ts"

const config = {
  name: "mira",
  listen: { hosts: ["192.0.2.9"], port: 9876, names: [] },
  agents: { kai: { id: "a".repeat(32), sendKey: "b".repeat(64), receiveKey: "c".repeat(64) } },
}

/** Of a Guardian what whereabouts.ts uses, with a clock that the test turns. */
function open(carrying: { hasCollected: boolean; isFetching: boolean }) {
  const clock = { now: 0 }
  const told: string[] = []
  const heldConfig = { current: config, update: () => {} }
  const context = {
    config: heldConfig,
    elapsed: () => clock.now,
    log: { write: () => {} },
    notices: { tell: (_: string, text: string) => told.push(text) },
    stopping: new AbortController().signal,
    address: { host: "192.0.2.9", port: 9876 },
  } as unknown as Context
  const moved = { pair: "a".repeat(32), from: "192.0.2.7", to: "192.0.2.9" }
  const whereabouts = createWhereabouts(context, {
    listener: { setHosts: () => {}, open: () => [] },
    collecting: { moved: async () => [moved], readdressed: () => {} },
    carrying: { hasCollected: () => carrying.hasCollected, isFetching: () => carrying.isFetching },
    outbox: { hasten: () => {} },
  })
  return { clock, told, whereabouts, carrying }
}

async function toldAfter(milliseconds: number, carrying: Parameters<typeof open>[0]): Promise<string[]> {
  const { clock, told, whereabouts } = open(carrying)
  await whereabouts.setHosts(["192.0.2.9"])
  clock.now += milliseconds
  whereabouts.look()
  whereabouts.look()
  await whereabouts.stopped()
  return told
}

const lost = { hasCollected: true, isFetching: false }

test("two minutes after the move it is told once, with what the other owner has to run", async () => {
  expect(await toldAfter(119_000, lost)).toEqual([])
  expect(await toldAfter(120_000, lost)).toEqual([
    "kai's Guardian fetches its messages from this machine, whose address was 192.0.2.7 and is 192.0.2.9 now, and has not come since; tell its owner to run: sento agents address mira 192.0.2.9:9876",
  ])
})

test.each([
  ["comes all the same, by a name or a VPN", { hasCollected: true, isFetching: true }],
  ["can be dialled, and is told", { hasCollected: false, isFetching: false }],
] as const)("nothing is told of a peer that %s", async (_, carrying) => {
  expect(await toldAfter(600_000, carrying)).toEqual([])
})
