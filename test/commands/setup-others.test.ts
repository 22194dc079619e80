/** What belongs to others while `sento setup` works: their hooks, their links and pipes, and what they write meanwhile. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import {
  existsSync,
  linkSync,
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
import { dirname, join } from "node:path"
import { findSetup } from "../../src/commands/setup/programs.ts"
import type { ProgramSetup } from "../../src/commands/setup/scope.ts"
import { setUp } from "../../src/commands/setup.ts"
import { shellWord, shellWords } from "../../src/protocol/shell.ts"
import { built } from "../support/world.ts"

let home = ""
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sento-others-"))
  mkdirSync(join(home, ".codex"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(home, path)), { recursive: true })
  writeFileSync(join(home, path), text)
}
const read = (path: string): string => readFileSync(join(home, path), "utf8")

const codex = (): ProgramSetup =>
  findSetup("codex", {
    sento: ["/opt/new/sento"],
    project: null,
    environment: { CODEX_HOME: join(home, ".codex") },
  })

const hooks = ".codex/hooks.json"
const withHook = (command: string): string =>
  `{\n  "hooks": {\n    "Stop": [\n      ${JSON.stringify({ hooks: [{ type: "command", command }] })}\n    ]\n  }\n}\n`

describe("a hook is ours by all of its words", () => {
  const ours = "/opt/old/sento hook Stop"

  test.each([
    "bun /home/me/claude-hooks/src/main.ts hook Stop",
    "/usr/bin/bun /home/me/claude-hooks/src/main.ts hook Stop",
    "python3 /home/me/sento_notify.py --kind hook Stop",
    "cd /work && SENTO_HOME=/b /usr/bin/sento hook Stop",
    "tee -a /var/log/sento.log | logger hook Stop",
    "/usr/bin/sentora hook Stop",
    "/usr/bin/sento-notify hook Stop",
    "/usr/bin/sento.sh hook Stop",
    "sento hook Stop",
    "bin/sento hook Stop",
    "/usr/bin/env /opt/old/sento hook Stop",
    "SENTO_HOME=/b /opt/old/sento hook Stop",
    "'/my sento hook Stop'",
    '"/opt/old/sento" hook Stop',
    "/opt/old/sento 'hook Stop'",
    "/opt/old/sento hook SubagentStop",
    "/opt/old/sento hook",
    ...[
      "&",
      "|",
      ";",
      "#",
      ">",
      "<",
      "$",
      "`",
      "(",
      ")",
      "\\",
      "\n",
      "\t",
      " ",
      "*",
      "~",
      "x",
      "--x",
      "'",
    ].flatMap(sign => [`${sign} ${ours}`, `${sign}${ours}`, `${ours} ${sign}`, `${ours}${sign}`]),
  ])("and %j stays, with setup and with the undo", command => {
    write(hooks, withHook(command))
    setUp(codex(), true)
    expect(read(hooks)).toBe(withHook(command))
    setUp(codex(), false)
    expect(JSON.parse(read(hooks)).hooks.Stop.map((one: typeof group) => one.hooks[0]?.command)).toEqual([
      command,
      "/opt/new/sento hook Stop",
    ])
    setUp(codex(), true)
    expect(read(hooks)).toBe(withHook(command))
  })
  const group = { hooks: [{ command: "" }] }

  test.each([
    ours,
    "'/opt/old dir/sento' hook Stop",
    "'/it'\\''s/sento' hook Stop",
    "/opt/sento-0.0.9 hook Stop",
    "/opt/sento-linux-x64 hook Stop",
    "/opt/sento-linux-arm64-musl hook Stop",
    "/opt/sento-darwin-arm64 hook Stop",
  ])("and %j is the one of an older sento", command => {
    write(hooks, withHook(command))
    setUp(codex(), false)
    expect(read(hooks)).not.toContain(JSON.stringify(command).slice(1, -1))
    setUp(codex(), true)
    expect(existsSync(join(home, hooks))).toBe(false)
  })

  test.each([
    ["sento", false],
    ["claude-hooks", true],
  ])("and one from the source of a package %s is that package's", (name, isKept) => {
    write("source/package.json", JSON.stringify({ name }))
    const command = `/usr/bin/bun ${home}/source/src/main.ts hook Stop`
    write(hooks, withHook(command))
    setUp(codex(), false)
    expect(read(hooks).includes(command)).toBe(isKept)
  })

  test("words are read as they are written, whatever stands in them", () => {
    const signs = Array.from({ length: 0x80 }, (_, point) => String.fromCharCode(point))
    const words = [...signs, ...signs.map(sign => `a${sign}${sign}b`), ...signs.map(sign => `'${sign}'`)]
    expect(shellWords(words.map(shellWord).join(" "))).toEqual(words)
    for (const word of words) expect(shellWords(`x ${shellWord(word)}`)).toEqual(["x", word])
  })
})

/** Ends at once; the socket's file stays. */
const listening =
  "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))"

