/** What lies behind the symbolic links of a path: it is written there, and the links stay. */
import { readlinkSync, realpathSync, statSync } from "node:fs"
import { dirname, join } from "node:path"

/** As many as Linux follows (path_resolution(7)). */
const mostLinks = 40

type Step = { readonly name: string; readonly isOfLink: boolean }

const stepsOf = (path: string, isOfLink: boolean): Step[] =>
  path.split("/").flatMap(name => (name === "" || name === "." ? [] : [{ name, isOfLink }]))

/**
 * The file that the kernel would open or make for a path, without a link in it; many keep their settings in another
 * place. What is missing may be the file, or directories of the path itself; a link to nowhere is no directory.
 * @param path - absolute
 * @throws Error of the system, or one like it
 */
export function behindLinks(path: string): string {
  const steps = stepsOf(path, false)
  let at = "/"
  let links = 0
  for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
    const next = step.name === ".." ? dirname(at) : join(at, step.name)
    if (step.name === "..") requireFolder(at)
    const target = step.name === ".." ? null : linkAt(next)
    if (target === null && step.isOfLink && steps.length > 0) requireFolder(next)
    if (target === null) at = next
    else {
      links += 1
      if (links > mostLinks) throw new Error(`ELOOP: too many links on the way, ${path}`)
      if (target.startsWith("/")) at = "/"
      steps.unshift(...stepsOf(target, true))
    }
  }
  return at
}

/** What a symbolic link there says, or null. */
function linkAt(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (["EINVAL", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "")) return null
    throw error
  }
}

/** Only where there is one, `..` leads anywhere. */
function requireFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new Error(`ENOENT: a link leads through ${path}, which is no directory`)
}

/** Whether two paths lead to one file; of one that is not there, whether they are the same words. */
export const isSameFile = (one: string, other: string): boolean =>
  one === other || realPath(one) === realPath(other)

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
