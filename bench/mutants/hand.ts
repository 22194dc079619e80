/**
 * Single changes chosen by hand: of guards whose tests take processes, terminals or minutes, so that not every change
 * of their file can be tried. Each names the tests that must notice.
 */
import * as v from "valibot"
import hand from "./hand.json"
import { type Mutant, mutantOf } from "./mutant.ts"

const schema = v.array(
  v.strictObject({
    file: v.string(),
    /** What the line that is changed is there for. */
    guard: v.string(),
    /** Stands once in the file, and what stands there then. */
    was: v.string(),
    becomes: v.string(),
    test: v.string(),
    /** A pattern for the names of the tests in that file; all of them where it is left out. */
    name: v.optional(v.string()),
  }),
)

export type HandMade = v.InferOutput<typeof schema>[number]

export const handMade: readonly HandMade[] = v.parse(schema, hand)

/** @throws Error where the text does not have it once */
export function handMutantOf({ file, guard, was, becomes }: HandMade, text: string): Mutant {
  const start = text.indexOf(was)
  if (start < 0 || text.indexOf(was, start + 1) >= 0)
    throw new Error(`${file}: ${start < 0 ? "nowhere" : "more than once"}: ${was} (${guard})`)
  return mutantOf(file, text, { start, end: start + was.length, replacement: becomes })
}
