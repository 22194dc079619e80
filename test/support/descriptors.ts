/** Which files this process has open. */
import { readdirSync, readlinkSync } from "node:fs"

/** How many below a folder: of all, what a process that ended left may be closed at any moment. */
export const openFilesIn = (folder: string): number =>
  readdirSync("/proc/self/fd").filter(descriptor => targetOf(descriptor).startsWith(`${folder}/`)).length

/** The one with which the folder itself was read is gone. */
function targetOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return ""
  }
}
