/** What has to be known of a program, so that it can be told from others and typed into. */
import type { AgentProgramName, ProfileName } from "../protocol/names.ts"
import type { Reading } from "./box-reading.ts"
import type { Screen } from "./screen.ts"

/** `kill` takes what stands before the cursor in its row or line; where that changes nothing, `erase` goes on. */
export type TakeOutKey = "kill" | "erase"

/** How one program is typed into: data, and pure functions over one look at its screen. */
export type Profile<Name extends ProfileName = ProfileName> = {
  readonly name: Name
  /** Pause between seeing the text and pressing; with less, Gemini CLI takes the return as part of the paste. */
  readonly settleMilliseconds: number
  /**
   * Where what is typed within moments of the return may go along, or be lost: for how many milliseconds persons' keys are
   * kept back behind the submission.
   * @param screen - from before the return
   */
  readonly keysKept?: (screen: Screen) => number
  /** The key that queues a text while the program is busy, or null when none does so safely. */
  readonly queueKey: "\r" | "\t" | null
  /**
   * The bytes that take a text out of the box. Ctrl-U does so in all four, by rows, by lines or whole, and nothing else
   * in a dialog or an empty box (5 tries each; Claude Code 2.1.332, Codex 0.169.0, Gemini CLI 0.61.0, OpenCode 1.18.33).
   */
  readonly takeOutKeys: Readonly<Partial<Record<TakeOutKey, string>>>
  /** The label that stands for a long paste, alone; where it says how long, in the groups `lines` or `characters`. */
  readonly collapsed: RegExp | null
  /** False where the box cannot be told from what stands before it: then only its end is compared. */
  readonly exactBox: boolean
  readonly read: (screen: Screen) => Reading
  /** Why the text would not be seen in the empty box of this look; null where it would, left out where it always is. */
  readonly lacksRoom?: (screen: Screen, text: string) => string | null
  /** The text as this program must be given it. */
  readonly adapt: (text: string) => string
}

/** That, and what tells that a process or a pane is this agent program: one file of programs/ for each. */
export type AgentProgram<Name extends AgentProgramName = AgentProgramName> = Profile<Name> & {
  /**
   * Whole paths of it, or as much of them as it can be told by, beside its name: what its installers lay out where the
   * file's name alone says too little. `index.js` and `cli.js` are anybody's.
   */
  readonly paths: readonly RegExp[]
  /**
   * Names of the environment variables that it sets for what it starts: by them the owner's door refuses its children.
   * None of a person's own settings; null where it sets none, and only its process tells.
   */
  readonly variables: RegExp | null
  /** What says that it acts without asking its owner. */
  readonly unasked: UnaskedSigns
  /** Left out where each one that runs works for itself. */
  readonly sharedServer?: SharedServerSigns
}

/** A process behind those in the panes that runs hooks, commands and MCP servers for all of them. */
export type SharedServerSigns = {
  /** What the owner calls it. */
  readonly name: string
  readonly isServer: (words: readonly string[]) => boolean
  /** Whoever has the same value of these uses the same one. */
  readonly variables: readonly string[]
  /** The option with which one in a pane does without. */
  readonly without: string
  /** A file that only one that does without has open itself. */
  readonly ownFile: RegExp
}

/** What says that a program acts without asking: options that it was started with, and its screen. */
export type UnaskedSigns = {
  /** Names of options, with their value where one is needed (`--permission-mode auto`). */
  readonly options: readonly string[]
  /** The mode that one line of its screen tells of, in words for people, or null; null for a program of which none does. */
  readonly modeIn: ((line: string) => string | null) | null
}
