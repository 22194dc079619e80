/** What git says has changed since a commit, or since the last one that this branch has in common with another. */

/** By file, from the root of the repository: the lines that are new there, or all of them. */
export type Changed = ReadonlyMap<string, ReadonlySet<number> | "all">

const plainly = ["--unified=0", "--no-color", "--no-ext-diff"]

/** @throws Error in git's words, as for a commit that is not there */
export function changedSince(root: string, commit: string): Changed {
  const diff = git(root, "diff", "--merge-base", ...plainly, commit, "--", "src")
  const untracked = git(root, "ls-files", "--others", "--exclude-standard", "--", "src").split("\n")
  const changed = new Map<string, ReadonlySet<number> | "all">(linesIn(diff))
  for (const file of untracked.filter(one => one !== "")) changed.set(file, "all")
  return changed
}

function git(root: string, ...words: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["git", ...words], { cwd: root })
  if (exitCode !== 0) throw new Error(stderr.toString().trim())
  return stdout.toString()
}

/** The lines that a diff without context adds, by file. */
export function linesIn(diff: string): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>()
  let lines = new Set<number>()
  for (const line of diff.split("\n")) {
    const file = /^\+\+\+ b\/(.*)$/.exec(line)?.[1]
    if (file !== undefined) {
      lines = new Set()
      found.set(file, lines)
    }
    const [, from, count = "1"] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? []
    for (let i = 0; from !== undefined && i < Number(count); i += 1) lines.add(Number(from) + i)
  }
  return found
}
