/** `sento completions`: the script by which a shell completes the words of `sento`. */
import { SentoError } from "../protocol/errors.ts"
import { joinNames } from "../protocol/names.ts"
import { type AddCommand, command } from "./command.ts"
import { completionScripts, shellNames } from "./completions/scripts.ts"
import type { Io } from "./io.ts"
import { printJson } from "./terminal.ts"

/** The words of `sento completions`. */
export const addCompletions: AddCommand = (program, { io, finish }) =>
  command(program, "completions", "print a shell's completions of sento")
    .argument("<shell>", joinNames(shellNames, "or"))
    .action((shell, { json = false }) => finish(completions(io, shell, json)))

function completions(io: Io, name: string, isJson: boolean): number {
  const shell = shellNames.find(one => one === name)
  if (shell === undefined)
    throw new SentoError(
      "usage",
      `${JSON.stringify(name)} is no shell that sento has completions for`,
      `give one of ${shellNames.join(", ")}`,
    )
  if (isJson) printJson(io, { shell, script: completionScripts[shell] })
  else io.out(completionScripts[shell])
  return 0
}
