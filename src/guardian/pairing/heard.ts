/**
 * What answered by mDNS is whoever is on the network: of a code's tries it gets one, so that the others are left for
 * the address that the other owner tells.
 * @see docs/PROTOCOL.md section 2
 */
import * as v from "valibot"
import { localNetworks } from "../../http/mdns-networks.ts"
import { SentoError } from "../../protocol/errors.ts"
import type { Place } from "../../protocol/moving.ts"
import type { Store } from "../../store/store.ts"
import type { Context } from "../context.ts"

/** Counted beside the code's own tries, of which it is one. */
const tryOf = (symbols: string): string => `${symbols} by mDNS`

/** @throws refused where what mDNS found was tried with this code */
export function requireHeardTry({ store, now }: Context, symbols: string): void {
  if (store.joinTries.made(tryOf(symbols), now()) === 0) return
  throw new SentoError("refused", "what answered on the network was tried once with this code", byAddress)
}

/** Counts a try, before it is made. */
export function countTry({ store, now }: Context, symbols: string, isHeard: boolean): void {
  store.now(() => {
    store.joinTries.add(symbols, now())
    if (isHeard) store.joinTries.add(tryOf(symbols), now())
  })
}

export function forgetTries({ joinTries }: Pick<Store, "joinTries">, symbols: string): void {
  joinTries.clear(symbols)
  joinTries.clear(tryOf(symbols))
}

/** What helps where the network has no right answer. */
export const byAddress = "use CODE@HOST, with an address that the other owner's `sento pair` prints"

/** What was heard, and on which interfaces it was asked. */
export type Search = { readonly places: readonly Place[]; readonly interfaceNames: readonly string[] }

/** Asks whoever is on this machine's networks for 3 s; at once where there is none. */
export async function searchNetworks({ stopping }: Pick<Context, "stopping">): Promise<Search> {
  const networks = localNetworks()
  const interfaceNames = [...new Set(networks.map(one => one.interfaceName))]
  if (networks.length === 0) return { places: [], interfaceNames }
  const { search } = await import("../../http/mdns.ts")
  return { places: await search(networks, stopping), interfaceNames }
}

const joinsKey = "joins by mDNS"
const joinsSchema = v.array(v.string())

/** @param id - of a join that an agent asked for, and whose place mDNS found; those that wait no longer go */
export function noteHeardJoin({ facts, joins }: Pick<Store, "facts" | "joins">, id: string): void {
  const waiting = new Set(joins.waiting().map(join => join.id))
  facts.set(joinsKey, [...heardJoins(facts).filter(one => waiting.has(one) && one !== id), id])
}

export const isHeardJoin = ({ facts }: Pick<Store, "facts">, id: string): boolean =>
  heardJoins(facts).includes(id)

function heardJoins(facts: Pick<Store["facts"], "get">): string[] {
  const ids = v.safeParse(joinsSchema, facts.get(joinsKey))
  return ids.success ? ids.output : []
}
