/**
 * Peers whose address changes, and our own. An address is replaced only after the new one has given an answer
 * that the peer alone can sign.
 *
 * What strangers learn when a peer is looked for on the neighbouring ports of its host: the pair id, which is
 * no secret, and a signed hello, sealed where the peer can open it. Played on to the real peer, that hello
 * says what we say ourselves, once, and makes it ask an address of ours that must answer rightly. Whoever
 * passes both hello and answer on becomes a hop between the two: it can cut or delay, as anybody on the way
 * can, but neither make nor alter a message, nor read one that is sealed.
 * @see docs/PROTOCOL.md section 4
 */
import { isIP } from "node:net"
import { lookUp } from "../../http/client.ts"
import { formatAddress, isLoopback } from "../../protocol/addresses.ts"
import {
  askMilliseconds,
  type Hello,
  isSamePlace,
  mayHaveMoved,
  mostRepeats,
  type Place,
  placeToAsk,
  portsAround,
  searchMilliseconds,
  vainBucket,
  vainMilliseconds,
  waitBeforeAsking,
  waitBeforeRepeating,
} from "../../protocol/moving.ts"
import type { Config, Peer } from "../../store/config.ts"
import { openNamedPlaces } from "../books/claims.ts"
import { type Context, greetingOf, type NamedPeer, peerById } from "../context.ts"
import { createPermits, sleep } from "../sleep.ts"
import type { Attempt, Sender } from "./sender.ts"

export type Moving = ReturnType<typeof createMoving>

/** What may be under way at once: searches, and the ports of one search. */
const mostSearchesAtOnce = 2
/**
 * Searches that wait, are under way, or ended in vain a moment ago. Where more peers are missing at the same time,
 * hardly all of them have moved: those beyond are looked for when a later attempt fails.
 */
const mostSearches = 16
const restMilliseconds = 10_000
const portsAtOnce = 8
/** How long a port of a search may take: the right one is at hand. */
const glanceMilliseconds = 3_000

/** An address to be asked, null for the known one; and the hello that asks to be called there, or null. */
type Ask = { readonly place: Place | null; readonly callOf: string | null }

/** `at`: when it began to be asked. */
type Vain = { readonly place: Place; readonly at: number }

/** What is next, with the call that was asked for before where it asks for none itself. */
const withCallOf = (next: Ask | null, before: string | null): Ask | null => {
  const callOf = next?.callOf ?? before
  return next === null && callOf === null ? null : { place: next?.place ?? null, callOf }
}

