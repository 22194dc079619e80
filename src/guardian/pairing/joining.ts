/** The joiner's side: finding the minter, joining as an owner or its agent wishes, and what the end of it does. */

import { isIP } from "node:net"
import { lookUp } from "../../http/client.ts"
import { firstPort, formatAddress, portTries } from "../../protocol/addresses.ts"
import { SentoError } from "../../protocol/errors.ts"
import { confirmsPerCode } from "../../protocol/joiner.ts"
import type { Place } from "../../protocol/moving.ts"
import type { AskedJoin } from "../../store/joins.ts"
import type { PairingRequest } from "../../store/requests.ts"
import { type LocalName, requireFreeName } from "../books/pairs.ts"
import { withdrawJoin } from "../books/withdrawing.ts"
import { announce, type Context } from "../context.ts"
import type { Candidate, PairingEvent, Withdrawn } from "../door/results.ts"
import type { Sender } from "../outbound/sender.ts"
import { type Handshake, resumeHandshake, sayHello } from "./handshake.ts"
import { isHeardJoin, requireHeardTry, searchNetworks } from "./heard.ts"
import { type Miss, nobodyAt, nobodyHere, nobodyThere, ownIsNone, unknownHost } from "./nobody.ts"
import { declinePair, storePair } from "./settling.ts"
import { tellEnded } from "./unpairing.ts"

/** What an owner typed. `host` null: this machine; `port` null: the usual range. */
export type JoinWish = {
  readonly symbols: string
  readonly host: string | null
  readonly port: number | null
  readonly as: string | null
  readonly replace: boolean
  /** Whether the owner picked the place out of several that mDNS had found. */
  readonly heard: boolean
}

type Emit = (event: PairingEvent) => void

export type Joining = ReturnType<typeof createJoining>

/** @param greet - says where this Guardian is to the peer of a new pair, until it knows */
export function createJoining(context: Context, sender: Sender, greet: (pair: string) => void) {
  /**
   * Joins with a code, up to the moment when the request waits for the other owner; the wait goes on in the
   * background, also over a restart, and its end is an event.
   * @returns the request that waits
   * @throws usage, unreachable, refused
   */
  async function join(wish: JoinWish, emit: Emit): Promise<PairingRequest> {
    requireTriesLeft(context, wish.symbols)
    const { place, intro, confirm, isHeard } = await findMinter(wish, emit, nobodyAt)
    const as: LocalName = { name: wish.as ?? intro.name, replace: wish.replace }
    requireFreeName(context, as, `sento pair CODE@${formatAddress(place.host, place.port)}`)
    // Others may have tried meanwhile, and the next one is counted before anything waits.
    requireTriesLeft(context, wish.symbols)
    if (isHeard) requireHeardTry(context, wish.symbols)
    const request = await confirm({ symbols: wish.symbols, as, askedId: null, isHeard })
    emit({ event: "verifier", verifier: request.verifier, name: request.name })
    return request
  }

  /**
   * Who has an open code at the place that an agent named. Only `hello` is sent, which says nothing of the code.
   * @throws usage, unreachable, refused
   */
  async function find(wish: JoinWish, emit: Emit): Promise<Looked> {
    requireTriesLeft(context, wish.symbols)
    const { place, intro, isHeard } = await findMinter(wish, emit, nobodyThere)
    const as: LocalName = { name: wish.as ?? intro.name, replace: false }
    requireFreeName(context, as, `sento pair CODE@${formatAddress(place.host, place.port)}`)
    return { ...place, name: intro.name, agent: intro.agent, isHeard }
  }

  /**
   * Joins as the agent asked and the owner has said. A handshake lives for a minute only, so that another one is
   * made; it must be with the agent that the owner was shown.
   * @throws unreachable, refused
   */
  async function carryOut(asked: AskedJoin, as: LocalName): Promise<PairingRequest> {
    const { symbols, host, port } = asked
    requireTriesLeft(context, symbols)
    const met = await sayHello(context, symbols, { host, port }, settle)
    if (isMiss(met)) throw nobodyAt(host, port, [met])
    if (met.intro.agent !== asked.agent || met.intro.name !== asked.name)
      throw new SentoError(
        "refused",
        `another agent than ${asked.name} answers at ${formatAddress(host, port)} now`,
        "ask the other owner for a new code",
      )
    const isHeard = isHeardJoin(context.store, asked.id)
    requireTriesLeft(context, symbols)
    if (isHeard) requireHeardTry(context, symbols)
    return met.confirm({ symbols, as, askedId: asked.id, isHeard })
  }

  /**
   * The one Guardian with an open code at the place the owner named; of a bare code on this machine, and where nobody
   * has one here, on its networks. A second one is never tried unasked.
   * @param nobody - what is said where nobody has one at a place that was named
   */
  async function findMinter(wish: JoinWish, emit: Emit, nobody: typeof nobodyAt): Promise<Found> {
    const host = wish.host ?? loopback
    const port = wish.port ?? firstPort
    // Once, before a hundred ports of it are asked.
    if (isIP(host) === 0 && (await lookUp(host, lookUpMilliseconds, context.stopping)) === null)
      throw nobody(host, wish.port, [
        { place: { host, port }, cause: "unresolved", reason: unknownHost(host) },
      ])
    const range = Array.from({ length: portTries }, (_, i) => firstPort + i)
    const isOwn = (port: number): boolean => wish.host === null && port === context.address.port
    const ports = wish.port === null ? range.filter(port => !isOwn(port)) : [wish.port]
    const { met, misses } = await sayHellos(
      wish.symbols,
      ports.map(port => ({ host, port })),
    )
    if (met.length > 0) return theOnly(met, wish.heard, emit)
    if (wish.host !== null) throw nobody(host, wish.port, ownIsNone(misses, context.address.port))
    return findNearby(wish, emit)
  }

  async function findNearby({ symbols }: JoinWish, emit: Emit): Promise<Found> {
    requireHeardTry(context, symbols)
    const { places, interfaceNames } = await searchNetworks(context)
    const { met } = await sayHellos(symbols, places)
    if (met.length === 0) throw nobodyHere(loopback, interfaceNames)
    return theOnly(met, true, emit)
  }

  async function sayHellos(symbols: string, places: readonly Place[]) {
    const answers = await Promise.all(places.map(place => sayHello(context, symbols, place, settle)))
    return { met: answers.filter(isMet), misses: answers.filter(isMiss) }
  }

  /** Its owner may have given its name to another one meanwhile. */
  const isWaiting = ({ id }: PairingRequest): boolean => context.store.requests.get(id)?.state === "waiting"

  function settle(request: PairingRequest, outcome: "approved" | "denied" | "expired"): void {
    const { localName: name } = request
    if (!isWaiting(request)) return
    if (outcome === "approved") {
      if (!isStored(request)) return
      greet(request.pairId)
      announce(context, request, { state: outcome, name })
      return
    }
    context.store.requests.settle(request.id, outcome, context.now())
    announce(context, request, { state: outcome })
  }

  function isStored(request: PairingRequest): boolean {
    const { localName: name, replaces: replace } = request
    try {
      storePair(context, request, { name, replace }, sender)
      return true
    } catch (error) {
      if (!(error instanceof SentoError) || error.code !== "usage") throw error
      decline(request)
      return false
    }
  }

  /** The other owner's yes came when the name was another pair's already; nobody may lose theirs by it. */
  function decline(request: PairingRequest): void {
    const { id, name, localName } = request
    declinePair(context, request, sender)
    const message = `${name}'s owner said yes, but another agent is called ${localName} here by now: nothing was paired`
    context.notices.tell(`declined ${id}`, message)
    context.events.emit({ event: "answered", id, state: "failed" }, { role: "joiner", id })
    const hint = "pair again: `sento pair CODE --as OTHER-NAME`"
    context.events.emit({ event: "failed", code: "refused", message, hint }, { role: "joiner", id })
  }

  return {
    join,
    find,
    carryOut,

    /** Its owner asks no more: whoever waits here for the other owner's yes is told. */
    withdraw(request: PairingRequest): Withdrawn {
      const withdrawn = withdrawJoin(context, request)
      tellEnded(context, sender)
      const { id, name } = request
      context.events.emit({ event: "answered", id, state: "denied" }, { role: "joiner", id })
      const message = `the join of ${name} was withdrawn here`
      context.events.emit({ event: "failed", code: "failed", message, hint: null }, { role: "joiner", id })
      return withdrawn
    },
    /** Goes on with what waited when the Guardian stopped. */
    resume(): void {
      for (const request of context.store.requests.waiting("joiner"))
        void resumeHandshake(context, request, settle)
    },
  }
}

