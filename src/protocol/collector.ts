/**
 * Whether this side fetches what a peer has for it, and when it asks whether it must: one machine a pair. Neither side
 * says what it believes of the other; each goes by what it has seen. Pure: the Guardian feeds the events and performs
 * the effects.
 *
 *     called        the peer has called us back at the address at which we are: it dials, and we are dialled
 *     asking        it was asked to, and has not yet
 *     collecting    it does not, so we fetch; from time to time it is asked again
 *     older         it knows no collects: it must be able to dial us
 *
 * @see docs/PROTOCOL.md section 7
 */

/** How long a call may take: at the beginning, when nothing is known, and later. */
const firstCallMilliseconds = 3_000
const laterCallMilliseconds = 25_000
/** After a start, how long a peer is left alone of which nothing is known: thousands may be such. */
const unknownMilliseconds = 60_000
/** How often a peer is asked with which something was exchanged in the last day, and any other. */
const busyMilliseconds = 60 * 60 * 1000
const quietMilliseconds = 6 * busyMilliseconds
/** When a peer that knew no collects is tried again; so it is as the Guardian starts. */
const olderMilliseconds = 24 * busyMilliseconds

/** Times are of a clock that nobody sets, in milliseconds. */
export type Collector =
  | { readonly state: "called"; readonly askAt: number }
  | {
      readonly state: "asking"
      /** Whether it fetches meanwhile, because it did, or something waits for it. */
      readonly isCollecting: boolean
      /** Whether the peer has called back before. */
      readonly wasCalled: boolean
      /** How long the call may take, from the peer's answer on; and until when, once there is one. */
      readonly callMilliseconds: number
      readonly until: number | null
    }
  /** `isOut`: the last one failed. */
  | { readonly state: "collecting"; readonly askAt: number; readonly isOut: boolean }
  | { readonly state: "older"; readonly askAt: number }

export type CollectorEvent =
  /** A pair that is new, or to which a Guardian says at its start that it is elsewhere now. */
  | { readonly kind: "begun" }
  /** The Guardian started, and nobody knows any more whether the peer has called it. */
  | { readonly kind: "unknown" }
  /** The Guardian started, and is where it was when the peer called it. */
  | { readonly kind: "known" }
  /** Another address or port of ours leads to the peer now. */
  | { readonly kind: "moved" }
  /** The peer has called: `hello` with the id of our latest asking came over our own listener. */
  | { readonly kind: "called" }
  /** The peer has heard the asking: the call may come. */
  | { readonly kind: "asked" }
  /** The asking got no answer of the peer's. */
  | { readonly kind: "unheard" }
  /** There is no way on which the peer could call: we do not listen at the address that leads to it. */
  | { readonly kind: "uncallable" }
  /** The peer says that something waits for us, and that it could not bring it. */
  | { readonly kind: "missed" }
  | { readonly kind: "collect-answered" }
  | { readonly kind: "collect-failed" }
  /** A collect was answered with a signed 400. */
  | { readonly kind: "collect-unknown" }
  | { readonly kind: "time" }

export type CollectorEffect =
  /** Says `hello` with `callBack`. */
  | { readonly kind: "ask" }
  /** Goes on collecting, or begins to. `anew`: what is open was made at another address of ours. */
  | { readonly kind: "collect"; readonly anew: boolean }
  /** Lets the open collect run out, brings the answer to what it held, and ends. */
  | { readonly kind: "stop" }
  /** Keeps over restarts that the peer has called, or that this is not known any more. */
  | { readonly kind: "keep"; readonly isCalled: boolean }
  /** The owner is told how messages travel. */
  | { readonly kind: "tell"; readonly what: "collects" | "called" | "older" }

type Step = readonly [Collector, readonly CollectorEffect[]]

/** A pair of which nothing has happened yet; its first event is `begun` or `known`. */
export const noCollector: Collector = { state: "called", askAt: Number.POSITIVE_INFINITY }

/**
 * What an event makes of it.
 * @param now - the time
 * @param isBusy - whether something was exchanged with the peer in the last day
 */
