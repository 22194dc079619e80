import type { AgentProgramName } from "../protocol/names.ts"
import { agentPrograms } from "./agent-programs.ts"
import type { Line } from "./screen.ts"

/**
 * By what one sees that the program acts at once on what it is told, in words for people; null where nothing says so.
 * Its settings may say so all the same, which nobody sees from outside (OpenCode asks for little by default).
 * @param programArguments - of its command line, without its name
 */
export function actsUnasked(
  name: AgentProgramName,
  programArguments: readonly string[],
  lines: readonly Line[],
): string | null {
  const { options, modeIn } = agentPrograms[name].unasked
  const option = options.find(one => hasOption(programArguments, one))
  if (option !== undefined) return option
  if (modeIn === null) return null
  return lines.map(line => modeIn(line.text)).find(mode => mode !== null) ?? null
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
