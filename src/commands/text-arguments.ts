/**
 * The words behind `sento send` and `sento reply` as models and people write them, in the order that commander takes:
 * options, then behind `--` the rest. A word that starts with `-` and has white space is text, a list for instance;
 * `--wait` has a value only where a number of seconds follows.
 */
export function optionsFirst(words: readonly string[]): string[] {
  const options: string[] = []
  const rest: string[] = []
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ""
    if (word === "--") return [...options, "--", ...rest, ...words.slice(at + 1)]
    if (!/^-\S+$/.test(word)) rest.push(word)
    else if (takesNext(word, words[at + 1])) options.push(word, words[++at] ?? "")
    else options.push(word)
  }
  return [...options, "--", ...rest]
}

const takesNext = (option: string, next: string | undefined): boolean =>
  next !== undefined &&
  (option === "--reply-to" || option === "--agent" || (option === "--wait" && /^[\d.]+[a-z]*$/i.test(next)))
