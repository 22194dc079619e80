/** A disk that takes a part of the config: the one that was there stays whole. */
import { expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

test("a write that the disk takes a part of changes nothing, and leaves nothing beside it", async () => {
  const home = mkdtempSync(join(tmpdir(), "sento-short-"))
  try {
    const path = join(home, ".sento-config.json")
    const before = JSON.stringify({ version: 1, name: "mira", agents: {} })
    writeFileSync(path, before, { mode: 0o600 })
    const script = `
      import { updateConfig, writeConfig } from ${JSON.stringify(join(import.meta.dir, "../../src/store/config.ts"))}
      import { pathsOf } from ${JSON.stringify(join(import.meta.dir, "../../src/store/paths.ts"))}
      try {
        writeConfig(pathsOf(${JSON.stringify(home)}), { version: 1, name: "x".repeat(20_000), agents: {} })
        console.log("written")
      } catch (error) {
        console.log(String(error.code ?? error))
      }`
    const limited = [
      "bash",
      "-c",
      `trap "" XFSZ; ulimit -S -f 4; exec "$0" "$@"`,
      process.execPath,
      "-e",
      script,
    ]
    const child = Bun.spawn(limited, {
      stdout: "pipe",
      stderr: "pipe",
      env: { PATH: process.env.PATH ?? "", HOME: home },
    })
    const said = await new Response(child.stdout).text()
    await child.exited
    expect(said.trim()).not.toBe("written")
    expect(said.trim()).not.toBe("")
    expect(readFileSync(path, "utf8")).toBe(before)
    expect(readdirSync(home).filter(name => name.includes("sento-config"))).toEqual([".sento-config.json"])
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}, 120_000)
