import type { AgentName } from "./agent-programs.ts"
import type { Line } from "./screen.ts"

/** What says that a program acts without asking its owner: options that it was started with, and its screen. */
type Signs = {
  /** Names of options, with their value where one is needed (`--permission-mode auto`). */
  readonly options: readonly string[]
  readonly screen: RegExp | null
}

/** From their documentation and `--help`; the screens as seen (Claude Code 2.1.332, Gemini CLI 0.61.0). */
const signs: Readonly<Record<AgentName, Signs>> = {
  claude: {
    options: [
      "--dangerously-skip-permissions",
      "--permission-mode bypassPermissions",
      "--permission-mode auto",
      "--permission-mode dontAsk",
    ],
    screen: /^ *⏵⏵ (?<words>(?:bypass permissions|auto mode|don't ask) on)\b/,
  },
  codex: {
    options: [
      "--dangerously-bypass-approvals-and-sandbox",
      "--yolo",
      "--ask-for-approval never",
      "-a never",
      "-c approval_policy=never",
      "--config approval_policy=never",
    ],
    screen: null,
  },
  gemini: {
    options: ["--yolo", "-y", "--approval-mode yolo"],
    screen: /^ \* {3}|(?<words>\bYOLO mode\b)/,
  },
  opencode: { options: ["--auto"], screen: null },
}

/**
 * By what one sees that the program acts at once on what it is told, in words for people; null where nothing says so.
 * Its settings may say so all the same, which nobody sees from outside (OpenCode asks for little by default).
 * @param programArguments - of its command line, without its name
 */
export function actsUnasked(
  name: AgentName,
  programArguments: readonly string[],
  lines: readonly Line[],
): string | null {
  const { options, screen } = signs[name]
  const option = options.find(one => hasOption(programArguments, one))
  if (option !== undefined) return option
  if (screen === null) return null
  const seen = lines.map(line => screen.exec(line.text)).find(match => match !== null)
  return seen === undefined ? null : (seen?.groups?.words ?? "YOLO mode")
}

/** `--name value`, `--name=value`, and a name alone. */
function hasOption(programArguments: readonly string[], option: string): boolean {
  const [name = "", value] = option.split(" ")
  return programArguments.some((argument, index) => {
    if (value === undefined) return argument === name
    const given =
      argument === name
        ? programArguments[index + 1]
        : argument.startsWith(`${name}=`)
          ? argument.slice(name.length + 1)
          : null
    return given?.replace(/["']/g, "") === value
  })
}