/** @param hasten - tries what waits for a pair again */
export function createMoving(context: Context, sender: Sender, hasten: (pair: string) => void) {
  const { log, stopping } = context
  const named = openNamedPlaces(context)
  /** By pair: the address to be asked after the one that is being asked. */
  const asking = new Map<string, { next: Ask | null }>()
  /** By pair: the addresses that were asked in vain within the hour. */
  const vain = new Map<string, readonly Vain[]>()
  /** Ends waits whose time may have come: the clock was turned. */
  let looks = new AbortController()
  const searchedAt = new Map<string, number>()
  /** Pairs that were looked for in vain: said once. */
  const missing = new Set<string>()
  const working = new Set<Promise<unknown>>()
  const searches = createPermits(mostSearchesAtOnce)
  let searching = 0

  function work(task: Promise<unknown>): void {
    const done = task
      .catch(error => {
        if (!stopping.aborted) log.write(`an address was not settled: ${(error as Error).message}`)
      })
      .finally(() => working.delete(done))
    working.add(done)
  }

  /**
   * A fresh signed hello came.
   * @param callOf - its id, where it asks to be called
   * @returns whether the address it names is asked first; what waits for the pair is hastened after that
   */
  function heard(from: NamedPeer, hello: Hello, callOf: string | null): boolean {
    const pair = from.peer.id
    const place = placeToAsk(from.peer, hello)
    if (place === null) named.settle(pair)
    else named.note(pair, place)
    const next = place === null && callOf === null ? null : { place, callOf }
    const underWay = asking.get(pair)
    if (underWay !== undefined) underWay.next = withCallOf(next, underWay.next?.callOf ?? null)
    else if (next !== null) work(ask(pair, next))
    return place !== null
  }

  /** One address at a time; of those that came meanwhile, the latest. */
  async function ask(pair: string, first: Ask): Promise<void> {
    const state: { next: Ask | null } = { next: first }
    asking.set(pair, state)
    try {
      while (state.next !== null && !stopping.aborted) {
        await turnOf(pair)
        const one = state.next
        state.next = null
        if (one === null || stopping.aborted) continue
        const then = await (one.place === null ? call(pair, one.callOf) : askOne(pair, one.place, one.callOf))
        state.next = withCallOf(state.next ?? then, then?.callOf ?? null)
        if (isAskedAgain(pair)) state.next ??= { place: named.of(pair), callOf: one.callOf }
      }
    } finally {
      asking.delete(pair)
    }
  }

  /**
   * Whether a peer that nothing is known of but what it named is asked there once more: one request that was lost must
   * not part a new pair for good. Not for ever: then an attempt that fails, a hello or the next start has it asked, and
   * an address that it names meanwhile finds room.
   */
  function isAskedAgain(pair: string): boolean {
    const known = peerById(context, pair)?.peer
    const place = named.of(pair)
    if (known === undefined || place === null || known.reached !== undefined) return false
    return timesOf(pair, place).length <= mostRepeats && waitFor(pair) <= vainMilliseconds
  }

  const waitFor = (pair: string): number =>
    waitBeforeAsking(
      (vain.get(pair) ?? []).map(({ at }) => at),
      context.elapsed(),
    )

  /** When an address was asked in vain. */
  const timesOf = (pair: string, place: Place): number[] =>
    (vain.get(pair) ?? []).filter(one => isSamePlace(one.place, place)).map(({ at }) => at)

  /** Asks once more where a peer said that it is, where that is not settled. */
  function askAgain(pair: string): void {
    const place = named.of(pair)
    if (place === null || asking.has(pair)) return
    if (waitBeforeRepeating(timesOf(pair, place), context.elapsed()) === 0)
      work(ask(pair, { place, callOf: null }))
  }

  /** Waits until the next address of a pair may be asked. */
  async function turnOf(pair: string): Promise<void> {
    const wait = waitFor(pair)
    if (wait > vainMilliseconds)
      log.write(
        `${peerById(context, pair)?.name} named ${vainBucket.most} addresses within an hour that do not answer: the next is asked in ${Math.ceil(wait / 60_000)} min`,
      )
    await waitUntil(context.elapsed() + wait)
  }

  async function waitUntil(at: number): Promise<void> {
    for (let rest = at - context.elapsed(); rest > 0 && !stopping.aborted; rest = at - context.elapsed())
      await sleep(Math.ceil(rest), AbortSignal.any([stopping, looks.signal]))
  }

  /** @returns what is to be asked after it */
  async function askOne(pair: string, place: Place, callOf: string | null): Promise<Ask | null> {
    const peer = peerById(context, pair)
    if (peer === null || placeToAsk(peer.peer, place) === null) {
      settle(pair, place)
      hasten(pair)
      return callOf === null ? null : call(pair, callOf)
    }
    const began = context.elapsed()
    const literal = await answers(peer, place, askMilliseconds, callOf)
    if (stopping.aborted) return null
    if (literal === null || !isAdopted(peer, place, literal)) {
      await inVain(peer, place, began, literal === null)
      // Where it was before, it may still be. A call there at once would say when this one ended.
      return callOf === null || isSamePlace(peer.peer, place) ? null : { place: null, callOf }
    }
    settle(pair, place)
    hasten(pair)
    return null
  }

  /** Calls a peer at the address at which it is known. */
  async function call(pair: string, callOf: string | null): Promise<null> {
    const peer = peerById(context, pair)
    if (peer === null || callOf === null) return null
    const began = context.elapsed()
    const literal = await answers(peer, peer.peer, askMilliseconds, callOf)
    if (literal === null) await spendTime(pair, peer.peer, began)
    else hasten(pair)
    return null
  }

  /** Unless the peer named another one meanwhile. */
  function settle(pair: string, place: Place): void {
    const last = named.of(pair)
    if (last !== null && isSamePlace(last, place)) named.settle(pair)
  }

  /** A config that cannot be written now is no reason to forget where the peer is. */
  function isAdopted(peer: NamedPeer, place: Place, literal: string): boolean {
    try {
      adopt(peer, place, literal)
      return true
    } catch (error) {
      log.write(`an address was not settled: ${(error as Error).message}`)
      return false
    }
  }

  async function inVain(
    { name, peer }: NamedPeer,
    place: Place,
    began: number,
    isSilent: boolean,
  ): Promise<void> {
    const where = formatAddress(place.host, place.port)
    if (isSilent)
      log.write(`${name} says that it is at ${where}, but does not answer there: its address stays`)
    await spendTime(peer.id, place, began)
    if (!stopping.aborted) hasten(peer.id)
  }

  /**
   * An ask in vain is under way until its time is over, however soon it failed: nothing that follows, and nothing that
   * looks whether one is under way, tells the peer what the address did.
   */
  async function spendTime(pair: string, place: Place, began: number): Promise<void> {
    const since = began - vainBucket.seconds * 1000
    vain.set(pair, [...(vain.get(pair) ?? []).filter(({ at }) => at > since), { place, at: began }])
    await waitUntil(began + vainMilliseconds)
  }

  /** The IP literal at which the peer gave a signed answer, whatever it was; or null. */
  async function answers(
    peer: NamedPeer,
    { host, port }: Place,
    milliseconds: number,
    callOf: string | null = null,
  ): Promise<string | null> {
    const there = { ...peer, peer: { ...peer.peer, host, port } }
    const hello = callOf === null ? greetingOf(context) : { ...greetingOf(context), callOf }
    const attempt = await sender.ask(there, hello, milliseconds)
    return attempt.kind === "failed" ? null : attempt.literal
  }

  /** The peer gave an answer at the address that `to` holds: from now on it is known to have been there. */
  function reached({ peer }: NamedPeer, literal: string): void {
    const now = peerById(context, peer.id)?.peer
    if (now === undefined || now.fixed === true || !isSamePlace(now, peer)) return
    if (!asking.has(peer.id)) named.settle(peer.id)
    if (now.reached === literal) return
    try {
      context.config.update(config => withPlace(config, peer, peer, literal))
    } catch (error) {
      log.write(`it cannot be noted where a peer was reached: ${(error as Error).message}`)
    }
  }

  /** The address becomes this one, unless the owner or another answer was faster. */
  function adopt({ name, peer }: NamedPeer, place: Place, literal: string): void {
    const now = peerById(context, peer.id)
    if (now === null || now.peer.fixed === true || !isSamePlace(now.peer, peer)) return
    if (isSamePlace(peer, place)) return
    context.config.update(config => withPlace(config, peer, place, literal))
    const after = peerById(context, peer.id)
    if (after === null || !isSamePlace(after.peer, place)) return
    missing.delete(peer.id)
    const [from, to] = [peer, place].map(({ host, port }) => formatAddress(host, port))
    log.write(`${name} moved from ${from} to ${to}`)
  }

  /**
   * An attempt to reach a peer failed: where it may have moved, it is looked for.
   * @param hasCollected - whether it came for what there is, and has answered no dial since: what is at its address
   *   may be a router, whose ports are none of ours
   */
  function missed(pair: string, failure: Extract<Attempt, { kind: "failed" }>, hasCollected: boolean): void {
    const peer = peerById(context, pair)
    if (peer === null || stopping.aborted) return
    askAgain(pair)
    // Where a name leads elsewhere no look-up of it must say how the attempt failed there.
    if (hasCollected || failure.isElsewhere === true || !mayHaveMoved(peer.peer, failure)) return
    const since = context.now() - (searchedAt.get(pair) ?? Number.NEGATIVE_INFINITY)
    // A clock that was set back must not end the searches.
    if ((since >= 0 && since < searchMilliseconds) || searching >= mostSearches) return
    searchedAt.set(pair, context.now())
    work(lookFor(pair))
  }

  async function lookFor(pair: string): Promise<void> {
    searching += 1
    try {
      if (!(await searches.use(() => search(pair)))) await sleep(restMilliseconds, stopping)
    } finally {
      searching -= 1
    }
  }

  /** Whether there is nothing left to look for. */
  async function search(pair: string): Promise<boolean> {
    const peer = peerById(context, pair)
    if (peer === null || stopping.aborted) return true
    // A name may lead elsewhere by now, and nobody's ports are searched on the word of who answers for it.
    const literal = await lookUp(peer.peer.host, glanceMilliseconds, stopping)
    if (literal === null || literal !== peer.peer.reached) return true
    const place = await find(peer, literal)
    if (stopping.aborted) return true
    if (place !== null) {
      adopt(peer, place, literal)
      hasten(pair)
    } else if (!missing.has(pair)) {
      missing.add(pair)
      log.write(`${peer.name} was not found on another port of ${peer.peer.host}`)
    }
    return place !== null
  }

  async function find(peer: NamedPeer, literal: string): Promise<Place | null> {
    const { host } = peer.peer
    const ports = portsAround(peer.peer, isLoopback(host) ? context.address.port : null)
    for (let i = 0; i < ports.length && !stopping.aborted; i += portsAtOnce) {
      const some = ports.slice(i, i + portsAtOnce)
      const found = await Promise.all(
        some.map(port => answers(peer, { host: literal, port }, glanceMilliseconds)),
      )
      const port = some[found.findIndex(one => one !== null)]
      if (port !== undefined) return { host, port }
    }
    return null
  }

  /** Asks what was not settled before this Guardian started. */
  function resume(): void {
    trustOlderPairs()
    for (const pair of named.pairs()) askAgain(pair)
  }

  /**
   * Builds before the field `reached` did not note where a peer gave an answer. Where there was contact with it, and it
   * named no address that is still to be settled, the IP literal that was kept counts as that.
   */
  function trustOlderPairs(): void {
    const contacts = context.store.peers.lastContacts()
    const isOlder = (peer: Peer): boolean =>
      peer.reached === undefined &&
      peer.fixed !== true &&
      isIP(peer.host) !== 0 &&
      (contacts.get(peer.id) ?? null) !== null &&
      named.of(peer.id) === null
    if (!Object.values(context.config.current.agents).some(isOlder)) return
    const trusted = (peer: Peer): Peer => (isOlder(peer) ? { ...peer, reached: peer.host } : peer)
    try {
      context.config.update(config => {
        const agents = Object.entries(config.agents).map(([name, peer]) => [name, trusted(peer)] as const)
        return { ...config, agents: Object.fromEntries(agents) }
      })
    } catch (error) {
      log.write(`it cannot be noted where peers were reached: ${(error as Error).message}`)
    }
  }

  return {
    heard,
    reached,
    missed,
    resume,

    /** Looks whose time has come, whatever the timers say. */
    look(): void {
      looks.abort()
      looks = new AbortController()
    },

    /** The pair has ended. */
    forget(pair: string): void {
      for (const of of [vain, searchedAt, missing]) of.delete(pair)
    },

    /** Resolves when nothing is under way any more; what a Guardian that stops was doing is cut. */
    async stopped(): Promise<void> {
      await Promise.allSettled(working)
    },
  }
}

/** The file as it is now decides: its owner may have set the address meanwhile. */
function withPlace(
  config: Config,
  before: Place & { readonly id: string },
  { host, port }: Place,
  reached: string,
): Config {
  const agents = Object.entries(config.agents).map(([name, peer]) => {
    const isIt = peer.id === before.id && peer.fixed !== true && isSamePlace(peer, before)
    return [name, isIt ? { ...peer, host, port, reached } : peer] as const
  })
  return { ...config, agents: Object.fromEntries(agents) }
}
