import * as v from "valibot"

/**
 * A name of an agent. Anything else is refused before it is shown, so a name can carry no escape and no look-alike
 * letter, and none is a key that valibot 1.5.0 leaves out of what it reads (`__proto__`, `constructor`, `prototype`).
 * @see docs/PROTOCOL.md, "Words"
 */
export const namePattern = /^(?!(?:constructor|prototype)$)[a-z0-9][a-z0-9-]{0,31}$/

export const nameSchema = v.pipe(v.string(), v.regex(namePattern))

export const isName = (text: string): boolean => namePattern.test(text)

/** What can say for which of a user's agents a command is, as it is written, before the pane is asked. */
export const agentSources = ["--agent", "SENTO_AGENT", "SENTO_DOOR", "SENTO_HOME"] as const
export type AgentSource = (typeof agentSources)[number]

/** The agent programs that are known. What is known of each is in src/tmux/programs/, and follows from this list. */
export const agentProgramNames = ["claude", "codex", "gemini", "opencode"] as const

export type AgentProgramName = (typeof agentProgramNames)[number]

/** How a pane's program is typed into: as one of those, or `plain` for any program that reads lines. */
export const profileNames = [...agentProgramNames, "plain"] as const

export type ProfileName = (typeof profileNames)[number]

/** The chat apps in which the owner can be asked. What is known of each is in src/http/chats/. */
export const chatNames = ["telegram", "discord", "slack"] as const

export type ChatName = (typeof chatNames)[number]

/** `a, b or c`, for help and hints. */
export const joinNames = (names: readonly string[], last: "and" | "or"): string =>
  [names.slice(0, -1).join(", "), ...names.slice(-1)].filter(part => part !== "").join(` ${last} `)

/** What a bad name should look like, for error messages. */
export const nameRule =
  "a name is 1 to 32 of a-z, 0-9 and -, does not start with -, and is not constructor or prototype"

/** The name that was probably meant, or null: at most two letters away, and fewer than half of it. */
export function nearestName(text: string, names: readonly string[]): string | null {
  const ranked = names.map(name => ({ name, distance: editDistance(text.toLowerCase(), name) }))
  const [nearest] = ranked.sort((a, b) => a.distance - b.distance)
  const isNear =
    nearest !== undefined && nearest.distance <= 2 && nearest.distance * 2 < nearest.name.length + 1
  return isNear ? nearest.name : null
}

/** Letters put in, left out or changed, and neighbours swapped (optimal string alignment). */
function editDistance(a: string, b: string): number {
  if (a.length > 64) return a.length
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = isSwap ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change, swap))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
