/** `.sento-config.json`: what is refused, what is kept, and whose files are not taken for ours. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
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
import { SentoError } from "../../src/protocol/errors.ts"
import {
  createConfig,
  makeFolder,
  readConfig,
  requireConfig,
  updateConfig,
  writeConfig,
} from "../../src/store/config.ts"
import { type Paths, pathsOf } from "../../src/store/paths.ts"
import { openFilesIn } from "../support/descriptors.ts"

/** Never asked of `paths`: were that wrong, another folder would be removed. */
let folder: string
let paths: Paths
let umask: number
beforeEach(() => {
  umask = process.umask(0)
  folder = mkdtempSync(join(tmpdir(), "sento-config-"))
  paths = pathsOf(folder)
})
afterEach(() => {
  process.umask(umask)
  rmSync(folder, { recursive: true, force: true })
})

const peer = {
  ...{
    id: "a".repeat(32),
    host: "192.0.2.1",
    port: 7001,
    sendKey: "b".repeat(64),
    receiveKey: "c".repeat(64),
  },
  ...{ pairedAt: "2026-11-23", features: ["receipts"] },
}
const config = {
  ...{ version: 1, name: "mira", agent: "mira-00001", listen: { hosts: [], port: 0, names: [] } },
  ...{ tmux: { session: "main", socket: null, profile: null }, agents: { kai: peer } },
} as const

type Json = Record<string, unknown>
const withTmux = (more: Json): Json => ({ ...config, tmux: { ...config.tmux, ...more } })
const withPeer = (more: Json, name = "kai"): Json => ({ ...config, agents: { [name]: { ...peer, ...more } } })
const withListen = (more: Json): Json => ({ ...config, listen: { ...config.listen, ...more } })
const without = (name: string): Json =>
  Object.fromEntries(Object.entries(config).filter(([key]) => key !== name))

const write = (text: string): void => writeFileSync(paths.config, text, { mode: 0o600 })

/** The error as a person is told it, with the home left out. */
function errorOf(act: () => unknown): string[] {
  try {
    act()
  } catch (error) {
    if (!(error instanceof SentoError)) throw error
    const { code, message, hint } = error
    return [code, message, hint ?? ""].map(words => words.replaceAll(paths.home, "HOME"))
  }
  return []
}

