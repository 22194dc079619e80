/** Scripts in a network namespace of their own, where a test may give itself addresses and routes. */
import { execPath } from "node:process"

/** Whether this user may make one; where not, such a test is skipped. */
export const canUnshare =
  Bun.spawnSync(["unshare", "-n", "sh", "-c", "ip link set lo up"], { stdout: "ignore", stderr: "ignore" })
    .exitCode === 0

/**
 * Runs a script where there is nothing but what `setUp` makes.
 * @param setUp - lines of `ip` without that word
 * @param script - a path from test/
 * @returns the JSON that it printed
 */
export async function runInside(setUp: readonly string[], script: string): Promise<unknown> {
  const lines = ["set -e", ...setUp.map(line => `ip ${line}`), 'exec "$0" "$1"']
  const path = new URL(`../${script}`, import.meta.url).pathname
  const child = Bun.spawn(["unshare", "-n", "sh", "-c", lines.join("\n"), execPath, path], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  const [text, errors] = await Promise.all([child.stdout.text(), child.stderr.text()])
  if ((await child.exited) !== 0) throw new Error(`${script} ended with ${child.exitCode}: ${errors}`)
  return JSON.parse(text)
}
