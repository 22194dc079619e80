/** Under which own address and port a peer has called us: kept over restarts, and gone with its pair. */
import * as v from "valibot"
import type { Context } from "../context.ts"

/** Our own end of the way to a peer; false: it was not called there, or is not where it was. */
export type Called = { readonly host: string; readonly port: number } | false

type Books = Pick<Context["store"], "facts">

const schema = v.union([v.object({ host: v.string(), port: v.number() }), v.literal(false)])

const prefix = "called "
const keyOf = (pair: string): string => `${prefix}${pair}`

/** Null where nothing is known. */
export const calledAt = ({ facts }: Books, pair: string): Called | null => read(facts.get(keyOf(pair)))

/** What is known, by pair. */
export function allCalled({ facts }: Books): ReadonlyMap<string, Called | null> {
  return new Map([...facts.withPrefix(prefix)].map(([pair, value]) => [pair, read(value)]))
}

function read(value: unknown): Called | null {
  const kept = v.safeParse(schema, value)
  return kept.success ? kept.output : null
}

/** Writes what differs alone: thousands may say at a start what they said at the last. */
export function keepCalled(books: Books, pair: string, called: Called): void {
  if (!Bun.deepEquals(calledAt(books, pair), called)) books.facts.set(keyOf(pair), called)
}

export const forgetCalled = ({ facts }: Books, pair: string): void => facts.remove(keyOf(pair))
