/** Imports run one way: main → commands → guardian → {http, tmux, store} → protocol; and so they do between the Guardian's rooms. */
import { describe, expect, test } from "bun:test"
import { posix } from "node:path"
import { importsOf, layerOf, ranks, readSources, roomOf, rooms, type Source } from "./support/imports.ts"

/** What commands know of the Guardian: its doors, its books, what is at the terminal, and how it is started. */
const openToCommands = ["door", "books", "terminal"]
const openFiles = ["guardian/guardian.ts", "guardian/log.ts"]

/** One line for each import that runs back between rooms, or into a room that is not open to commands. */
function roomViolations(sources: readonly Source[]): string[] {
  return sources.flatMap(({ file, imports }) =>
    imports
      .filter(target => target !== null && layerOf(target) === "guardian")
      .filter(target => {
        const to = roomOf(target ?? "")
        if (layerOf(file) === "commands")
          return !openToCommands.includes(to) && !openFiles.includes(target ?? "")
        const [left = -1, right = -1] = [rooms[roomOf(file)], rooms[to]]
        return layerOf(file) === "guardian" && roomOf(file) !== to && (left < 0 || right <= left)
      })
      .map(target => `${file} imports ${target}`),
  )
}

/** The files that are in a circle of imports, types included: each with one that leads back to it. */
function circles(sources: readonly Source[]): string[] {
  const next = new Map(sources.map(({ file, imports }) => [file, imports.filter(one => one !== null)]))
  const reach = (from: string): Set<string> => {
    const seen = new Set<string>()
    const open = [...(next.get(from) ?? [])]
    for (let one = open.pop(); one !== undefined; one = open.pop())
      if (!seen.has(one)) {
        seen.add(one)
        open.push(...(next.get(one) ?? []))
      }
    return seen
  }
  return [...next.keys()].filter(file => reach(file).has(file))
}

/** One line for each import that runs back, goes sideways or cannot be known. */
function violations(sources: readonly Source[]): string[] {
  return sources.flatMap(({ file, imports }) => {
    const from = layerOf(file)
    return imports.flatMap(target => {
      if (target === null) return [`${file} computes what it imports`]
      const to = layerOf(target)
      if (from === null || to === null || from === to) return []
      return (ranks[to] ?? 0) > (ranks[from] ?? 0) ? [] : [`${file} imports ${target}`]
    })
  })
}

const { texts, sources } = await readSources()
const files = sources.map(({ file }) => file)

test("no import of src runs back", () => {
  expect(files).toContain("protocol/cpace.ts")
  expect(violations(sources)).toEqual([])
})

test("nor does one between the Guardian's rooms, and commands know but a few of them", () => {
  const found = new Set(sources.filter(one => layerOf(one.file) === "guardian").map(one => roomOf(one.file)))
  expect([...found].filter(room => !(room in rooms))).toEqual([])
  expect(roomViolations(sources)).toEqual([])
})

test("no import leads back to where it came from", () => {
  expect(circles(sources)).toEqual([])
})

/** Modules of tmux/ that start a tmux client, or use what does. */
const clients = [
  "tmux",
  "pane",
  "popup",
  "status-line",
  "snapshot",
  "sessions",
  "typing",
  "terminal",
  "own-hands",
].map(name => `tmux/${name}.ts`)

/** What each of these is needed for: `hands` runs as the agent's user; the demo's server is its own. */
const mayUseTmux = [
  // In this process in plain mode, by nobody in hardened mode.
  "guardian/terminal/own-terminal.ts",
  "commands/hands.ts",
  "commands/demo.ts",
  // `tmux -V`, which speaks to no server; the session in which the owner runs a command, and those among which they pick
  // at `sento init`: servers of the owner's own user alone.
  "commands/doctor.ts",
  "commands/session-here.ts",
  "commands/guided-init.ts",
  "guardian/guardian.ts",
]

