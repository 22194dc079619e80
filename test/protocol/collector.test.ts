import { describe, expect, test } from "bun:test"
import {
  type Collector,
  type CollectorEffect,
  type CollectorEvent,
  nextTime,
  noCollector,
  stepCollector,
} from "../../src/protocol/collector.ts"

const hour = 60 * 60 * 1000

/** Feeds events one after the other, each with its time, and returns the last state and all effects. */
function fed(
  events: readonly (readonly [number, CollectorEvent["kind"]])[],
  isBusy = true,
  from: Collector = noCollector,
): { at: Collector; effects: string[] } {
  let at = from
  const effects: string[] = []
  for (const [now, kind] of events) {
    const [next, more] = stepCollector(at, { kind }, now, isBusy)
    at = next
    effects.push(...more.map(wordOf))
  }
  return { at, effects }
}

const wordOf = (effect: CollectorEffect): string =>
  effect.kind === "tell"
    ? `tell ${effect.what}`
    : effect.kind === "keep"
      ? `keep ${effect.isCalled ? "called" : "nothing"}`
      : effect.kind === "collect" && effect.anew
        ? "collect anew"
        : effect.kind

describe("who collects", () => {
  test.each([
    [
      "a new pair that is called back fetches nothing",
      ["begun", "asked", "called"],
      "called",
      ["keep nothing", "ask", "keep called"],
    ],
    [
      "nor one that is called before its asking is answered",
      ["begun", "called", "asked"],
      "called",
      ["keep nothing", "ask", "keep called"],
    ],
    [
      "one that nobody calls fetches after 3 s",
      ["begun", "asked", 2999, "time", 1, "time"],
      "collecting",
      ["keep nothing", "ask", "collect"],
    ],
    [
      "one whose peer is not there fetches at once, and again and again",
      ["begun", "unheard"],
      "collecting",
      ["keep nothing", "ask", "collect"],
    ],
    [
      "one that cannot be called fetches and asks no more",
      ["begun", "uncallable", 7 * hour, "time"],
      "collecting",
      ["keep nothing", "ask", "collect", "keep nothing"],
    ],
    ["one that was called before is asked again an hour later", ["known", hour, "time"], "asking", ["ask"]],
    [
      "… and stays so where the peer is not there: it dials when it is",
      ["known", hour, "time", "unheard"],
      "called",
      ["ask"],
    ],
    [
      "… and fetches where it hears and does not call",
      ["known", hour, "time", "asked", 10_000, "time"],
      "collecting",
      ["ask", "collect", "keep nothing"],
    ],
    [
      "a word that something was missed has it fetch at once",
      ["known", "missed"],
      "collecting",
      ["collect", "keep nothing"],
    ],
    [
      "while it fetches, such a word says nothing new",
      ["known", "missed", "missed"],
      "collecting",
      ["collect", "keep nothing"],
    ],
    [
      "the first collect that is answered is told",
      ["begun", "asked", 3000, "time", "collect-answered"],
      "collecting",
      ["keep nothing", "ask", "collect", "tell collects"],
    ],
    [
      "what fetches asks once an hour",
      ["known", "missed", hour, "time"],
      "asking",
      ["collect", "keep nothing", "ask"],
    ],
    [
      "a call ends it",
      ["known", "missed", hour, "time", "asked", "called"],
      "called",
      ["collect", "keep nothing", "ask", "stop", "tell called", "keep called"],
    ],
    [
      "a late call ends it too",
      ["begun", "asked", 3000, "time", "called"],
      "called",
      ["keep nothing", "ask", "collect", "stop", "tell called", "keep called"],
    ],
    [
      "no call: it goes on",
      ["known", "missed", hour, "time", "asked", 10_000, "time"],
      "collecting",
      ["collect", "keep nothing", "ask"],
    ],
    [
      "after an outage it asks",
      ["begun", "unheard", "collect-failed", "collect-answered"],
      "asking",
      ["keep nothing", "ask", "collect", "ask"],
    ],
    [
      "during one it does not",
      ["begun", "unheard", "collect-failed", hour, "time"],
      "collecting",
      ["keep nothing", "ask", "collect"],
    ],
    [
      "another address of ours: what is open is made anew, and the peer asked",
      ["known", "missed", "moved"],
      "asking",
      ["collect", "keep nothing", "collect anew", "keep nothing", "ask"],
    ],
    ["… and where nothing is open, it is asked alone", ["known", "moved"], "asking", ["keep nothing", "ask"]],
    [
      "an older peer is told of, and where we are",
      ["begun", "asked", 3000, "time", "collect-unknown"],
      "older",
      ["keep nothing", "ask", "collect", "stop", "tell older", "ask"],
    ],
    [
      "… when it may be newer",
      ["begun", "asked", 3000, "time", "collect-unknown", 24 * hour, "time"],
      "asking",
      ["keep nothing", "ask", "collect", "stop", "tell older", "ask", "ask"],
    ],
    [
      "a call that nobody asked for changes nothing for the worse",
      ["known", "called"],
      "called",
      ["keep called"],
    ],
    [
      "what comes after the end of collecting is no word on it",
      ["known", "collect-failed", "collect-answered", "collect-unknown", "unheard", "asked"],
      "called",
      [],
    ],
  ] as const)("%s", (_, script, state, effects) => {
    let now = 0
    const events: [number, CollectorEvent["kind"]][] = []
    for (const one of script)
      if (typeof one === "number") now += one
      else events.push([now, one])
    const result = fed(events)
    expect({ state: result.at.state, effects: result.effects }).toEqual({ state, effects: [...effects] })
  })

  test("a pair of which nothing was heard for a day is asked every six hours", () => {
    const { at } = fed([[0, "known"]], false)
    expect(nextTime(at)).toBe(6 * hour)
    expect(nextTime(fed([[0, "known"]]).at)).toBe(hour)
  })
})

