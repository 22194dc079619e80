/** What a command's file gives: its grammar, as commander takes it, with the action that its words lead to. */
import type { Command, CommandOptions, OptionValues } from "@commander-js/extra-typings"
import type { Paths } from "../store/paths.ts"
import type { Io } from "./io.ts"

/** What commands are added to. */
export type Program = Command

/** What an action has besides its words. */
export type Run = {
  readonly io: Io
  /**
   * Of the agent that the command is for. @param as - `agent` where it speaks as that agent
   * @throws refused for the words of one agent in another one's pane
   */
  readonly paths: (as?: "agent") => Paths
  /** Takes the exit status. */
  readonly finish: (status: number | Promise<number>) => Promise<void>
}

/** Adds a command to the program. */
export type AddCommand = (program: Program, run: Run) => void

/** The options of a grammar as its action gets them. */
export type OptionsOf<Grammar extends (program: Program) => { opts(): unknown }> = Readonly<
  ReturnType<ReturnType<Grammar>["opts"]>
>

/** A command of the program's or of a {@link group}'s, with `--json` and `--agent`. */
export const command = <Words extends unknown[], Options extends OptionValues, Above extends OptionValues>(
  parent: Command<Words, Options, Above>,
  name: string,
  description: string,
  options: CommandOptions = {},
) =>
  parent
    .command(name, options)
    .description(description)
    .option("--json", "print JSON")
    .option("--agent <name>", "which of your agents, where you have several")
    .allowExcessArguments(false)

/** One that acts alone and has subcommands too; its action is to {@link refuseUnknown} ones. */
export const group = (program: Program, name: string, description: string) =>
  command(program, name, description).allowExcessArguments(true)

/** What subcommands are added to. */
export type Group = ReturnType<typeof group>

/** `--json` given before or after a subcommand's name. */
export const isJson = (subcommand: { optsWithGlobals(): { readonly json?: true | undefined } }): boolean =>
  subcommand.optsWithGlobals().json ?? false

/**
 * commander would call a mistyped subcommand of a group an argument too many; its own answer for unknown commands, with
 * the suggestion, is not in its types (commander 15.1.0).
 */
export function refuseUnknown(one: { readonly args: readonly string[] }): void {
  if (one.args.length > 0) (one as unknown as { unknownCommand(): void }).unknownCommand()
}