export function stepCollector(at: Collector, event: CollectorEvent, now: number, isBusy: boolean): Step {
  const askAt = now + (isBusy ? busyMilliseconds : quietMilliseconds)
  const isCollecting = at.state === "collecting" || (at.state === "asking" && at.isCollecting)
  switch (event.kind) {
    case "begun":
      return asking(firstCallMilliseconds, false, false, [keep(false)])
    case "unknown":
      return [{ state: "called", askAt: now + unknownMilliseconds }, []]
    case "known":
      return [{ state: "called", askAt }, []]
    case "moved":
      return asking(firstCallMilliseconds, isCollecting, false, [
        ...(isCollecting ? [collect(true)] : []),
        keep(false),
      ])
    case "called":
      return called(at, askAt, isCollecting)
    case "asked":
      return at.state === "asking" ? [{ ...at, until: now + at.callMilliseconds }, []] : [at, []]
    case "unheard":
      return at.state === "asking"
        ? unheard(at, askAt)
        : [at.state === "older" ? { ...at, askAt: now + unknownMilliseconds } : at, []]
    case "uncallable":
      return isCollecting
        ? [{ state: "collecting", askAt: Number.POSITIVE_INFINITY, isOut: false }, []]
        : [
            { state: "collecting", askAt: Number.POSITIVE_INFINITY, isOut: false },
            [collect(false), keep(false)],
          ]
    case "missed":
      // Only one that knows collects says so: it is older no more, and soon asked, but not at once, again and again.
      if (at.state === "older") return [{ ...at, askAt: Math.min(at.askAt, now + unknownMilliseconds) }, []]
      return at.state === "called" || (at.state === "asking" && !at.isCollecting)
        ? [
            { state: "collecting", askAt: now + busyMilliseconds, isOut: false },
            [collect(false), keep(false)],
          ]
        : [at, []]
    case "collect-answered":
      if (at.state !== "collecting") return [at, []]
      // What it did not hear while it was out it is told now.
      return at.isOut
        ? asking(laterCallMilliseconds, true, false, [])
        : [at, [{ kind: "tell", what: "collects" }]]
    case "collect-failed":
      return at.state === "collecting" ? [{ ...at, isOut: true }, []] : [at, []]
    case "collect-unknown":
      // It knows no asking either, but learns by it where we are.
      return isCollecting
        ? [
            { state: "older", askAt: now + olderMilliseconds },
            [{ kind: "stop" }, { kind: "tell", what: "older" }, { kind: "ask" }],
          ]
        : [at, []]
    case "time":
      return late(at, now, askAt)
  }
}

/** When the next event is `time`. */
export const nextTime = (at: Collector): number =>
  (at.state === "asking" ? at.until : at.askAt) ?? Number.POSITIVE_INFINITY

const collect = (anew: boolean): CollectorEffect => ({ kind: "collect", anew })
const keep = (isCalled: boolean): CollectorEffect => ({ kind: "keep", isCalled })

const asking = (
  callMilliseconds: number,
  isCollecting: boolean,
  wasCalled: boolean,
  before: readonly CollectorEffect[],
): Step => [
  { state: "asking", isCollecting, wasCalled, callMilliseconds, until: null },
  [...before, { kind: "ask" }],
]

function called(at: Collector, askAt: number, isCollecting: boolean): Step {
  const effects: CollectorEffect[] = isCollecting ? [{ kind: "stop" }, { kind: "tell", what: "called" }] : []
  if (!(at.state === "asking" && at.wasCalled)) effects.push(keep(true))
  return [{ state: "called", askAt }, effects]
}

/** A peer that has called and is not there now dials us when it is: only one that never did is to be fetched from. */
function unheard(at: Extract<Collector, { state: "asking" }>, askAt: number): Step {
  if (at.wasCalled) return [{ state: "called", askAt }, []]
  return [{ state: "collecting", askAt, isOut: true }, at.isCollecting ? [] : [collect(false)]]
}

function late(at: Collector, now: number, askAt: number): Step {
  switch (at.state) {
    case "asking":
      return at.until === null || at.until > now
        ? [at, []]
        : [
            { state: "collecting", askAt, isOut: false },
            [...(at.isCollecting ? [] : [collect(false)]), ...(at.wasCalled ? [keep(false)] : [])],
          ]
    case "called":
      return at.askAt > now ? [at, []] : asking(laterCallMilliseconds, false, true, [])
    case "collecting":
      // While it is out nobody can be asked; that is made up for when a collect is answered.
      if (at.askAt > now) return [at, []]
      return at.isOut ? [{ ...at, askAt }, []] : asking(laterCallMilliseconds, true, false, [])
    case "older":
      return at.askAt > now ? [at, []] : asking(laterCallMilliseconds, false, false, [])
  }
}
