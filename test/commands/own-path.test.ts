/** The path of `sento` that setup writes: the link in PATH, and none that is gone tomorrow. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { lastingPath } from "../../src/commands/setup/own-path.ts"
import { built } from "../support/world.ts"

let folder = ""
const at = (path: string): string => join(folder, path)

function file(path: string): void {
  mkdirSync(dirname(at(path)), { recursive: true })
  writeFileSync(at(path), "#!/bin/sh\n")
  chmodSync(at(path), 0o755)
}

function link(path: string, target: string): void {
  mkdirSync(dirname(at(path)), { recursive: true })
  symlinkSync(target, at(path))
}

/** As pnpm 10 has it: gone with the next version; what stands in PATH is a script of its own. */
const stored = "pnpm/global/5/.pnpm/sento-linux-x64@0.2.0/node_modules/sento-linux-x64/bin/sento"
const npx = "home/.npm/_npx/ab12/node_modules"

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "sento-own-")))
  file("opt/sento-1.2/sento")
  link("usr/bin/sento", "../../opt/current/sento")
  link("opt/current", "sento-1.2")
  link("bin/sento", at("usr/bin/sento"))
  link("project/node_modules/.bin/sento", at("opt/sento-1.2/sento"))
  link("gone/bin/sento", "nowhere")
  file("other/bin/sento")
  for (const cache of [
    npx,
    "tmp/bunx-1000-sento/node_modules",
    "home/.cache/pnpm/dlx/ab/node_modules",
    "tmp/xfs-1/dlx-7/node_modules",
  ]) {
    file(`${cache}/sento/sento`)
    link(`${cache}/.bin/sento`, "../sento/sento")
  }
  link("stale/bin/sento", at(`${npx}/sento/sento`))
  file(stored)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const installed = "opt/sento-1.2/sento"
const cached = `${npx}/sento/sento`

test.each([
  ["pnpm's script, for a file in its store", stored, ["other/bin"], "other/bin/sento"],
  ["the link in PATH", installed, ["usr/bin"], "usr/bin/sento"],
  ["the first of two", installed, ["bin", "usr/bin"], "bin/sento"],
  ["the file where it stands in PATH itself", "other/bin/sento", ["usr/bin", "other/bin"], "other/bin/sento"],
  ["the file where PATH has another", installed, ["other/bin"], installed],
  ["the file where PATH has none", installed, ["gone/bin", "nowhere"], installed],
  [
    "one for all before a project's own",
    installed,
    ["project/node_modules/.bin", "usr/bin"],
    "usr/bin/sento",
  ],
  [
    "a project's own where there is no other",
    installed,
    ["project/node_modules/.bin"],
    "project/node_modules/.bin/sento",
  ],
  ["from npx's cache, what is installed", cached, [`${npx}/.bin`, "stale/bin", "usr/bin"], "usr/bin/sento"],
])("is %s", (_, running, path, want) => {
  expect(lastingPath(at(running), "sento", path.map(at).join(":"))).toBe(at(want))
})

test.each([
  cached,
  "tmp/bunx-1000-sento/node_modules/sento/sento",
  "home/.cache/pnpm/dlx/ab/node_modules/sento/sento",
  "tmp/xfs-1/dlx-7/node_modules/sento/sento",
])("is none of a cache: %s is refused, whatever leads to it", running => {
  const path = [join(dirname(dirname(running)), ".bin"), "stale/bin", "gone/bin"].map(at).join(":")
  expect(() => lastingPath(at(running), "sento", path)).toThrow(`${at(running)} lies in a cache`)
})

test("is absolute, whatever PATH holds", () => {
  expect(lastingPath(at(installed), "sento", `.:::${at("usr/bin")}:bin`)).toBe(at("usr/bin/sento"))
})

test.skipIf(built.length > 1)("the binary that is started through a link in PATH writes that link", () => {
  const bin = at("home/.local/bin")
  mkdirSync(bin, { recursive: true })
  symlinkSync(built[0] ?? "", join(bin, "sento"))
  const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: at("home") }
  const ran = Bun.spawnSync([join(bin, "sento"), "setup", "codex"], { env, cwd: folder })
  expect([ran.exitCode, ran.stderr.toString()]).toEqual([
    0,
    expect.not.stringContaining("no `sento` on PATH"),
  ])
  expect(Bun.TOML.parse(readFileSync(at("home/.codex/config.toml"), "utf8"))).toMatchObject({
    mcp_servers: { sento: { command: join(bin, "sento") } },
  })
})

test.skipIf(built.length > 1)("the binary in npx's cache sets nothing up, and says what to do", () => {
  const copy = at(`${npx}/real/sento`)
  mkdirSync(dirname(copy), { recursive: true })
  Bun.spawnSync(["cp", "--reflink=auto", built[0] ?? "", copy])
  const env = { PATH: "/usr/bin:/bin", HOME: at("empty") }
  const ran = Bun.spawnSync([copy, "setup", "claude"], { env, cwd: folder })
  expect(ran.exitCode).toBe(78)
  expect(ran.stderr.toString()).toContain("lies in a cache that is emptied\nsento: hint: install it")
  const undone = Bun.spawnSync([copy, "setup", "claude", "--undo"], { env, cwd: folder })
  expect(undone.exitCode).toBe(0)
})
