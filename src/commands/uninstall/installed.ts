/** The command itself: what install.sh wrote stands in a list beside it; what a package manager wrote is that one's. */
import { existsSync, readFileSync, rmdirSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"

/** What install.sh wrote and made, in that order; folders end with `/`. */
export type Installed = { readonly command: string; readonly paths: readonly string[] }

/** Null where this very file is in no list of install.sh. @param command - the file that runs, without links */
export function findInstalled(command = process.execPath): Installed | null {
  const list = join(dirname(command), "../share/sento/installed")
  if (!existsSync(list)) return null
  const paths = readFileSync(list, "utf8").split("\n").filter(Boolean)
  return paths.includes(command) ? { command, paths } : null
}

/** Files, and folders that are empty then; the list goes with them. @returns a line for the command */
export function removeInstalled({ command, paths }: Installed): string[] {
  for (const path of [...paths].reverse())
    if (path.endsWith("/")) removeEmpty(path)
    else rmSync(path, { force: true })
  return [`removed ${command}, its man page and completions`]
}

/** Removes a directory with nothing in it; any other stays. */
export function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException
    if (!["ENOTEMPTY", "ENOENT", "EEXIST"].includes(code)) throw error
  }
}

/** How the command goes, where install.sh did not bring it. */
export function removeByHand(command = process.execPath): string[] {
  if (!Bun.isStandaloneExecutable) return []
  const [, name] = /\/node_modules\/(sento)-linux-[^/]*\/bin\/sento$/.exec(command) ?? []
  if (name !== undefined)
    return [`the command stays: \`npm uninstall -g ${name}\`, or what installed it, takes it away`]
  if (command === "/usr/bin/sento" && existsSync("/var/lib/dpkg/info/sento.list"))
    return ["the command stays: `apt remove sento` takes it away"]
  return [`the command stays: ${command}`]
}
