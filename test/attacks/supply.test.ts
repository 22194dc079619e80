/** What is built from: a dependency that changes under us, and a binary that cannot say what it is. */
import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import packageJson from "../../package.json" with { type: "json" }
import { sumLine } from "../../release/sums.ts"

const root = join(import.meta.dir, "../..")
const lock = readFileSync(join(root, "bun.lock"), "utf8")
const packages = lock.slice(lock.indexOf('"packages": {')).match(/^ {4}"[^"]+": \[.*\],$/gm) ?? []

test("every dependency is of one exact version, here and in the lock file, which has the hash of each", () => {
  const wanted = Object.entries({ ...packageJson.dependencies, ...packageJson.devDependencies })
  expect(wanted.length).toBeGreaterThan(4)
  for (const [name, version] of wanted) {
    expect(`${name} ${version}`).toMatch(/ \d+\.\d+\.\d+$/)
    expect(lock).toContain(`"${name}": ["${name}@${version}", `)
  }
  expect(packages.length).toBeGreaterThan(wanted.length)
  for (const line of packages) expect(line).toMatch(/"sha512-[A-Za-z0-9+/]{86}=="\],$/)
})

test("no package runs anything when it is installed", () => {
  expect(Object.keys(packageJson)).not.toContain("trustedDependencies")
  expect(
    Object.keys(packageJson.scripts).filter(name => /^(?:pre|post)?install$|^prepare$/.test(name)),
  ).toEqual([])
})

test("no dependency comes from anywhere but the registry", () => {
  expect(lock.match(/(?:https?|git|ssh|file|github):[^"]*/g) ?? []).toEqual([])
})

test.skipIf(!existsSync(join(root, "dist/sento")))(
  "a binary names its commit and the Bun it was built with",
  () => {
    const ran = Bun.spawnSync([join(root, "dist/sento"), "--version", "--json"], { env: {} })
    expect(JSON.parse(ran.stdout.toString())).toEqual({
      version: packageJson.version,
      commit: expect.stringMatching(/^(?:[0-9a-f]{40}|unknown)$/),
      bun: Bun.version,
    })
  },
)

test.skipIf(Bun.which("sha256sum") === null)(
  "`sha256sum -c` takes our SHA256SUMS, and no file of another byte",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "sento-sums-"))
    try {
      const files = ["sento-linux-x64", "sento-linux-arm64-musl"].map(
        name => [name, randomBytes(10_000)] as const,
      )
      for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
      writeFileSync(join(folder, "SHA256SUMS"), files.map(([name, bytes]) => sumLine(name, bytes)).join(""))
      const check = () =>
        Bun.spawnSync(["sha256sum", "--strict", "-c", "SHA256SUMS"], { cwd: folder }).exitCode
      expect(check()).toBe(0)
      appendFileSync(join(folder, "sento-linux-x64"), "x")
      expect(check()).toBe(1)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
