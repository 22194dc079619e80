/** Where in a command line the cursor stands, by the grammar of the commands. Reads nothing. */
import type { Command, Option } from "@commander-js/extra-typings"

/** What is written there: a subcommand, an option, or a value. */
export type Place = {
  /** The command so far, as a person writes it, without `sento`: `agents pause`; empty before the first word. */
  readonly command: Command
  readonly path: string
  /** The word at the cursor, as far as it is there. */
  readonly typed: string
  readonly wants:
    | { readonly kind: "option" }
    /** A subcommand, an argument or nothing more. @see nameOf */
    | { readonly kind: "argument"; readonly isFirst: boolean; readonly name: string | null }
    | { readonly kind: "value"; readonly option: string }
}

/**
 * Reads a line up to the cursor.
 * @param program - with the command that the first word names, or all of them
 * @param words - behind `sento`; the last one is at the cursor, empty where a new one begins
 */
export function placeOf(program: Command, words: readonly string[]): Place {
  const joined = words.filter(word => word !== "=")
  const before = joined.slice(0, -1)
  let command = program
  const path: string[] = []
  let count = 0
  let isText = false
  let value: Option | null = null
  for (const word of before) {
    const sub = count === 0 ? command.commands.find(one => one.name() === word) : undefined
    if (value !== null) value = null
    else if (isText) count += 1
    else if (word === "--") isText = true
    else if (word.startsWith("-")) value = valueAfter(command, word)
    else if (sub === undefined) count += 1
    else {
      command = sub as Command
      path.push(word)
    }
  }
  const typed = joined.at(-1) ?? ""
  const place = { command, path: path.join(" "), typed }
  if (value !== null) return { ...place, wants: { kind: "value", option: value.long ?? "" } }
  if (typed.startsWith("-") && !isText) return { ...place, wants: { kind: "option" } }
  return { ...place, wants: { kind: "argument", isFirst: count === 0, name: argumentAt(command, count) } }
}

/** The option whose value is the next word, or null. */
function valueAfter(command: Command, word: string): Option | null {
  const option = optionsOf(command).find(one => one.long === word || one.short === word)
  return option?.required ? option : null
}

/** A command's own options and those of the groups that it is in: they may stand behind its name. */
export function optionsOf(command: Command): Option[] {
  const own = command.options.filter(one => !one.hidden)
  const above = command.parent === null ? [] : optionsOf(command.parent as Command)
  return [...own, ...above.filter(({ long }) => long !== "--version" && !own.some(one => one.long === long))]
}

function argumentAt({ registeredArguments }: Command, at: number): string | null {
  const found = registeredArguments[at] ?? registeredArguments.at(-1)
  return found !== undefined && (at < registeredArguments.length || found.variadic) ? found.name() : null
}
