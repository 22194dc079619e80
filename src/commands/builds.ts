/** Whether the Guardian that runs is of this very build: an upgrade replaces the file, not the process. */
import type { Alive } from "../guardian/door/results.ts"
import { commit, sourceVersion, version } from "../version.ts"

/** What runs, what this is, and what makes them one; null where they are, and for source, which has no version. */
export function otherBuildWords(running: Pick<Alive, "version" | "commit">): string | null {
  if ([version, running.version].includes(sourceVersion)) return null
  if (running.version === version && running.commit === commit) return null
  const isSameVersion = running.version === version
  const theirs = isSameVersion
    ? `another build of ${version} (${shortened(running.commit)}) runs`
    : `${running.version ?? "an older sento"} runs`
  return `${theirs}, this is ${isSameVersion ? shortened(commit) : version}: \`sento guard restart\``
}

const shortened = (text = "unknown"): string => text.slice(0, 8)
