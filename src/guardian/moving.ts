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
import * as v from "valibot"
import { formatAddress, isLoopback } from "../protocol/addresses.ts"
import {
  askMilliseconds,
  isSamePlace,
  mayHaveMoved,
  type Place,
  placeAfterHello,
  portsAround,
  searchMilliseconds,
  vainBucket,
  vainMilliseconds,
  waitBeforeAsking,
  waitBeforeHello,
} from "../protocol/moving.ts"
import type { Config } from "../store/config.ts"
import { type Context, greetingOf, type NamedPeer, peerById, selfOf } from "./context.ts"
import { pause } from "./pause.ts"
import { createPermits } from "./permits.ts"
import type { Attempt, Sender } from "./sender.ts"

export type Moving = ReturnType<typeof createMoving>

/** What may be under way at once: hellos at start-up, searches, and the ports of one search. */
const mostHellosAtOnce = 16
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

/** The fact `listened`: where this Guardian was, and whether every peer was told. */
const listenedSchema = v.object({ host: v.nullable(v.string()), port: v.number(), isTold: v.boolean() })

/** @param hasten - tries what waits for a pair again */
export function createMoving(context: Context, sender: Sender, hasten: (pair: string) => void) {
  const { log, stopping } = context
  /** By pair: the address to be asked after the one that is being asked. */
  const asking = new Map<string, { next: Place | null }>()
  /** By pair: when addresses that it named began to be asked, in vain. */
  const vainAt = new Map<string, readonly number[]>()
  const searchedAt = new Map<string, number>()
  /** Pairs that were looked for in vain: said once. */
  const missing = new Set<string>()
  const working = new Set<Promise<unknown>>()
  const hellos = createPermits(mostHellosAtOnce)
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
   * @returns whether the address it names is asked first; what waits for the pair is hastened after that
   */
  function heard(from: NamedPeer, hello: { host?: string | undefined; port: number }): boolean {
    const pair = from.peer.id
    const place = placeAfterHello(from.peer, hello)
    const underWay = asking.get(pair)
    if (underWay !== undefined) underWay.next = place
    else if (place !== null) work(ask(pair, place))
    return place !== null
  }

  /** One address at a time; of those that came meanwhile, the latest. */
  async function ask(pair: string, first: Place): Promise<void> {
    const state: { next: Place | null } = { next: first }
    asking.set(pair, state)
    try {
      while (state.next !== null && !stopping.aborted) {
        await turnOf(pair)
        const place = state.next
        state.next = null
        if (place !== null && !stopping.aborted) await askOne(pair, place)
      }
    } finally {
      asking.delete(pair)
    }
  }

  /** Waits until the next address of a pair may be asked. */
  async function turnOf(pair: string): Promise<void> {
    const wait = waitBeforeAsking(vainAt.get(pair) ?? [], context.elapsed())
    if (wait > vainMilliseconds)
      log.write(
        `${peerById(context, pair)?.name} named ${vainBucket.most} addresses within an hour that do not answer: the next is asked in ${Math.ceil(wait / 60_000)} min`,
      )
    if (wait > 0) await pause(wait, stopping)
  }

  async function askOne(pair: string, place: Place): Promise<void> {
    const peer = peerById(context, pair)
    if (peer === null || isSamePlace(peer.peer, place)) return hasten(pair)
    const began = context.elapsed()
    const isThere = await answers(peer, place, askMilliseconds)
    if (stopping.aborted) return
    if (!isThere) return inVain(peer, place, began)
    adopt(peer, place)
    hasten(pair)
  }

  /** Nothing that follows tells the peer when the ask ended: that would say what the address did. */
  function inVain({ name, peer }: NamedPeer, { host, port }: Place, began: number): void {
    const since = began - vainBucket.seconds * 1000
    vainAt.set(peer.id, [...(vainAt.get(peer.id) ?? []).filter(at => at > since), began])
    const where = formatAddress(host, port)
    log.write(`${name} says that it is at ${where}, but does not answer there: its address stays`)
    const rest = began + vainMilliseconds - context.elapsed()
    work(pause(rest, stopping).then(() => (stopping.aborted ? undefined : hasten(peer.id))))
  }

  async function answers(peer: NamedPeer, place: Place, milliseconds?: number): Promise<boolean> {
    const there = { ...peer, peer: { ...peer.peer, ...place } }
    return isSigned(await sender.ask(there, greetingOf(context), milliseconds))
  }

  /** The address becomes this one, unless the owner or another answer was faster. */
  function adopt({ name, peer }: NamedPeer, place: Place): void {
    const now = peerById(context, peer.id)
    if (now === null || now.peer.fixed === true || !isSamePlace(now.peer, peer)) return
    context.config.update(config => withPlace(config, peer, place))
    const after = peerById(context, peer.id)
    if (after === null || !isSamePlace(after.peer, place)) return
    missing.delete(peer.id)
    const [from, to] = [peer, place].map(({ host, port }) => formatAddress(host, port))
    log.write(`${name} moved from ${from} to ${to}`)
  }

  /** An attempt to reach a peer failed: where it may have moved, it is looked for. */
  function missed(pair: string, failure: Extract<Attempt, { kind: "failed" }>): void {
    const peer = peerById(context, pair)
    if (peer === null || stopping.aborted || !mayHaveMoved(peer.peer, failure)) return
    const since = context.now() - (searchedAt.get(pair) ?? Number.NEGATIVE_INFINITY)
    // A clock that was set back must not end the searches.
    if ((since >= 0 && since < searchMilliseconds) || searching >= mostSearches) return
    searchedAt.set(pair, context.now())
    work(lookFor(pair))
  }

  async function lookFor(pair: string): Promise<void> {
    searching += 1
    try {
      if (!(await searches.use(() => search(pair)))) await pause(restMilliseconds, stopping)
    } finally {
      searching -= 1
    }
  }

  /** Whether there is nothing left to look for. */
  async function search(pair: string): Promise<boolean> {
    const peer = peerById(context, pair)
    if (peer === null || stopping.aborted) return true
    const place = await find(peer)
    if (stopping.aborted) return true
    if (place !== null) {
      adopt(peer, place)
      hasten(pair)
    } else if (!missing.has(pair)) {
      missing.add(pair)
      log.write(`${peer.name} was not found on another port of ${peer.peer.host}`)
    }
    return place !== null
  }

  async function find(peer: NamedPeer): Promise<Place | null> {
    const { host } = peer.peer
    const ports = portsAround(peer.peer, isLoopback(host) ? context.address.port : null)
    for (let i = 0; i < ports.length && !stopping.aborted; i += portsAtOnce) {
      const places = ports.slice(i, i + portsAtOnce).map(port => ({ host, port }))
      const found = await Promise.all(places.map(place => answers(peer, place, glanceMilliseconds)))
      const at = found.indexOf(true)
      if (at >= 0) return places[at] ?? null
    }
    return null
  }

  /** Tells every peer where this Guardian is, if that is not where it was; to be called before the port is kept. */
  function announce(): void {
    const { port, host } = selfOf(context)
    const { port: wished } = context.config.current.listen
    const last = v.safeParse(listenedSchema, context.store.facts.get("listened"))
    const before = last.success ? last.output : { host, port: wished === 0 ? port : wished, isTold: true }
    const hasMoved = before.port !== port || before.host !== host
    if (last.success && before.isTold && !hasMoved) return
    const isTold = before.isTold && !hasMoved
    context.store.facts.set("listened", { host, port, isTold })
    if (!isTold) work(tellAll({ host, port }))
  }

  async function tellAll(self: { host: string | null; port: number }): Promise<void> {
    const pairs = Object.values(context.config.current.agents).map(peer => peer.id)
    const told = await Promise.all(pairs.map(tell))
    if (!stopping.aborted && told.every(Boolean))
      context.store.facts.set("listened", { ...self, isTold: true })
  }

  /** Whether the peer knows, or is none any more. */
  async function tell(pair: string): Promise<boolean> {
    const greeting = greetingOf(context)
    for (let tries = 1; !stopping.aborted; tries += 1) {
      const attempt = await hellos.use(async () => {
        const peer = peerById(context, pair)
        return peer === null || stopping.aborted ? null : sender.ask(peer, greeting)
      })
      if (attempt === null) return !stopping.aborted
      if (attempt.kind === "accepted" || attempt.kind === "refused") return true
      if (attempt.kind === "failed") missed(pair, attempt)
      const wait = waitBeforeHello(tries)
      if (wait === null) return false
      await pause(wait, stopping)
    }
    return false
  }

  return {
    heard,
    missed,
    announce,
    /** Resolves when nothing is under way any more; what a Guardian that stops was doing is cut. */
    async stopped(): Promise<void> {
      await Promise.allSettled(working)
    },
  }
}

/** Whatever the peer signed shows that it is there. */
const isSigned = (attempt: Attempt): boolean => attempt.kind !== "failed"

/** The file as it is now decides: its owner may have set the address meanwhile. */
function withPlace(config: Config, before: Place & { readonly id: string }, place: Place): Config {
  const agents = Object.entries(config.agents).map(([name, peer]) => {
    const isIt = peer.id === before.id && peer.fixed !== true && isSamePlace(peer, before)
    return [name, isIt ? { ...peer, ...place } : peer] as const
  })
  return { ...config, agents: Object.fromEntries(agents) }
}
