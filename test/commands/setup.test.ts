/** `sento setup` on empty and on lived-in homes: what it writes, what it leaves alone, and `--undo`. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { findSetup } from "../../src/commands/setup/programs.ts"
import { apply as applyChanges, changesOf } from "../../src/commands/setup.ts"
import { agentProgramNames } from "../../src/protocol/names.ts"
import { type Files, livedIn } from "../support/agent-homes.ts"
import { built, type Ran } from "../support/world.ts"

let home = ""
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sento-setup-"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function write(files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, path)), { recursive: true })
    writeFileSync(join(home, path), text)
  }
}

const read = (path: string): string => readFileSync(join(home, path), "utf8")
const edit = (path: string, change: (text: string) => string): void => write({ [path]: change(read(path)) })

/** Everything below the home: bytes, modes, links and directories; but for the list of setups (setup-records.test.ts). */
function everything(): Record<string, string> {
  const paths = readdirSync(home, { recursive: true, encoding: "utf8" })
    .filter(path => path !== ".sento" && path !== ".sento/setups.json")
    .sort()
  return Object.fromEntries(
    paths.map(path => {
      const stat = lstatSync(join(home, path))
      if (stat.isDirectory()) return [path, "directory"]
      if (stat.isSymbolicLink()) return [path, `→ ${readlinkSync(join(home, path))}`]
      return [path, `${(stat.mode & 0o777).toString(8)} ${read(path)}`]
    }),
  )
}