test("what runs as the owner reaches tmux by own-terminal.ts alone, which is closed in hardened mode", () => {
  const users = [...texts].flatMap(([file, text]) => {
    // Types are gone, and so are imports of nothing else.
    const scanned = new Bun.Transpiler({ loader: "ts" }).scanImports(text)
    const targets = scanned.map(({ path }) => posix.join(posix.dirname(file), path))
    return layerOf(file) !== "tmux" && targets.some(target => clients.includes(target)) ? [file] : []
  })
  expect(users.filter(file => !mayUseTmux.includes(file))).toEqual([])
  const calls = (file: string, pattern: RegExp): string[] => texts.get(file)?.match(pattern) ?? []
  for (const file of ["commands/doctor.ts", "guardian/guardian.ts"])
    expect(calls(file, /import \{[^}]*\} from "\.\.\/tmux\/(?!process|keyboard-owner).*/g)).toEqual([
      'import { tmuxVersion } from "../tmux/tmux.ts"',
    ])
  expect(calls("commands/session-here.ts", /runTmux\(.*/g)).toHaveLength(1)
})

/** All that is loaded with a file: types and what is imported where it is used are not. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  const scanned = new Bun.Transpiler({ loader: "ts" }).scanImports(texts.get(file) ?? "")
  for (const { path } of scanned.filter(one => one.kind === "import-statement"))
    loadedWith(path.startsWith(".") ? posix.join(posix.dirname(file), path) : path, seen)
  return seen
}

test("no command loads the curves or the prompts before it needs them: they cost a fifth of its start", () => {
  expect([...loadedWith("protocol/cpace.ts")].some(name => name.startsWith("@noble/curves"))).toBe(true)
  const commands = files.filter(file => file.startsWith("commands/"))
  const heavy = commands.filter(file => [...loadedWith(file)].some(name => /^@(?:noble|clack)\//.test(name)))
  expect(heavy).toEqual([])
})

test("nothing loads mDNS before a code is open or looked for", () => {
  const isOfMdns = (name: string): boolean => name === "dns-packet" || name === "node:dgram"
  expect([...loadedWith("http/mdns.ts")].filter(isOfMdns)).toHaveLength(2)
  const parts = ["http/mdns.ts", "http/mdns-packets.ts"]
  const loaders = files.filter(file => [...loadedWith(file)].some(isOfMdns))
  expect(loaders.toSorted()).toEqual(parts.toSorted())
})

test.each(["main.ts", "commands/hook.ts"])("%s loads no composer and no grammar of commands", file => {
  const heavy =
    /^(?:commander|@commander-js|tmux\/(?:programs\/|agent-programs|composer|readiness|keyboard-owner)|commands\/(?:grammar|program|setup))/
  expect(
    [...loadedWith("commands/setup.ts"), ...loadedWith("tmux/typing.ts")].some(one => heavy.test(one)),
  ).toBe(true)
  expect([...loadedWith(file)].filter(one => heavy.test(one))).toEqual([])
})

describe("the checker itself", () => {
  test.each([
    ["an import that runs back", "store/x.ts", `import { a } from "../guardian/a.ts"`, "guardian/a.ts"],
    ["a type that runs back", "protocol/x.ts", `import type { A } from "../store/a.ts"`, "store/a.ts"],
    ["siblings", "http/x.ts", `import { a } from "../store/a.ts"`, "store/a.ts"],
    ["main from below", "commands/x.ts", `import "../main.ts"`, "main.ts"],
    ["a dynamic import", "tmux/x.ts", `await import("../guardian/a.ts")`, "guardian/a.ts"],
    ["a re-export", "protocol/x.ts", `export * from "../http/a.ts"`, "http/a.ts"],
    ["one over several lines", "protocol/x.ts", `import {\n  a,\n  b,\n} from "../http/a.ts"`, "http/a.ts"],
    ["require", "protocol/x.ts", `require("../http/a.ts")`, "http/a.ts"],
    ["from a subdirectory", "protocol/deep/x.ts", `import { a } from "../../http/a.ts"`, "http/a.ts"],
  ])("finds %s", (_, file, text, target) =>
    expect(violations([importsOf(file, text)])).toEqual([`${file} imports ${target}`]),
  )

  test.each([
    ["an import that runs back", "guardian/books/x.ts", `import { a } from "../owner/a.ts"`],
    ["rooms side by side", "guardian/inbound/x.ts", `import { a } from "../pairing/a.ts"`],
    ["the wiring from below", "guardian/door/x.ts", `import { a } from "../guardian.ts"`],
    ["a room that commands do not know", "commands/x.ts", `import { a } from "../guardian/inbound/a.ts"`],
    ["a room that is not drawn", "guardian/attic/x.ts", `import { a } from "../log.ts"`],
  ])("between rooms it finds %s", (_, file, text) =>
    expect(roomViolations([importsOf(file, text)])).toHaveLength(1),
  )

  test.each([
    ["to the right", "guardian/inbound/x.ts", `import { a } from "../books/a.ts"`],
    ["within a room", "guardian/books/x.ts", `import { a } from "./a.ts"`],
    ["commands to a door", "commands/x.ts", `import { a } from "../guardian/door/a.ts"`],
  ])("between rooms it lets pass: %s", (_, file, text) =>
    expect(roomViolations([importsOf(file, text)])).toEqual([]),
  )

  test("finds a circle of three, and nothing where there is none", () => {
    const of = (file: string, target: string): Source => ({ file, imports: [target, null] })
    expect(circles([of("a", "b"), of("b", "c"), of("c", "a"), of("d", "a")])).toEqual(["a", "b", "c"])
    expect(circles([of("a", "b"), of("b", "c"), of("c", "v")])).toEqual([])
  })

  test.each(["await import(name)", "await import(`../guardian/a.ts`)", "require(name)"])(
    "finds a computed import: %s",
    text =>
      expect(violations([importsOf("store/x.ts", text)])).toEqual(["store/x.ts computes what it imports"]),
  )

  test.each([
    ["to the right", "main.ts", `import { a } from "./commands/a.ts"`],
    ["over several layers", "commands/x.ts", `import { a } from "../protocol/a.ts"`],
    ["within a layer", "store/x.ts", `import { a } from "./a.ts"`],
    ["a package", "protocol/x.ts", `import * as v from "valibot"`],
    ["a comment", "protocol/x.ts", `/** import { a } from "../http/a.ts" */`],
  ])("lets pass: %s", (_, file, text) => expect(violations([importsOf(file, text)])).toEqual([]))
})

describe("src/protocol is pure", () => {
  const ours = sources.filter(({ file }) => layerOf(file) === "protocol")
  const packages = ["node:crypto", "node:net", "valibot", "@noble/curves"]

  test("it imports nothing that reads, writes or waits", () => {
    const strangers = ours.flatMap(({ file, imports }) =>
      imports
        .filter(target => target === null || layerOf(target) !== "protocol")
        .filter(target => !packages.some(name => target === name || target?.startsWith(`${name}/`)))
        .map(target => `${file} imports ${target}`),
    )
    expect(strangers).toEqual([])
  })

  const impure =
    /\bDate\.now\b|\bMath\.random\b|\brandomUUID\w*|\bgetRandomValues\b|\brandomBytes\b|\brandomInt\b|\bprocess\.|\bBun\.(?!CryptoHasher\b)\w+|\bfetch\(|\bnew Date\(\)|\bperformance\.|\bset(?:Timeout|Interval|Immediate)\b|\bconsole\./

  test.each(ours.map(({ file }) => file))("%s takes time, randomness and environment as arguments", file =>
    expect(impure.exec(texts.get(file) ?? "")?.[0]).toBeUndefined(),
  )

  test.each([
    "Date.now()",
    "new Date()",
    "Math.random()",
    "crypto.randomUUID()",
    "process.env.HOME",
    "Bun.file(x)",
  ])("the check finds %s", text => expect(impure.test(text)).toBe(true))
})
