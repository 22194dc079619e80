/** Mutants that change nothing that can be observed, or nothing that a test should hold; each with its reason. */
import * as v from "valibot"
import explained from "./explained.json"
import { inOneLine, type Mutant } from "./mutant.ts"

const schema = v.array(
  v.strictObject({
    file: v.string(),
    /** The line, as it stands in the source. */
    line: v.string(),
    was: v.string(),
    becomes: v.string(),
    why: v.string(),
  }),
)

export type Explanation = v.InferOutput<typeof schema>[number]

export const explanations: readonly Explanation[] = v.parse(schema, explained)

/** @param text - of the mutant's file */
export const explanationOf = (mutant: Mutant, text: string): Explanation | null =>
  explanations.find(
    one =>
      one.file === mutant.file &&
      one.was === mutant.was &&
      one.becomes === inOneLine(mutant.replacement) &&
      one.line === lineOf(mutant, text),
  ) ?? null

export const lineOf = ({ line }: Mutant, text: string): string => (text.split("\n")[line - 1] ?? "").trim()