function setup(words: string, command: readonly string[] = built, env: Record<string, string> = {}): Ran {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command, "setup", ...words.split(" ")], {
    cwd: join(home, "work"),
    env: { PATH: "/usr/bin:/bin", HOME: home, ...env },
  })
  return { exit: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

const programs = agentProgramNames
const scopes = programs.flatMap(program => [program, `${program} --project`])

describe.each(scopes)("sento setup %s", words => {
  test("on an empty home, a second run changes nothing, and the undo leaves nothing", () => {
    write({ "work/.keep": "" })
    const before = everything()
    const first = setup(words)
    expect(first.exit).toBe(0)
    const after = everything()
    expect(first.stderr.split("\n").filter(line => line.startsWith("wrote ")).length).toBe(
      Object.keys(after).filter(path => !(path in before) && after[path] !== "directory").length,
    )
    expect(setup(words).stderr).toContain("is set up already; nothing changed")
    expect(everything()).toEqual(after)
    expect(setup(`${words} --undo`).exit).toBe(0)
    expect(everything()).toEqual(before)
    expect(setup(`${words} --undo`).stderr).toStartWith("nothing of sento's is there")
  })

  test("`--print` shows it and writes nothing", () => {
    write({ "work/.keep": "" })
    const before = everything()
    const { exit, stdout } = setup(`${words} --print`)
    expect(exit).toBe(0)
    expect(stdout).toContain("mcp")
    expect(stdout).toContain("not from your owner")
    expect(everything()).toEqual(before)
  })

  test.each(Object.keys(livedIn))(
    "on a home where somebody lives, the undo gives back every byte: %s",
    name => {
      write({ "work/.keep": "", ".claude/.keep": "", ".codex/.keep": "", ...livedIn[name] })
      const before = everything()
      expect(apply(words, false)).toBeGreaterThan(0)
      const after = everything()
      expect(apply(words, false)).toBe(0)
      expect(everything()).toEqual(after)
      apply(words, true)
      expect(everything()).toEqual(before)
    },
  )
})

/** What the command does, in this process: how many files it changes. */
function apply(words: string, isUndo: boolean): number {
  const [name = "", isProject] = words.split(" ")
  const environment = {
    CLAUDE_CONFIG_DIR: join(home, ".claude"),
    CODEX_HOME: join(home, ".codex"),
    GEMINI_CLI_HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
  }
  const project = isProject === undefined ? null : join(home, "work")
  const program = findSetup(name, { sento: ["/opt/sento"], project, environment })
  const changes = changesOf(program, isUndo)
  applyChanges(program, changes)
  return changes.length
}

describe("what it writes into a file that is there", () => {
  test("Codex' config keeps its servers and gets one more, Codex' hooks one group at the end of each list", () => {
    write({ "work/.keep": "", ...livedIn.tidy })
    const before = Bun.TOML.parse(read(".codex/config.toml")) as { mcp_servers: Record<string, unknown> }
    const hooks = JSON.parse(read(".codex/hooks.json")) as { hooks: Record<string, unknown[]> }
    setup("codex")
    const after = Bun.TOML.parse(read(".codex/config.toml")) as typeof before
    const sento = {
      command: built[0],
      args: ["mcp"],
      env_vars: ["SENTO_HOME", "SENTO_DOOR", "SENTO_AGENT", "TMUX", "TMUX_PANE", "TMUX_TMPDIR"],
      tool_timeout_sec: 660,
    }
    expect(after).toEqual({ ...before, mcp_servers: { ...before.mcp_servers, sento } })
    const group = (event: string) => ({
      hooks: [{ type: "command", command: `${built[0]} hook ${event}`, timeout: 10 }],
    })
    expect(JSON.parse(read(".codex/hooks.json"))).toEqual({
      ...hooks,
      hooks: {
        ...hooks.hooks,
        UserPromptSubmit: [group("UserPromptSubmit")],
        Stop: [...(hooks.hooks.Stop ?? []), group("Stop")],
      },
    })
  })

  test("OpenCode's settings keep their comments, in the file that is there", () => {
    write({ "work/.keep": "", ...livedIn.untidy })
    const before = Bun.JSONC.parse(read(".config/opencode/opencode.jsonc")) as {
      mcp: Record<string, unknown>
    }
    setup("opencode")
    const sento = { type: "local", command: [built[0], "mcp"], timeout: 660_000 }
    expect(Bun.JSONC.parse(read(".config/opencode/opencode.jsonc"))).toEqual({
      ...before,
      mcp: { ...before.mcp, sento },
    })
    expect(readdirSync(join(home, ".config/opencode"))).not.toContain("opencode.json")
  })

  test("the mode of a file stays, and a symbolic link stays one", () => {
    write({ "work/.keep": "", "dotfiles/codex.toml": 'model = "gpt-5"\n' })
    chmodSync(join(home, "dotfiles/codex.toml"), 0o600)
    mkdirSync(join(home, ".codex"))
    symlinkSync("../dotfiles/codex.toml", join(home, ".codex/config.toml"))
    symlinkSync("../dotfiles/hooks.json", join(home, ".codex/hooks.json"))
    const before = everything()
    setup("codex")
    expect(lstatSync(join(home, ".codex/config.toml")).isSymbolicLink()).toBe(true)
    expect(read("dotfiles/codex.toml")).toContain("[mcp_servers.sento]")
    expect(statSync(join(home, "dotfiles/codex.toml")).mode & 0o777).toBe(0o600)
    expect(read("dotfiles/hooks.json")).toContain("hook Stop")
    setup("codex --undo")
    expect(everything()).toEqual(before)
  })

  test("a sento that lies elsewhere now is put in the place of the old one, and taken out all the same", () => {
    write({ "work/.keep": "", ...livedIn.tidy })
    const before = everything()
    setup("codex")
    for (const path of [".codex/config.toml", ".codex/hooks.json"])
      edit(path, text => text.replaceAll(built[0] ?? "", "/opt/old dir/sento-0.0.9"))
    edit(".codex/hooks.json", text =>
      text.replaceAll("/opt/old dir/sento-0.0.9", "'/opt/old dir/sento-0.0.9'"),
    )
    const moved = everything()
    setup("codex --undo")
    expect(everything()).toEqual(before)
    write({ ".codex/config.toml": (moved[".codex/config.toml"] ?? "").slice(4) })
    setup("codex")
    expect(read(".codex/config.toml").match(/^command = .*sento/gm)).toHaveLength(1)
    expect(read(".codex/config.toml")).toContain(`command = "${built[0]}"`)
  })
})

describe("what others did to the files meanwhile survives the undo", () => {
  test("settings before and after ours, in JSON", () => {
    write({ "work/.keep": "", ...livedIn.untidy })
    const path = ".config/opencode/opencode.jsonc"
    const change = (text: string): string =>
      text
        .replace('"theme": "system"', '"theme": "dark"')
        .replace(/\}\s*$/, '  "autoupdate": false, // mine\n}')
    const untouched = change(read(path))
    setup("opencode")
    edit(path, change)
    setup("opencode --undo")
    expect(Bun.JSONC.parse(read(path))).toEqual(Bun.JSONC.parse(untouched))
    expect(read(path)).toBe(untouched)
  })

  test("another entry in the file that setup made", () => {
    write({ "work/.keep": "" })
    setup("opencode")
    edit(".config/opencode/opencode.json", text =>
      text.replace('"mcp": {', '"mcp": {\n    "mine": { "type": "remote" },'),
    )
    setup("opencode --undo")
    expect(JSON.parse(read(".config/opencode/opencode.json"))).toEqual({ mcp: { mine: { type: "remote" } } })
  })

  test("tables and comments after ours, and keys that were added to ours go with it", () => {
    write({ "work/.keep": "", ...livedIn.tidy })
    const before = read(".codex/config.toml")
    setup("codex")
    edit(
      ".codex/config.toml",
      text => `${text}startup_timeout_sec = 5\n\n# mine\n[projects."/x"]\ntrust_level = "trusted"\n`,
    )
    setup("codex --undo")
    expect(read(".codex/config.toml")).toBe(`${before}\n# mine\n[projects."/x"]\ntrust_level = "trusted"\n`)
  })

  /** Seen with `codex mcp add two` and `codex mcp remove one` of Codex 0.169.0: comments go, tables move. */
  test("a server that Codex itself put behind ours, dropping the comment", () => {
    const foreign = '[mcp_servers.two]\ncommand = "/bin/echo"\nargs = ["mcp"]\n'
    write({ "work/.keep": "" })
    setup("codex")
    edit(".codex/config.toml", text => `${text.replace(/^#.*\n/, "")}\n${foreign}`)
    setup("codex --undo")
    expect(read(".codex/config.toml")).toBe(`\n${foreign}`)
  })

  test("a folder of ours that somebody put a file into stays, with that file alone", () => {
    write({ "work/.keep": "" })
    setup("claude")
    write({ ".claude/skills/sento/notes.md": "mine" })
    setup("claude --undo")
    const files = Object.values(everything()).filter(one => one !== "directory")
    expect(files.map(one => one.slice(4))).toEqual(["mine", ""])
  })
})

