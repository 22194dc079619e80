/** Claude Code itself, where there is one: `SENTO_CLAUDE=/path/of/claude`, or `claude` on PATH. */
import { expect, test } from "bun:test"
import { join } from "node:path"
import { built, finished } from "../support/world.ts"

const claude = process.env.SENTO_CLAUDE ?? Bun.which("claude")
const namespace = process.getuid?.() === 0 ? ["unshare", "-n", "true"] : ["unshare", "-r", "-n", "true"]
const skipped =
  claude === null
    ? "no claude on PATH, and SENTO_CLAUDE names none"
    : built.length !== 1
      ? "no built binary"
      : Bun.which("unshare") === null || !Bun.spawnSync(namespace).success
        ? "no network namespaces here"
        : null
if (skipped !== null) console.log(`Claude Code end to end: skipped (${skipped})`)

test.skipIf(skipped !== null)(
  "mira asks, Claude Code's turn ends, and mira's `--wait` prints the answer; an API's refusal is told too",
  async () => {
    const script = join(import.meta.dir, "../../bench/e2e.ts")
    const ran = await finished(
      Bun.spawn([process.execPath, script, "claude", claude ?? ""], {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      }),
    )
    expect(ran).toMatchObject({ exit: 0, stderr: "" })
  },
  120_000,
)
