/** Where this very program lies, as other programs can find it tomorrow. */
import { realpathSync } from "node:fs"
import { isAbsolute, join } from "node:path"
import { SentoError } from "../../protocol/errors.ts"
import { shellWord } from "../../protocol/shell.ts"

/** Packages that are run without being installed: npm 11's npx, bunx, pnpm's and yarn's dlx; and pnpm 10's store, whose paths have a version in them. */
const cache = /\/(?:_npx|bunx-[^/]*|dlx(?:-[^/]*)?|\.pnpm)\//

/**
 * The path to write down for a file that runs: the link to it in PATH, which an update leads elsewhere, before the
 * file behind it, and never one in a cache that is emptied; from there, another file of that name in PATH.
 * @param file - as the kernel names it, without links
 * @param path - the variable PATH
 * @throws config where there is none
 */
export function lastingPath(file: string, name: string, path: string): string {
  const named = path
    .split(":")
    .filter(isAbsolute)
    .map(folder => join(folder, name))
    .filter(one => isLasting(one))
  // npm's own, of whatever package the shell stands in.
  const [found] = named
    .filter(one => isFor(one, file))
    .sort((a, b) => Number(isLocal(a)) - Number(isLocal(b)))
  if (found !== undefined) return found
  if (!cache.test(file)) return file
  throw new SentoError(
    "config",
    `${file} lies in a cache that is emptied`,
    `install it, for instance \`cp ${shellWord(file)} ~/.local/bin/${name}\`, and run this again from there`,
  )
}

const isLocal = (path: string): boolean => path.includes("/node_modules/.bin/")

/** A file in a cache is none that lasts, whatever leads to it. */
const isFor = (path: string, file: string): boolean => cache.test(file) || realPath(path) === file

function isLasting(path: string): boolean {
  const real = realPath(path)
  return real !== null && !cache.test(path) && !cache.test(real)
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}
