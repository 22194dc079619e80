/**
 * Where others say that they are. Joiners, while their requests wait: for the question alone, nothing is asked there.
 * Peers, until it is settled whether they answer there: it outlives a Guardian that stops before that.
 */
import * as v from "valibot"
import type { Place } from "../../protocol/moving.ts"
import type { Store } from "../../store/store.ts"
import { type Context, peerById } from "../context.ts"

const key = "claimed hosts"
const schema = v.record(v.string(), v.string())

/** @param id - of the request that was just kept; claims of those that are settled go */
export function noteClaim(
  { facts, requests }: Pick<Store, "facts" | "requests">,
  id: string,
  host: string,
): void {
  const waiting = new Set(requests.waiting("minter").map(request => request.id))
  const claims = Object.entries(claimsIn(facts)).filter(([one]) => waiting.has(one))
  facts.set(key, Object.fromEntries([...claims, [id, host]]))
}

/** Where the joiner of this request says that it is, if that is not where it called from; or null. */
export function claimOf({ facts }: Pick<Store, "facts">, id: string): string | null {
  const claims = claimsIn(facts)
  return Object.hasOwn(claims, id) ? (claims[id] ?? null) : null
}

function claimsIn(facts: Pick<Store["facts"], "get">): Record<string, string> {
  const claims = v.safeParse(schema, facts.get(key))
  return claims.success ? claims.output : {}
}

const placesKey = "named places"
const placesSchema = v.record(v.string(), v.object({ host: v.string(), port: v.number() }))

/** The address that each peer named last, by pair, until {@link NamedPlaces.settle}. */
export type NamedPlaces = ReturnType<typeof openNamedPlaces>

/** A disk that refuses is logged: the place is kept in memory then. */
export function openNamedPlaces(context: Pick<Context, "store" | "config" | "log">) {
  const { facts } = context.store
  const kept = v.safeParse(placesSchema, facts.get(placesKey))
  const places = new Map<string, Place>(kept.success ? Object.entries(kept.output) : [])

  function write(): void {
    for (const pair of places.keys()) if (peerById(context, pair) === null) places.delete(pair)
    try {
      facts.set(placesKey, Object.fromEntries(places))
    } catch (error) {
      context.log.write(`it cannot be kept where peers say that they are: ${(error as Error).message}`)
    }
  }

  return {
    of: (pair: string): Place | null => places.get(pair) ?? null,
    pairs: (): string[] => [...places.keys()],
    note(pair: string, { host, port }: Place): void {
      places.set(pair, { host, port })
      write()
    },
    settle(pair: string): void {
      if (places.delete(pair)) write()
    },
  }
}
