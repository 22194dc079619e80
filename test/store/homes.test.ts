/** Where a user's agents live, and where another one goes. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createConfig, writeConfig } from "../../src/store/config.ts"
import { homesBeside, makeHome, registeredHomes } from "../../src/store/homes.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { readRegistry } from "../../src/store/registry.ts"

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sento-homes-"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function setUp(directory: string, name: string): void {
  mkdirSync(directory, { recursive: true })
  writeConfig(pathsOf(directory), {
    version: 1,
    name,
    agent: "test-agent",
    listen: { hosts: [], port: 0, names: [] },
    tmux: { session: name, socket: null, profile: null },
    agents: {},
  })
}
const other = (directory: string): string => join(home, ".sento/agents", directory)
const homes = (): string[] => registeredHomes(home).map(one => one.home)

test("the first is the home directory's, the others are sorted; what is not set up is none", () => {
  expect(homes()).toEqual([])
  setUp(other("zoe"), "zoe")
  setUp(other("kai"), "kai")
  mkdirSync(other("empty"))
  writeFileSync(other("file"), "")
  expect(homes()).toEqual([other("kai"), other("zoe")])
  setUp(home, "mira")
  expect(homes()).toEqual([home, other("kai"), other("zoe")])
  // In whatever order the system lists them.
  const many = Array.from({ length: 20 }, (_, i) => `n${10 + i}`)
  for (const name of many) setUp(other(name), name)
  expect(homes()).toEqual([home, other("kai"), ...many.map(other), other("zoe")])
})

test("a name is the config's; one that cannot be read is its directory's, and hides nobody", () => {
  setUp(home, "mira")
  setUp(other("kai"), "porter")
  setUp(other("broken"), "blair")
  writeFileSync(join(other("broken"), ".sento-config.json"), "{")
  expect(readRegistry(home).map(one => [one.name, one.config === null])).toEqual([
    ["mira", false],
    ["broken", true],
    ["porter", false],
  ])
})

test("another agent goes where nobody lives or lived", () => {
  expect(makeHome("mira", home).home).toBe(home)
  setUp(home, "mira")
  expect(makeHome("kai", home).home).toBe(other("kai"))
  // Its init went no further.
  expect(makeHome("kai", home).home).toBe(other("kai"))
  setUp(other("kai"), "renamed")
  expect(makeHome("kai", home).home).toBe(other("kai-2"))
  setUp(other("kai-2"), "kai-2")
  expect(makeHome("kai", home).home).toBe(other("kai-3"))
  expect(statSync(other("kai-3")).mode & 0o777).toBe(0o700)
})

test("a directory that cannot be made says where to look, and nothing is made", () => {
  setUp(home, "mira")
  rmSync(join(home, ".sento"), { recursive: true, force: true })
  writeFileSync(join(home, ".sento"), "")
  expect(() => makeHome("kai", home)).toThrow(`cannot make ${other("kai")}: `)
  expect(readFileSync(join(home, ".sento"), "utf8")).toBe("")
})

test("a path that is too long for a socket asks for a shorter name", () => {
  const long = join(home, "d".repeat(107 - home.length - "/.sento/owner.sock".length - 1))
  setUp(long, "mira")
  expect(() => makeHome("kai", long)).toThrow("too long for a socket")
})

test("a config that somebody made meanwhile is not written over", () => {
  setUp(home, "mira")
  const paths = pathsOf(home)
  const before = readFileSync(paths.config, "utf8")
  expect(() => createConfig(paths, JSON.parse(before))).toThrow("is there by now, and stays as it is")
  expect(readFileSync(paths.config, "utf8")).toBe(before)
  expect(readdirSync(home)).toEqual([".sento-config.json"])
})

test("a home's own registry counts, whatever HOME is; what leads to one home twice is one", () => {
  setUp(home, "mira")
  setUp(other("kai"), "kai")
  symlinkSync(home, other("self"))
  expect(homes()).toEqual([home, other("kai")])
  expect(homesBeside(other("kai")).map(one => one.home)).toEqual([home])
  expect(homesBeside(home).map(one => one.home)).toEqual([other("kai")])
})