describe("what is no regular file is refused, at once, and stays", () => {
  /** As root the device of the machine itself would be at stake; root of a container may make none. */
  function makeDevice(path: string): void {
    if (process.getuid?.() === 0) Bun.spawnSync(["mknod", path, "c", "1", "3"])
    else symlinkSync("/dev/null", path)
  }

  function makeLinked(path: string): void {
    symlinkSync("device", path)
    makeDevice(join(dirname(path), "device"))
  }

  test.each([
    ["a named pipe", path => void Bun.spawnSync(["mkfifo", path])],
    ["a device", makeDevice],
    ["a link to a device", makeLinked],
    ["a socket", path => void Bun.spawnSync(["bun", "-e", listening, path])],
    ["a directory", path => void mkdirSync(path)],
  ] as [string, (path: string) => void][])("%s", (name, make) => {
    const path = join(home, hooks)
    make(path)
    if (name.includes("device") && !existsSync(path)) return
    const before = [lstatSync(path).mode, statSync(path).mode]
    for (const words of [["codex"], ["codex", "--undo"]]) {
      const ran = Bun.spawnSync([...built, "setup", ...words], {
        env: { PATH: "/usr/bin:/bin", HOME: home },
        timeout: 60_000,
      })
      expect([ran.exitCode, ran.stderr.toString()]).toEqual([
        78,
        expect.stringContaining(
          `cannot read ${path}: it is ${name === "a directory" ? "a directory" : "no regular file"}`,
        ),
      ])
    }
    expect([lstatSync(path).mode, statSync(path).mode]).toEqual(before)
    expect(readdirSync(join(home, ".codex"))).not.toContain("config.toml")
  })
})

describe("a file with a second name", () => {
  test("is refused where it would change, both names named as one, and nothing is written", () => {
    write("dot.toml", 'model = "x"\n')
    linkSync(join(home, "dot.toml"), join(home, ".codex/config.toml"))
    expect(() => setUp(codex(), false)).toThrow(
      `${join(home, ".codex/config.toml")} has 2 names (hard links)`,
    )
    expect(readdirSync(join(home, ".codex"))).toEqual(["config.toml"])
    expect([read("dot.toml"), statSync(join(home, "dot.toml")).nlink]).toEqual(['model = "x"\n', 2])
  })

  test("is no matter where nothing of it changes", () => {
    setUp(codex(), false)
    linkSync(join(home, ".codex/config.toml"), join(home, "dot.toml"))
    expect(setUp(codex(), false)).toEqual([])
    expect(() => setUp(codex(), true)).toThrow("has 2 names")
    rmSync(join(home, "dot.toml"))
    setUp(codex(), true)
    expect(readdirSync(join(home, ".codex"))).toEqual([])
  })
})

describe("what an agent program writes between our look and our word", () => {
  /** The program writes a file whenever it was read, so many times. */
  function written(
    path: string,
    times: number,
    isUndo = false,
  ): { readonly program: ProgramSetup; count(): number } {
    let count = 0
    const { parts, ...rest } = codex()
    const meanwhile = (one: string, text: string | null): void => {
      if (one !== join(home, path) || count === times) return
      count += 1
      writeFileSync(one, `${text ?? ""}${path.endsWith("toml") ? `# theirs ${count}` : ""}\n`)
    }
    const program = {
      ...rest,
      parts: parts.map(part => ({
        ...part,
        with(text: string | null) {
          const result = part.with(text)
          if (!isUndo) meanwhile(part.path, text)
          return result
        },
        without(text: string | null) {
          const result = part.without(text)
          if (isUndo) meanwhile(part.path, text)
          return result
        },
      })),
    }
    return { program, count: () => count }
  }

  test.each([
    ["a file that was there", 'model = "x"\n', 1],
    ["one that was not there", null, 1],
    ["four times over", 'model = "x"\n', 4],
  ])("is kept beside ours: %s", (_, text, times) => {
    if (text !== null) write(".codex/config.toml", text)
    const { program, count } = written(".codex/config.toml", times)
    setUp(program, false)
    expect(count()).toBe(times)
    for (let i = 1; i <= times; i += 1) expect(read(".codex/config.toml")).toContain(`# theirs ${i}`)
    expect(read(".codex/config.toml")).toContain("[mcp_servers.sento]")
    expect(read(hooks)).toContain("hook Stop")
  })

  test("in the second file, the first being written already", () => {
    write(hooks, "{}")
    const { program } = written(hooks, 1)
    setUp(program, false)
    expect(read(hooks)).toContain("hook Stop")
    setUp(codex(), true)
    expect([read(hooks), readdirSync(join(home, ".codex"))]).toEqual(["{}\n", ["hooks.json"]])
  })

  test("is kept by the undo", () => {
    setUp(codex(), false)
    setUp(written(".codex/config.toml", 1, true).program, true)
    expect(read(".codex/config.toml")).toBe("# theirs 1\n")
  })

  test("without end is refused, and the last word is theirs", () => {
    write(hooks, "{}")
    expect(() => setUp(written(hooks, 1000).program, false)).toThrow(`${join(home, hooks)} was changed while`)
    expect(read(hooks).trim()).toBe("{}")
    expect(readdirSync(join(home, ".codex"))).toEqual(["hooks.json"])
  })
})
