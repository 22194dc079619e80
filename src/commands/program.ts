/** Runs a command line, and says what is wrong with it in the house's form. */
import { type Command, CommanderError } from "commander"
import { SentoError } from "../protocol/errors.ts"
import { createProgram } from "./grammar.ts"
import { optionsFirst } from "./send-words.ts"

/** Runs one command line. @returns the exit status @throws SentoError */
export async function runProgram(words: readonly string[]): Promise<number> {
  let status = 0
  const [name = "", ...rest] = words
  const program = createProgram(name, result => {
    status = result
  })
  if (words.length === 0) {
    program.outputHelp()
    return 0
  }
  try {
    await program.parseAsync([name, ...(isText(name) ? optionsFirst(rest) : rest)], { from: "user" })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return 0
    throw usageError(error, commandLine(program, words))
  }
  return status
}

/** Whether a message's text stands among the words of this command. */
const isText = (command: string): boolean => command === "send" || command === "reply"

/** The command that the words name, as far as they name one: `sento agents remove`. */
function commandLine(program: Command, words: readonly string[]): string {
  const path = [program.name()]
  let at = program
  for (const word of words) {
    const next = at.commands.find(one => one.name() === word)
    if (next === undefined) break
    path.push(word)
    at = next
  }
  return path.join(" ")
}

/** commander's own words, in the house's form. */
function usageError(error: CommanderError, command: string): SentoError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n")
  const suggestion = /^\(Did you mean (.+)\?\)$/.exec(rest.join(" ").trim())?.[1]
  const hint = suggestion === undefined ? helpOn(error, command) : `run \`${command} ${suggestion}\``
  const message = error.code === "commander.help" ? "no such command" : first
  const tooMany = /^too many arguments .*\. Expected (\d+) .*: (.*)\.$/s.exec(first)
  if (tooMany !== null)
    return new SentoError(
      "usage",
      `too many arguments: ${JSON.stringify(tooMany[2])}; ${tooMany[1]} expected`,
      hint,
    )
  return new SentoError("usage", message.replace(/'([^']*)'/g, '"$1"').replace(/\.$/, ""), hint)
}

function helpOn({ code }: CommanderError, command: string): string {
  const help = `run \`${command} --help\``
  const isDash = code === "commander.unknownOption" && isText(command.split(" ")[1] ?? "")
  return isDash ? `${help}; a text that starts with \`-\` goes behind \`--\`` : help
}
