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
      ["known", hour, "time", "asked", 25_000, "time"],
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
      ["known", "missed", hour, "time", "asked", 25_000, "time"],
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

/** What each event makes of each state, whole, a million milliseconds after the start. */
describe("exactly", () => {
  const now = 1_000_000
  const minute = 60_000
  const never = Number.POSITIVE_INFINITY
  const called = (askAt: number): Collector => ({ state: "called", askAt })
  const collecting = (askAt: number, isOut = false): Collector => ({ state: "collecting", askAt, isOut })
  const older = (askAt: number): Collector => ({ state: "older", askAt })
  const asking = (
    callMilliseconds: number,
    {
      isCollecting = false,
      wasCalled = false,
      until = null as number | null,
    }: { isCollecting?: boolean; wasCalled?: boolean; until?: number | null } = {},
  ): Collector => ({ state: "asking", isCollecting, wasCalled, callMilliseconds, until })
  const first = asking(3000)
  const later = now + 5

  test.each<[string, Collector, CollectorEvent["kind"], Collector, string[]]>([
    ["a beginning", called(never), "begun", first, ["keep nothing", "ask"]],
    ["a start that knows nothing", called(never), "unknown", called(now + minute), []],
    ["a start that knows", called(never), "known", called(now + hour), []],
    ["a move of one that is called", called(later), "moved", first, ["keep nothing", "ask"]],
    [
      "a move of one that fetches",
      collecting(later),
      "moved",
      asking(3000, { isCollecting: true }),
      ["collect anew", "keep nothing", "ask"],
    ],
    [
      "a move of one that fetches and asks",
      asking(25_000, { isCollecting: true, until: later }),
      "moved",
      asking(3000, { isCollecting: true }),
      ["collect anew", "keep nothing", "ask"],
    ],
    ["a move where the peer is older", older(later), "moved", first, ["keep nothing", "ask"]],
    ["an asking that is heard", asking(3000), "asked", asking(3000, { until: now + 3000 }), []],
    ["a later one", asking(25_000), "asked", asking(25_000, { until: now + 25_000 }), []],
    ["a word of an asking that is over", collecting(later), "asked", collecting(later), []],
    ["an asking unheard", first, "unheard", collecting(now + hour, true), ["collect"]],
    [
      "one unheard while it fetches",
      asking(25_000, { isCollecting: true }),
      "unheard",
      collecting(now + hour, true),
      [],
    ],
    [
      "one unheard by a peer that called",
      asking(25_000, { wasCalled: true }),
      "unheard",
      called(now + hour),
      [],
    ],
    ["what an older peer does not hear", older(later), "unheard", older(now + minute), []],
    ["what one that is called does not hear", called(later), "unheard", called(later), []],
    ["no way to be called", called(later), "uncallable", collecting(never), ["collect", "keep nothing"]],
    ["no way, where it fetches", collecting(later, true), "uncallable", collecting(never), []],
    ["something missed", called(later), "missed", collecting(now + hour), ["collect", "keep nothing"]],
    ["something missed while it asks", first, "missed", collecting(now + hour), ["collect", "keep nothing"]],
    [
      "something missed while it asks and fetches",
      asking(25_000, { isCollecting: true }),
      "missed",
      asking(25_000, { isCollecting: true }),
      [],
    ],
    ["something missed while it fetches", collecting(later), "missed", collecting(later), []],
    ["something missed of an older peer", older(now + hour), "missed", older(now + minute), []],
    ["… that is asked sooner anyway", older(later), "missed", older(later), []],
    ["a collect answered", collecting(later), "collect-answered", collecting(later), ["tell collects"]],
    [
      "one answered after an outage",
      collecting(later, true),
      "collect-answered",
      asking(25_000, { isCollecting: true }),
      ["ask"],
    ],
    ["one answered while it asks", first, "collect-answered", first, []],
    ["a collect failed", collecting(later), "collect-failed", collecting(later, true), []],
    ["one failed of a peer that is older", older(later), "collect-failed", older(later), []],
    [
      "a peer that knows none",
      collecting(later),
      "collect-unknown",
      older(now + 24 * hour),
      ["stop", "tell older", "ask"],
    ],
    [
      "… where it asks and fetches",
      asking(25_000, { isCollecting: true }),
      "collect-unknown",
      older(now + 24 * hour),
      ["stop", "tell older", "ask"],
    ],
    ["… where it does not fetch", called(later), "collect-unknown", called(later), []],
    ["a call", called(later), "called", called(now + hour), ["keep called"]],
    [
      "a call that was asked for again",
      asking(25_000, { wasCalled: true }),
      "called",
      called(now + hour),
      [],
    ],
    ["the first call", first, "called", called(now + hour), ["keep called"]],
    ["a call of an older peer", older(later), "called", called(now + hour), ["keep called"]],
    [
      "a call of one that is fetched from",
      collecting(later),
      "called",
      called(now + hour),
      ["stop", "tell called", "keep called"],
    ],
    ["no answer yet", first, "time", first, []],
    ["no call yet", asking(3000, { until: now + 1 }), "time", asking(3000, { until: now + 1 }), []],
    ["no call in time", asking(3000, { until: now }), "time", collecting(now + hour), ["collect"]],
    [
      "no call in time of a peer that called before",
      asking(25_000, { wasCalled: true, until: now }),
      "time",
      collecting(now + hour),
      ["collect", "keep nothing"],
    ],
    [
      "no call in time while it fetches",
      asking(25_000, { isCollecting: true, until: now }),
      "time",
      collecting(now + hour),
      [],
    ],
    ["not the time of a called one", called(now + 1), "time", called(now + 1), []],
    ["the time of a called one", called(now), "time", asking(25_000, { wasCalled: true }), ["ask"]],
    ["not the time of one that fetches", collecting(now + 1), "time", collecting(now + 1), []],
    [
      "the time of one that fetches",
      collecting(now),
      "time",
      asking(25_000, { isCollecting: true }),
      ["ask"],
    ],
    ["the time of one that is out", collecting(now, true), "time", collecting(now + hour, true), []],
    ["not the time of an older one", older(now + 1), "time", older(now + 1), []],
    ["the time of an older one", older(now), "time", asking(25_000), ["ask"]],
  ])("%s", (_, at, kind, want, effects) => {
    const [next, said] = stepCollector(at, { kind }, now, true)
    expect([next, said.map(wordOf)] as unknown).toEqual([want, effects])
  })

  test.each<[string, Collector, number]>([
    ["an asking that nobody heard", first, never],
    ["one that was heard", asking(3000, { until: later }), later],
    ["one that is called", called(later), later],
    ["one that fetches", collecting(later), later],
    ["an older one", older(later), later],
  ])("time comes next: %s", (_, at, want) => expect(nextTime(at)).toBe(want))
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
      for (const now of [0, 3000, 25_000, hour, 7 * hour, 25 * hour]) {
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
