/** How a peer is said to be reached, of what was seen of it; and when it is away. */
import { describe, expect, test } from "bun:test"
import { createWays, type WaysParts } from "../../../src/guardian/outbound/ways.ts"
import type { Peer } from "../../../src/store/config.ts"

type Seen = {
  readonly state?: "called" | "asking" | "collecting" | null
  readonly isCollecting?: boolean
  readonly hasCollected?: boolean
  readonly isFetching?: boolean
  readonly heardAt?: number | null
  readonly reached?: string
}

/** The pair as it was seen at the time 100. */
function open(seen: Seen) {
  const parts: WaysParts = {
    collecting: {
      stateOf: () => seen.state ?? null,
      isCollecting: () => seen.isCollecting ?? false,
      lastHeard: () => seen.heardAt ?? null,
    },
    carrying: {
      hasCollected: () => seen.hasCollected ?? false,
      isFetching: () => seen.isFetching ?? false,
    },
  }
  const ways = createWays({ elapsed: () => 100 }, parts)
  const peer = { id: "a", ...(seen.reached === undefined ? {} : { reached: seen.reached }) } as Peer
  return { ways, see: () => ways.of({ peer }) }
}

const there = { reached: "192.0.2.7", heardAt: 50 }

describe("a peer", () => {
  test.each<readonly [string, Seen, ReturnType<ReturnType<typeof open>["see"]>]>([
    ["of which nothing is known yet", {}, { way: null }],
    ["that was asked to call", { ...there, state: "asking" }, { way: null }],
    ["that calls, and answered a dial", { ...there, state: "called" }, { way: "direct" }],
    ["that joined here, and answered a dial", { ...there, state: null }, { way: "direct" }],
    ["that calls, and never answered a dial", { state: "called", heardAt: 50 }, { way: null }],
    ["from which we fetch", { ...there, state: "collecting", isCollecting: true }, { way: "fetching" }],
    [
      "from which we fetch while it is asked to call",
      { state: "asking", isCollecting: true },
      { way: "fetching" },
    ],
    ["that fetches", { state: "called", hasCollected: true, isFetching: true }, { way: "fetched" }],
    [
      "that fetches, and from which we do",
      { isCollecting: true, hasCollected: true, isFetching: true },
      { way: "both-fetch" },
    ],
    [
      "that fetched, and comes no more",
      { hasCollected: true },
      { way: "fetched", away: "its Guardian has stopped coming for its messages" },
    ],
  ])("%s", (_, seen, want) => expect(open(seen).see()).toEqual(want))
})

describe("a failed attempt", () => {
  const away = "nothing listens there"
  test.each<readonly [string, Seen, string | undefined]>([
    ["is why it is away", { ...there, state: "called" }, away],
    ["also where it was never heard", {}, away],
    ["no more once it was heard since", { ...there, state: "called", heardAt: 101 }, undefined],
    [
      "says less of one that fetches than that it comes no more",
      { hasCollected: true, isFetching: true },
      "its Guardian has stopped coming for its messages",
    ],
  ])("%s", (_, seen, want) => {
    const { ways, see } = open(seen)
    ways.failed("a", away)
    expect(see().away).toBe(want as string)
    ways.forget("a")
    if (!seen.hasCollected) expect(see().away).toBeUndefined()
  })
})