describe("what it refuses, with the file named and nothing written", () => {
  const refused = [
    [
      "broken JSON",
      "opencode",
      ".config/opencode/opencode.json",
      '{\n "a": 1\n "b": 2\n}',
      "line 3 is not JSON",
    ],
    [
      "JSON that is a list",
      "opencode",
      ".config/opencode/opencode.json",
      "[]",
      "the whole is something else there",
    ],
    [
      "an entry of the same name",
      "opencode",
      ".config/opencode/opencode.json",
      '{"mcp":{"sento":{"type":"remote","url":"x"}}}',
      "mcp.sento is there already and is not sento's",
    ],
    [
      "a null in the way",
      "opencode",
      ".config/opencode/opencode.json",
      '{"mcp":null}',
      "mcp is something else there",
    ],
    [
      "JSON too deep to read",
      "opencode",
      ".config/opencode/opencode.json",
      "[".repeat(50_000),
      "it is nested too deeply",
    ],
    ["broken TOML", "codex", ".codex/config.toml", "model = \n", "TOML"],
    [
      "TOML that closed the table",
      "codex",
      ".codex/config.toml",
      'mcp_servers = { x = { command = "y" } }\n',
      "Cannot",
    ],
    [
      "a server of the same name",
      "codex",
      ".codex/config.toml",
      '[mcp_servers.sento]\nurl = "http://x"\n',
      "is there already and is not sento's",
    ],
    [
      "a skill of the same name",
      "codex",
      ".codex/skills/sento/SKILL.md",
      "---\nname: sento\n---\nmine\n",
      "was not written by",
    ],
    ["a plugin of the same name", "claude", ".claude/skills/sento/.mcp.json", "{}", "was not written by"],
    [
      "bytes that are no UTF-8",
      "opencode",
      ".config/opencode/opencode.json",
      Buffer.from([123, 255, 125]),
      "it is not UTF-8",
    ],
  ] as const

  test.each(refused)("%s", (_, program, path, text, why) => {
    write({ "work/.keep": "" })
    mkdirSync(dirname(join(home, path)), { recursive: true })
    writeFileSync(join(home, path), text)
    const before = everything()
    const { exit, stderr } = setup(program)
    expect(exit).toBe(78)
    expect(stderr).toContain(join(home, path))
    expect(stderr).toContain(why)
    expect(stderr).toContain("sento: hint: ")
    expect(everything()).toEqual(before)
  })

  test("a project's link that would have our file written somewhere else", () => {
    write({ "work/.keep": "" })
    mkdirSync(join(home, "work/.opencode/plugins"), { recursive: true })
    symlinkSync(join(home, ".profile"), join(home, "work/.opencode/plugins/sento.js"))
    const before = everything()
    expect(setup("opencode --project")).toMatchObject({ exit: 78 })
    expect(everything()).toEqual(before)
  })

  /** Whoever runs the tests, root too: nothing can be made below /proc. */
  test("a file that cannot be written has the others put back, be they new or changed", () => {
    write({ "work/.keep": "", ".codex/config.toml": 'model = "x"\n' })
    symlinkSync("/proc/sento/hooks.json", join(home, ".codex/hooks.json"))
    const before = everything()
    const { exit, stderr } = setup("codex")
    expect(exit).toBe(78)
    expect(stderr).toContain(`cannot write ${join(home, ".codex/hooks.json")}`)
    expect(stderr).toContain("what was there is as it was")
    expect(everything()).toEqual(before)
  })

  test("what cannot be put back, because others wrote it since, is named and stays", () => {
    write({ "work/.keep": "", "work/one": "1\n", "work/two": "2\n" })
    const root = join(home, "work")
    const changes = [
      { path: join(root, "one"), before: "1\n", after: "2\n" },
      { path: join(root, "two"), before: "2\n", after: "3\n" },
      {
        get path() {
          write({ "work/two": "theirs\n" })
          return "/proc/sento/three"
        },
        before: null,
        after: "3\n",
      },
    ]
    const program = { parts: [], root, next: "" }
    expect(() => applyChanges(program, changes)).toThrow(
      expect.objectContaining({
        hint: expect.stringContaining(`changed already: ${join(root, "two")}`),
      }),
    )
    expect([read("work/one"), read("work/two")]).toEqual(["1\n", "theirs\n"])
  })
})

test("the program's own variable says where its files are, and that directory stays", () => {
  write({ "work/.keep": "", "elsewhere/.keep": "" })
  const before = everything()
  const env = { CODEX_HOME: join(home, "elsewhere") }
  setup("codex", built, env)
  expect(readdirSync(join(home, "elsewhere"))).toContain("hooks.json")
  setup("codex --undo", built, env)
  expect(everything()).toEqual(before)
})

test("a path that a shell would take apart is quoted in the hooks", () => {
  write({ "work/.keep": "" })
  const place = join(home, "it's; a $(place)")
  mkdirSync(place)
  Bun.spawnSync(["cp", "--reflink=auto", built[0] ?? "", join(place, "sento")])
  setup("claude", [join(place, "sento")])
  const { hooks } = JSON.parse(read(".claude/skills/sento/hooks/hooks.json"))
  const command: string = hooks.Stop[0].hooks[0].command
  const words = Bun.spawnSync(["sh", "-c", `printf '%s\\n' ${command}`]).stdout.toString()
  expect(words).toBe(`${place}/sento\nhook\nStop\n`)
})
