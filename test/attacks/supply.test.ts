/** What is built from: a dependency that changes under us, and a binary that cannot say what it is. */
import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import packageJson from "../../package.json" with { type: "json" }

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
