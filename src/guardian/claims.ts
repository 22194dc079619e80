/** Where joiners say that they are, while their requests wait: for the question alone, nothing is asked there. */
import * as v from "valibot"
import type { Store } from "../store/store.ts"

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
