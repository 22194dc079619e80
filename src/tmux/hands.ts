/**
 * All that is done at the agent's terminal, as the Guardian asks for it. In plain mode this process does it. In
 * hardened mode it is done by `sento hands`, which runs as the agent's user, because a tmux client runs whatever path
 * its server names (MSG_SHELL), and opens files for it, and that server is the agent's.
 */
import type { ProfileName } from "../protocol/names.ts"
import type { PaneState } from "./box-reading.ts"
import type { Left } from "./loop.ts"
import type { PinnedPane } from "./pane.ts"
import { isAlive, processStat } from "./process.ts"
import type { Sighting, TakeOutOptions, TypingOptions, TypingOutcome } from "./typing.ts"

/** A pane with the profile of what runs in it. */
export type PaneTarget = { readonly pane: PinnedPane; readonly profile: ProfileName }

/** That, or why there is none to type into. `isAway`: nobody can look, so that nothing is known of the pane. */
export type Target =
  | ({ readonly kind: "pane" } & PaneTarget)
  | {
      readonly kind: "none"
      readonly state: "absent" | "other" | "shell"
      readonly reason: string
      readonly isAway?: true
      /** The session was made anew, and nothing says that its pane is the agent's: the owner can. */
      readonly isAnew?: true
    }

/** Whose pane it is to be. @property profile - of the owner's choice; null: of whichever known program runs there */
export type PaneWish = {
  readonly session: string
  readonly profile: ProfileName | null
  /** Processes of panes that are other agents': two would type into one. */
  readonly taken?: readonly number[]
}

/** @property pane - the one to keep to from now on, also where nothing can be typed there; null for none yet */
export type Found = { readonly pane: PinnedPane | null; readonly target: Target }

export type Hands = {
  /**
   * The pinned pane, where it is still the same. At first use whatever the session's active pane is; later a new pane
   * is taken by itself only when the agent program that belongs there runs in it, and anything else waits for the
   * owner's word.
   * @param kept - the pane of before, or null
   */
  find(kept: PinnedPane | null, wish: PaneWish): Promise<Found>
  /** The session's active pane as it is now, or the one of this id (`%N`); null where the session has none such. */
  take(session: string, pane?: string | null): Promise<PinnedPane | null>
  look(target: PaneTarget, allowShell: boolean): Promise<PaneState>
  /** @see typeIntoPane */
  type(target: PaneTarget, text: string, options: TypingOptions): Promise<TypingOutcome>
  /** @see takeOut */
  takeOut(target: PaneTarget, text: string, options: TakeOutOptions): Promise<Left | null>
  /** @see findOnScreen */
  findOnScreen(target: PaneTarget, shortId: string): Promise<Sighting>
  /** One line in the status bar of every client attached to the session. */
  tell(session: string, text: string): Promise<void>
}

/** Nobody is at the terminal, or whoever was there is gone: what was asked for may have been done or not. */
export class HandsAway extends Error {}

/** Whether the process of a pinned pane still runs. */
export const isRunning = ({ pid, startTicks }: PinnedPane): boolean =>
  isAlive(pid) && processStat(pid)?.startTicks === startTicks