/** Where this is root, who may do everything, as one who may not. */
function asNobody(act: () => void): void {
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    act()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

const mend = "mend it or move it away; sento does not overwrite it"

describe("a config", () => {
  test.each<readonly [string, Json]>([
    ["with the least that it needs", config],
    ["with a port that is the last", withListen({ port: 65_535 })],
    ["with no limit of replies", { ...config, hopLimit: 0 }],
    ["with the highest limit of replies", withPeer({ hopLimit: 1_000_000 })],
    ["that keeps nothing", { ...config, retention: { days: 0, megabytes: 0 } }],
    ["that keeps half a day", { ...config, retention: { days: 0.5, megabytes: 1_000_000 } }],
    ["with a command of one word", { ...config, notify: ["beep"] }],
    [
      "with what a newer build wrote",
      { ...config, more: { of: "it" }, agents: { kai: { ...peer, more: 1 } } },
    ],
    [
      "with a chat",
      { ...config, owner: { telegram: { token: "t", user: "u", chat: "c", baseUrl: "https://a.b/c" } } },
    ],
  ])("%s is read as it is", (_, value) => {
    write(JSON.stringify(value))
    expect(readConfig(paths)).toEqual({ config: value as never, wasTightened: false })
  })

  test.each<readonly [string, string, string]>([
    ["text", "no json", "is not JSON"],
    ["nothing", "null", "is no JSON object"],
    ["a list", "[]", 'lacks "version"'],
    ["no version", JSON.stringify(without("version")), 'lacks "version"'],
    ["version 0", JSON.stringify({ ...config, version: 0 }), 'has a wrong "version"'],
    ["a version in words", JSON.stringify({ ...config, version: "2" }), 'has a wrong "version"'],
    ["no agents", JSON.stringify(without("agents")), 'lacks "agents"'],
    ["an agent of no name", JSON.stringify(withPeer({}, "No Name")), 'has a wrong "agents.No Name"'],
    [
      "agents of no names",
      JSON.stringify({ ...config, agents: { "A A": peer, "B B": peer } }),
      'has a wrong "agents.A A"',
    ],
    [
      "an agent named like a property of every object",
      JSON.stringify(withPeer({}, "constructor")),
      'has a wrong "agents.constructor"',
    ],
    ["no number as a port", JSON.stringify(withListen({ port: "7" })), 'has a wrong "listen.port"'],
    ["a negative port", JSON.stringify(withListen({ port: -1 })), 'has a wrong "listen.port"'],
    ["half a port", JSON.stringify(withListen({ port: 1.5 })), 'has a wrong "listen.port"'],
    ["a port too high", JSON.stringify(withListen({ port: 65_536 })), 'has a wrong "listen.port"'],
    [
      "a short key",
      JSON.stringify(withPeer({ sendKey: "b".repeat(63) })),
      'has a wrong "agents.kai.sendKey"',
    ],
    [
      "a long key",
      JSON.stringify(withPeer({ receiveKey: "c".repeat(65) })),
      'has a wrong "agents.kai.receiveKey"',
    ],
    ["a limit below none", JSON.stringify({ ...config, hopLimit: -1 }), 'has a wrong "hopLimit"'],
    ["half a limit", JSON.stringify({ ...config, hopLimit: 1.5 }), 'has a wrong "hopLimit"'],
    ["a limit too high", JSON.stringify({ ...config, hopLimit: 1_000_001 }), 'has a wrong "hopLimit"'],
    [
      "days below none",
      JSON.stringify({ ...config, retention: { days: -1 } }),
      'has a wrong "retention.days"',
    ],
    [
      "megabytes too many",
      JSON.stringify({ ...config, retention: { megabytes: 1_000_001 } }),
      'has a wrong "retention.megabytes"',
    ],
    ["a command of no words", JSON.stringify({ ...config, notify: [] }), 'has a wrong "notify"'],
    ["no known program", JSON.stringify(withTmux({ profile: "other" })), 'has a wrong "tmux.profile"'],
    ["no session", JSON.stringify(withTmux({ session: 1 })), 'has a wrong "tmux.session"'],
  ])("with %s is refused, and stays", (_, text, what) => {
    write(text)
    expect(errorOf(() => requireConfig(paths))).toEqual(["config", `HOME/.sento-config.json ${what}`, mend])
    expect(errorOf(() => updateConfig(paths, one => one))).toEqual([
      "config",
      `HOME/.sento-config.json ${what}`,
      mend,
    ])
    expect(readFileSync(paths.config, "utf8")).toBe(text)
  })

  test.each([2, 99])("of version %d needs a newer sento", version => {
    write(JSON.stringify({ version, other: "shape" }))
    expect(errorOf(() => readConfig(paths))).toEqual([
      "config",
      `HOME/.sento-config.json is of version ${version}; this sento knows version 1`,
      "use a newer sento",
    ])
  })

  test("that is not there is none, and what needs one says how to set it up", () => {
    expect(readConfig(paths)).toBeNull()
    expect(errorOf(() => requireConfig(paths))).toEqual([
      "config",
      "there is no HOME/.sento-config.json",
      "run `sento init --name NAME --session TMUX-SESSION` to set this agent up",
    ])
  })

  test("of a home that is not there says how to make it, and writes nothing", () => {
    rmSync(folder, { recursive: true })
    const none = [
      "config",
      "the directory HOME does not exist",
      "run `mkdir -p HOME`, or set SENTO_HOME to the one you mean",
    ]
    expect(errorOf(() => requireConfig(paths))).toEqual(none)
    expect(errorOf(() => writeConfig(paths, config as never))).toEqual(none)
    expect(existsSync(paths.home)).toBe(false)
  })

  test.each([
    [0o640, true],
    [0o604, true],
    [0o601, true],
    [0o610, true],
    [0o600, false],
    [0o400, false],
  ])("of mode %o is made its owner's alone where it is not: %p", (mode, wasTightened) => {
    write(JSON.stringify(config))
    chmodSync(paths.config, mode)
    expect(readConfig(paths)?.wasTightened).toBe(wasTightened)
    expect(statSync(paths.config).mode & 0o777).toBe(wasTightened ? 0o600 : mode)
  })

  test.each<readonly [string, Json, readonly string[]]>([
    ["loopback", { host: "127.0.0.1" }, []],
    ["loopback by name", { host: "LOCALHOST" }, []],
    ["another loopback address, which stays open beside it", { host: "::1" }, ["::1"]],
    ["one address", { host: "192.0.2.7" }, ["192.0.2.7"]],
    ["all of IPv4", { host: "0.0.0.0" }, ["all"]],
    ["all", { host: "::" }, ["all"]],
    ["neither the old field nor the new one", {}, []],
    ["both, of which the new one counts", { host: "0.0.0.0", hosts: ["192.0.2.8"] }, ["192.0.2.8"]],
  ])("from before several addresses listens on the same: %s", (_, listen, hosts) => {
    const old = { ...config, listen: { ...listen, port: 7001, names: ["mira.example"], more: 1 } }
    write(JSON.stringify(old))
    const want = { hosts: [...hosts], port: 7001, names: ["mira.example"], more: 1 }
    expect(readConfig(paths)?.config.listen).toEqual(want)
    expect(readFileSync(paths.config, "utf8")).toBe(JSON.stringify(old))
    updateConfig(paths, one => one)
    expect(JSON.parse(readFileSync(paths.config, "utf8"))).toEqual({ ...config, listen: want })
  })

  test("is written for its owner alone, whole, and read again as it was", () => {
    write(JSON.stringify(config))
    const written = updateConfig(paths, one => ({ ...one, name: "noa" }))
    expect(written).toEqual({ ...config, name: "noa" } as never)
    expect(readFileSync(paths.config, "utf8")).toBe(
      `${JSON.stringify({ ...config, name: "noa" }, null, 2)}\n`,
    )
    expect(statSync(paths.config).mode & 0o777).toBe(0o600)
    expect(readdirSync(paths.home)).toEqual([".sento-config.json"])
  })

  test("that cannot be written leaves the old one and no copy", () => {
    mkdirSync(join(paths.config, "in the way"), { recursive: true })
    const [code, message, hint] = errorOf(() => writeConfig(paths, config as never))
    expect(code).toBe("config")
    expect(message).toStartWith("cannot write HOME/.sento-config.json: E")
    expect(hint).toBe("free some space or mend the directory's permissions; the old file is as it was")
    expect(readdirSync(paths.home)).toEqual([".sento-config.json"])
  })

  test("whose directory is not there cannot be written, and that is what is said", () => {
    const deep = { ...paths, config: join(paths.home, "none/config.json") }
    expect(errorOf(() => writeConfig(deep, config as never))[1]).toStartWith(
      "cannot write HOME/none/config.json: ENOENT",
    )
  })

  test("is written beside no copy that a crash left, and without leaving a file open", () => {
    writeConfig(paths, config as never)
    const openFiles = (): number => openFilesIn(folder)
    const before = openFiles()
    for (let i = 0; i < 8; i += 1) {
      writeFileSync(join(paths.home, `.sento-copy-.sento-config.json.${process.pid}.0a1b2c3d`), "keys")
      writeConfig(paths, config as never)
    }
    expect(openFiles()).toBe(before)
    expect(readdirSync(paths.home)).toEqual([".sento-config.json"])
  })

  test("behind a link in a circle is told so, and nothing is taken for a copy", () => {
    symlinkSync(".sento-config.json", paths.config)
    expect(errorOf(() => writeConfig(paths, config as never))[1]).toContain("ELOOP")
    expect(lstatSync(paths.config).isSymbolicLink()).toBe(true)
  })

  test.each<readonly [string, () => void, string]>([
    ["a directory", () => mkdirSync(paths.config), "it is a directory"],
    [
      "below a file",
      () => {
        write("x")
        paths = { ...paths, config: join(paths.config, "config") }
      },
      "what should be its directory is a file",
    ],
    ["a link in a circle", () => symlinkSync(".sento-config.json", paths.config), "ELOOP"],
  ])("that is %s cannot be read, and why is said", (_, make, why) => {
    make()
    const [code, message, hint] = errorOf(() => readConfig(paths))
    expect(code).toBe("config")
    expect(message).toContain(`cannot read ${paths.config.replace(paths.home, "HOME")}: `)
    expect(message).toContain(why)
    expect(hint).toBe(`see \`ls -ld ${paths.config.replace(paths.home, "HOME")}\``)
  })

  test("that is a pipe into which nobody writes is told so, and waited for by nobody", () => {
    Bun.spawnSync(["mkfifo", paths.config])
    const open = openFilesIn(folder)
    for (const _ of [1, 2]) expect(() => readConfig(paths)).toThrow("it is no file")
    expect(openFilesIn(folder)).toBe(open)
  })

  test("that is made for the first time leaves nothing beside it", () => {
    createConfig(paths, config as never)
    expect(requireConfig(paths)).toEqual(config as never)
    expect(readdirSync(paths.home)).toEqual([".sento-config.json"])
  })

  test("that may not be read is told so", () => {
    write("{}")
    chmodSync(paths.config, 0)
    chmodSync(paths.home, 0o755)
    asNobody(() =>
      expect(errorOf(() => readConfig(paths))[1]).toBe(
        "cannot read HOME/.sento-config.json: permission denied",
      ),
    )
  })
})

/** What lies there is another user's, to whoever this process is while `act` runs. */
function whereAnothers(path: string, act: () => void): void {
  const another = process.getuid?.() === 0 ? 12_345 : (process.getuid?.() ?? 0)
  lchownSync(path, another, process.getuid?.() === 0 ? another : (process.getgid?.() ?? 0))
  const euid = process.geteuid
  process.geteuid = () => 54_321
  try {
    act()
  } finally {
    process.geteuid = euid
  }
}

describe("what another user put there is not ours", () => {
  test("a config is not read", () => {
    write(JSON.stringify(config))
    whereAnothers(paths.config, () =>
      expect(errorOf(() => readConfig(paths))[1]).toStartWith(
        "HOME/.sento-config.json belongs to another user (uid ",
      ),
    )
  })

  test.each(["folder", "database", "lock", "log", "ownerSocket", "agentSocket"] as const)(
    "with its %s the folder is not used",
    name => {
      mkdirSync(paths.folder)
      if (name !== "folder") writeFileSync(paths[name], "")
      whereAnothers(paths[name], () =>
        expect(errorOf(() => makeFolder(paths))[1]).toContain(" belongs to another user (uid "),
      )
    },
  )
})

describe("the folder beside it", () => {
  test("is made with what leads to it, for its owner alone", () => {
    const deep = { ...paths, folder: join(paths.home, "a/b/.sento") }
    makeFolder(deep)
    expect(statSync(deep.folder).mode & 0o777).toBe(0o700)
    makeFolder(deep)
  })

  test.each([
    [0o755, 0o700],
    [0o740, 0o700],
    [0o701, 0o700],
    [0o710, 0o700],
    [0o700, 0o700],
    [0o500, 0o500],
  ])("of mode %o becomes %o", (mode, is) => {
    mkdirSync(paths.folder)
    chmodSync(paths.folder, mode)
    makeFolder(paths)
    expect(statSync(paths.folder).mode & 0o777).toBe(is)
  })

  test("that is a file is in the way", () => {
    writeFileSync(paths.folder, "")
    expect(errorOf(() => makeFolder(paths))).toEqual([
      "config",
      "cannot use HOME/.sento: it is no directory",
      "see `ls -ld HOME/.sento`, and move away what is no directory",
    ])
  })
})