/** Who answers with an open code, and whether mDNS found the place; the name is a claim. */
type Found = Handshake & { readonly isHeard: boolean }

type Looked = Pick<AskedJoin, "host" | "port" | "name" | "agent"> & Pick<Found, "isHeard">

const loopback = "127.0.0.1"
const lookUpMilliseconds = 5_000

const isMiss = (answer: Handshake | Miss): answer is Miss => "cause" in answer
const isMet = (answer: Handshake | Miss): answer is Handshake => !isMiss(answer)

/** @throws usage where there are several: their owner picks one */
function theOnly(met: readonly Handshake[], isHeard: boolean, emit: Emit): Found {
  const [only] = met
  if (only === undefined || met.length > 1) throw several(met, emit)
  emit({ event: "found", name: only.intro.name, ...only.place })
  return { ...only, isHeard }
}

function several(met: readonly Handshake[], emit: Emit): SentoError {
  const candidates: Candidate[] = met.map(({ place, intro }) => ({ name: intro.name, ...place }))
  emit({ event: "several", candidates })
  const isHere = candidates.every(({ host }) => host === loopback)
  const list = candidates.map(
    ({ name, host, port }) => `${name} (${isHere ? port : formatAddress(host, port)})`,
  )
  return new SentoError(
    "usage",
    `several agents have an open code: ${list.join(", ")}`,
    isHere
      ? "name one by its port: `sento pair CODE@127.0.0.1:PORT`"
      : "name one by its address, as its owner sees it: `sento pair CODE@HOST:PORT`",
  )
}

function requireTriesLeft(context: Context, symbols: string): void {
  if (context.store.joinTries.made(symbols, context.now()) < confirmsPerCode) return
  throw new SentoError(
    "refused",
    `this code was tried ${confirmsPerCode} times without a right answer`,
    "ask the other owner for a new code",
  )
}
