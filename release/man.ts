/** The man page, from the grammar of the commands: man(7) as groff and mandoc read it. */
import type { Argument, Command, Option } from "@commander-js/extra-typings"
import packageJson from "../package.json" with { type: "json" }
import { processIo } from "../src/commands/io.ts"
import { grammarOf } from "../src/commands/program.ts"
import { releasedOn } from "./changelog.ts"

/** sento(1), for `man` to format. */
export async function manPage(): Promise<string> {
  const program = await grammarOf(processIo())
  const lines = [
    `.TH SENTO 1 ${releasedOn()} ${plain(`Sentō ${packageJson.version}`, true)} "User Commands"`,
    ".SH NAME",
    `sento \\- ${plain("two AI agents talk to each other")}`,
    ".SH SYNOPSIS",
    ".B sento",
    ".I command",
    "[options]",
    ".SH DESCRIPTION",
    ...paragraphs(about),
    ".SH OPTIONS",
    ...general.flatMap(([option, what]) => [".TP", `.B ${plain(option)}`, filled(what)]),
    ".SH COMMANDS",
    ...commandsOf(program).flatMap(commandLines),
    ".SH EXIT STATUS",
    ...exits.flatMap(([status, what]) => [".TP", `.B ${status}`, filled(what)]),
    ".SH ENVIRONMENT",
    ...variables.flatMap(([name, what]) => [".TP", `.B ${plain(name)}`, filled(what)]),
    ".SH FILES",
    ...files.flatMap(([path, what]) => [".TP", `.I ${plain(path)}`, filled(what)]),
    ".SH EXAMPLES",
    ...examples
      .flatMap(([what, line]) => [filled(what), ".PP", ".RS", ".nf", plain(line), ".fi", ".RE", ".PP"])
      .slice(0, -1),
    ".SH SEE ALSO",
    ".BR tmux (1)",
  ]
  return `${lines.join("\n")}\n`
}

const about = `Sentō lets two AI agents in tmux sessions talk to each other without anyone in between. Their owners pair them once, with a short code and a typed yes. From then on each agent's Guardian, a background process, signs, encrypts and keeps the messages and types what arrives into the agent's session.

Data goes to stdout, words for people to stderr.`

const general = [
  ["--json", "Print JSON; every command that prints takes it."],
  ["--agent <name>", "Which of your agents the command is for, where you have several."],
  ["--help", "Say what a command is for and what it takes."],
  ["--version", "Print the version."],
] as const
const isGeneral = ({ long }: Option): boolean => general.some(([option]) => option.split(" ")[0] === long)

const exits = [
  ["0", "It was done."],
  ["1", "It failed."],
  ["64", "Wrong words, or a name or id that is not known."],
  ["69", "The other agent cannot be reached."],
  ["75", "Try again later; where `queued` was printed, the message waits on disk and goes by itself."],
  ["77", "Refused: by the other side, or because only the owner may do it."],
  ["78", "The configuration, tmux or the session is not as it should be."],
  ["124", "No answer in the time that was given."],
  ["130", "Interrupted."],
] as const

const variables = [
  ["SENTO_AGENT", "Which of your agents a command is for, by name; --agent comes before it."],
  ["SENTO_HOME", "The directory that holds one agent's files, in place of the home directory."],
  ["SENTO_DOOR", "In hardened mode, for the agent's user: the path of the agent's door."],
  ["NO_COLOR", "Where it is set, nothing is printed bold or dim."],
] as const

const files = [
  ["~/.sento-config.json", "The agent's configuration with the keys of its pairs; for its owner alone."],
  ["~/.sento/", "Messages, doors, lock and log of the Guardian."],
  ["~/.sento/agents/", "The homes of further agents of the same user."],
  ["~/.sento/setups.json", "Where `sento setup` has written."],
] as const

const examples = [
  [
    "Two agents pair: the first owner prints a code, the second one types it.",
    "sento pair\nsento pair SENTO-J3YK",
  ],
  ["Ask, and wait for the answer:", 'sento send kai "which tasks are open?" --wait'],
] as const

/** Those that `sento --help` lists, and below each group its own. */
const commandsOf = (command: Command): Command[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter(one => one.name() !== "help")
    .flatMap(one => [one as Command, ...commandsOf(one as Command)])

function commandLines(command: Command): string[] {
  const names = [command.name()]
  for (let above = command.parent; above !== null; above = above.parent) names.unshift(above.name())
  const help = command.createHelp()
  return [
    `.SS ${plain([names.join(" "), ...command.registeredArguments.map(asWritten)].join(" "), true)}`,
    sentence(command.description()),
    ...command.registeredArguments
      .filter(({ description }) => description !== "")
      .flatMap(one => [".TP", `.I ${plain(one.name())}`, filled(one.description)]),
    ...help
      .visibleOptions(command)
      .filter(option => !isGeneral(option))
      .flatMap(option => [".TP", optionTerm(option), filled(option.description)]),
  ]
}

function asWritten(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? "..." : "")
  return argument.required ? `<${name}>` : `[${name}]`
}

function optionTerm({ flags }: Option): string {
  const [, names = "", value] = /^(.*?)(?: ([<[].*))?$/.exec(flags) ?? []
  return value === undefined ? `.B ${plain(names)}` : `.BI ${plain(names, true)} ${plain(` ${value}`, true)}`
}

const sentence = (text: string): string => filled(`${text.charAt(0).toUpperCase()}${text.slice(1)}.`)

const paragraphs = (text: string): string[] =>
  text
    .split("\n\n")
    .flatMap(part => [".PP", filled(part)])
    .slice(1)

/** Text in lines of fewer than 80 bytes, as mandoc's lint likes them. */
const filled = (text: string): string =>
  plain(text)
    .replace(/ (?=\S)/g, "\n")
    .split("\n")
    .reduce((lines, word) => {
      const joined = `${lines.slice(lines.lastIndexOf("\n") + 1)} ${word}`
      return joined.length < 80 ? `${lines} ${word}` : `${lines}\n${/^\./.test(word) ? "\\&" : ""}${word}`
    })

/** Nothing in it is a request or an escape of roff's; what is not ASCII is named by its number (groff_char(7)). */
function plain(text: string, isQuoted = false): string {
  const escaped = text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replace(/^\./gm, "\\&.")
    .replace(
      /[^\n -~]/g,
      sign => `\\[u${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
    )
  return isQuoted ? `"${escaped.replaceAll('"', "\\(dq")}"` : escaped
}
