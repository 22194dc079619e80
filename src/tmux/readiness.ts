import type { ProfileName } from "../protocol/names.ts"
import { agentPrograms } from "./agent-programs.ts"
import type { Reading } from "./box-reading.ts"
import { detectProfile, holdOf, isShell, programLabel } from "./keyboard-owner.ts"
import type { Profile } from "./profile.ts"
import { plain } from "./programs/plain.ts"
import type { Look, Snapshot } from "./snapshot.ts"

export const profiles: Readonly<Record<ProfileName, Profile>> = { ...agentPrograms, plain }

/**
 * What a look at the pane means for typing. Unknown is never ready; a shell is not typed into unless the
 * owner allowed it, and an agent program only under its own profile (an Enter may approve something).
 */
export function readPane(profile: Profile, seen: Look, allowShell: boolean): Reading {
  if (seen.kind === "absent") return { state: "absent", reason: seen.reason, box: null }
  const { snapshot } = seen
  if (snapshot.copyMode)
    return { ...read(profile, snapshot, allowShell), state: "copy-mode", reason: "the pane is in copy mode" }
  return read(profile, snapshot, allowShell)
}

function read(profile: Profile, snapshot: Snapshot, allowShell: boolean): Reading {
  const wrong = wrongProgram(profile, snapshot, allowShell) ?? tooSmall(profile, snapshot)
  return wrong === null ? profile.read(snapshot) : { ...wrong, box: null }
}

/** Below, what says that a program works or asks is cut: Claude Code 2.1.332 looks ready while it works. */
const smallest = { columns: 40, rows: 10 } as const

function tooSmall(profile: Profile, { width, height }: Snapshot): Pick<Reading, "state" | "reason"> | null {
  if (profile.name === "plain" || (width >= smallest.columns && height >= smallest.rows)) return null
  const needed = `${smallest.columns}×${smallest.rows}`
  return {
    state: "other",
    reason: `the pane has ${width}×${height}, too little to see what the program does; it needs ${needed}`,
  }
}

function wrongProgram(
  profile: Profile,
  snapshot: Snapshot,
  allowShell: boolean,
): Pick<Reading, "state" | "reason"> | null {
  const { program } = snapshot
  const detected = detectProfile(program)
  if (detected === profile.name) return null
  const hold = holdOf(program)
  const isAllowed = allowShell && profile.name === "plain" && isShell(program)
  if (hold !== null) return isAllowed ? null : hold
  if (detected === null && profile.name === "plain") return null
  const label = programLabel(program)
  return { state: "other", reason: `${label} runs in the pane, not what the profile ${profile.name} knows` }
}