/** Every event in every state that can come about: it must lead somewhere from which a message gets through. */
describe("from every state", () => {
  const kinds: readonly CollectorEvent["kind"][] = [
    "begun",
    "unknown",
    "known",
    "moved",
    "called",
    "asked",
    "unheard",
    "uncallable",
    "missed",
    "collect-answered",
    "collect-failed",
    "collect-unknown",
    "time",
  ]
  const key = (at: Collector): string => JSON.stringify(at)
  const reachable = new Map<string, Collector>([[key(noCollector), noCollector]])
  const open = [noCollector]
  for (let at = open.pop(); at !== undefined; at = open.pop())
    for (const kind of kinds)
      for (const now of [0, 3000, 10_000, hour, 7 * hour, 25 * hour]) {
        // Times are taken out: what counts is which of them lie ahead.
        const [next] = stepCollector(at, { kind }, now, true)
        if (reachable.size < 5000 && !reachable.has(key(next))) {
          reachable.set(key(next), next)
          open.push(next)
        }
      }

  test("`missed` leaves nobody unfetched", () => {
    expect(reachable.size).toBeGreaterThan(20)
    for (const at of reachable.values()) {
      const [next, effects] = stepCollector(at, { kind: "missed" }, 0, true)
      const fetches = next.state === "collecting" || (next.state === "asking" && next.isCollecting)
      const begins = effects.some(effect => effect.kind === "collect")
      const did = at.state === "collecting" || (at.state === "asking" && at.isCollecting)
      if (at.state !== "older") expect([at, fetches, begins || did]).toEqual([at, true, true])
    }
  })

  test("a call ends every fetching, and nothing else begins by it", () => {
    for (const at of reachable.values()) {
      const [next, effects] = stepCollector(at, { kind: "called" }, 0, true)
      expect(next.state).toBe("called")
      expect(effects.some(effect => effect.kind === "collect" || effect.kind === "ask")).toBe(false)
    }
  })

  test("within six hours and a call's time each one is called, or fetches, or asks, but for one whose peer is older", () => {
    for (const at of reachable.values()) {
      const later = 6 * hour + Math.max(0, Number.isFinite(nextTime(at)) ? nextTime(at) : 0)
      const [next] = stepCollector(at, { kind: "time" }, later, false)
      if (at === noCollector || at.state === "older") continue
      expect(["asking", "collecting"]).toContain(next.state)
    }
  })
})
