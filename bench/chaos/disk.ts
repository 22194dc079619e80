/** A small disk of an agent's own, so that it can be full. */
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"

export type Disk = {
  /** Takes all that is left. */
  fill(): void
  free(): void
  unmount(): void
}

const mebibytes = 48

/** Mounts a tmpfs in place of `folder`; null where this user or this machine does not allow it. */
export function mountDisk(folder: string): Disk | null {
  if (process.getuid?.() !== 0) return null
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const options = `size=${mebibytes}m,mode=700,nosuid,nodev,noexec`
  if (!run(["mount", "-t", "tmpfs", "-o", options, "sento-chaos", folder])) return null
  const ballast = join(folder, "ballast")
  return {
    fill: () => fill(ballast),
    free: () => rmSync(ballast, { force: true }),
    unmount() {
      if (!run(["umount", folder])) run(["umount", "--lazy", folder])
    },
  }
}

/** In ever smaller pieces, until not one byte goes in. */
function fill(path: string): void {
  const file = openSync(path, "a", 0o600)
  try {
    for (let size = 1024 * 1024; size >= 1; size = Math.floor(size / 4))
      while (writes(file, Buffer.alloc(size)));
  } finally {
    closeSync(file)
  }
}

function writes(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) === bytes.length
  } catch {
    return false
  }
}

const run = (command: string[]): boolean =>
  Bun.spawnSync(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" }).success
