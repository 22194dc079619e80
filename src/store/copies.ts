/** Copies of the config that a crash left between writing it and giving it its name: all keys are in them. */
import { lstatSync, readdirSync, rmSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { behindLinks } from "./links.ts"
import type { Paths } from "./paths.ts"

/** No write takes so long: a copy that is older is nobody's, whatever process has that number now. */
const writingMilliseconds = 60 * 1000

/** A name that nobody gives a backup of the config, so that no copy of the owner's own is taken for one of ours. */
const prefixOf = (path: string): string => `.sento-copy-${basename(path)}.`

/** Where this process writes what is to become the file at `path`: in the same directory. */
export const besideOf = (path: string): string =>
  join(dirname(path), `${prefixOf(path)}${process.pid}.${crypto.randomUUID().slice(0, 8)}`)

/**
 * Removes the copies that nobody is writing any more, beside the config and beside what a link there leads to.
 * @returns how many there were
 * @throws Error of the system, where one cannot be removed
 */
export function removeCopies(paths: Pick<Paths, "config">): number {
  const all = [...new Set([paths.config, behindLinks(paths.config)])].flatMap(copiesOf)
  for (const path of all) rmSync(path, { force: true })
  return all.length
}

function copiesOf(path: string): string[] {
  const prefix = prefixOf(path)
  return namesIn(dirname(path)).flatMap(name => {
    const pid = name.startsWith(prefix)
      ? /^(\d+)\.[0-9a-f]{8}$/.exec(name.slice(prefix.length))?.[1]
      : undefined
    const copy = join(dirname(path), name)
    return pid !== undefined && isLeft(copy, Number(pid)) ? [copy] : []
  })
}

/** A directory that may be entered and not listed holds its config all the same. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** This process writes nothing while it looks. */
function isLeft(path: string, pid: number): boolean {
  const writtenAt = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs
  if (writtenAt === undefined) return false
  return pid === process.pid || Math.abs(Date.now() - writtenAt) > writingMilliseconds || !isRunning(pid)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}
