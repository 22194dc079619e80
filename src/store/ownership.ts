/** Whose a file is. A home may lie where others can write, and what they put there must not speak for the owner. */
import { lstatSync, statSync } from "node:fs"
import { SentoError } from "../protocol/errors.ts"

/**
 * Fails where a path, or what a link there leads to, belongs to another user: a config with keys that somebody
 * else knows, a link that would have us write elsewhere, the door of a Guardian that is not ours. Root may do
 * all of that anyway. What is not there is nobody's.
 * @throws config
 */
export function requireOwn(path: string): void {
  const owner = [lstatSync, statSync]
    .map(look => ownerOf(path, look))
    .find(uid => uid !== null && uid !== 0 && uid !== process.geteuid?.())
  if (owner === undefined) return
  throw new SentoError(
    "config",
    `${path} belongs to another user (uid ${owner})`,
    `see \`ls -la ${path}\`; move it away, or \`chown\` it if you know it to be yours`,
  )
}

/** Null for what is not there, or cannot be looked at: whoever opens it next is told why. */
function ownerOf(path: string, look: typeof lstatSync): number | null {
  try {
    return look(path).uid
  } catch {
    return null
  }
}
