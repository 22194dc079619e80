import { homedir } from "node:os"

/** A path as people say it. */
export function short(path: string): string {
  const home = homedir()
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path
}
