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
  explainedByKind(mutant, lineOf(mutant, text)) ??
  explanations.find(
    one =>
      one.file === mutant.file &&
      one.was === mutant.was &&
      one.becomes === inOneLine(mutant.replacement) &&
      one.line === lineOf(mutant, text),
  ) ??
  null

function explainedByKind(mutant: Mutant, line: string): Explanation | null {
  const kind = kinds.find(one => one.has(mutant, line))
  const { file, was } = mutant
  return kind === undefined
    ? null
    : { file, line, was, becomes: inOneLine(mutant.replacement), why: kind.why }
}

/** Kinds of changes, with the reason for all of them. */
type Kind = { readonly why: string; has(mutant: Mutant, line: string): boolean }

const number = /^\d[\d_]*$/
const ofWaiting = /[mM]illiseconds\b|\bsetTimeout\(|\bAbortSignal\.timeout\(/

export const kinds: readonly Kind[] = [
  {
    why: "a wait, or a time for which something is good, that is longer by less than a hundredth",
    has: ({ file, was }, line) =>
      /^src\/(guardian|http|tmux)\//.test(file) &&
      number.test(was) &&
      Number(was.replaceAll("_", "")) > 100 &&
      ofWaiting.test(line),
  },
]

export const lineOf = ({ line }: Mutant, text: string): string => (text.split("\n")[line - 1] ?? "").trim()
