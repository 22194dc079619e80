/**
 * `bun run release:reproduce`: two clones of the last commit, in folders with paths of other lengths, each with its own
 * packages from the registry; a release of each, and whether every file has the same bytes. Some minutes, 2 GB.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dir, "..")
const folder = mkdtempSync(join(tmpdir(), "sento-reproduce-"))

function run(cwd: string, ...words: string[]): void {
  const { success } = Bun.spawnSync(words, { cwd, stdio: ["ignore", "inherit", "inherit"] })
  if (!success) throw new Error(`${words.join(" ")} failed in ${cwd}`)
}

/** A release of a clone. @returns its SHA256SUMS */
async function release(name: string): Promise<string> {
  const clone = join(folder, name)
  run(clone, process.execPath, "run", "release", join(clone, "out"))
  const sums = await Bun.file(join(clone, "out/SHA256SUMS")).text()
  rmSync(clone, { recursive: true })
  return sums
}

try {
  // Both before either is built: somebody may commit meanwhile.
  run(folder, "git", "clone", "--quiet", root, join(folder, "a"))
  run(folder, "git", "clone", "--quiet", join(folder, "a"), join(folder, "another/place"))
  const [first, second] = [await release("a"), await release("another/place")]
  process.stdout.write(first)
  if (first !== second) throw new Error(`not the same:\n${second}`)
  process.stdout.write(`${first.trimEnd().split("\n").length} files, the same in both\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
