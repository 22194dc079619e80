/** What `sento doctor` says of setups: on temporary homes, with what `sento setup` wrote and what became of it. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { AgentProcess } from "../../src/commands/agent-process.ts"
import type { Finding } from "../../src/commands/doctor-peer.ts"
import { checkSetups, hasTools, type SetupLook } from "../../src/commands/doctor-setup.ts"
import { hooksTrusted } from "../../src/commands/setup/codex-trust.ts"
import { findSetup } from "../../src/commands/setup/programs.ts"
import { noteSetup, recordOf } from "../../src/commands/setup/records.ts"
import { hooksOf } from "../../src/commands/setup/scope.ts"
import { setUp } from "../../src/commands/setup.ts"
import { type AgentProgramName, agentProgramNames } from "../../src/protocol/names.ts"
import { setupsPath } from "../../src/store/homes.ts"

let home = ""
let sento: readonly [string] = [""]
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sento-doctor-"))
  sento = [program("bin/sento")]
  mkdirSync(join(home, "work"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function program(path: string): string {
  write(path, "#!/bin/sh\n")
  chmodSync(join(home, path), 0o755)
  return join(home, path)
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true })
  writeFileSync(join(home, path), text)
}

const edit = (path: string, change: (text: string) => string): void =>
  write(path, change(readFileSync(join(home, path), "utf8")))

type Where = {
  readonly sento?: readonly [string]
  readonly project?: string
  readonly environment?: Record<string, string>
}

const found = (name: AgentProgramName, { project, environment, ...more }: Where = {}) =>
  findSetup(name, {
    sento: more.sento ?? sento,
    project: project === undefined ? null : join(home, project),
    environment: { HOME: home, ...environment },
  })

const setUpHere = (name: AgentProgramName, where?: Where) => setUp(found(name, where), false)

const running = (name: AgentProgramName, more: Partial<AgentProcess> = {}): AgentProcess => ({
  pid: 7,
  name,
  arguments: [],
  environment: { HOME: home },
  directory: join(home, "work"),
  startedAt: Date.now() + 3_600_000,
  hasServer: false,
  ...more,
})

const look = (more: Partial<SetupLook> = {}): SetupLook => ({
  environment: { HOME: home },
  cwd: "/",
  config: { tmux: { session: "mira", socket: null, profile: null } },
  running: null,
  sento,
  said: "sento",
  ...more,
})

/** Each with the home's path as `~`. */
const check = (more?: Partial<SetupLook>): Finding[] =>
  JSON.parse(JSON.stringify(checkSetups(look(more))).replaceAll(home, "~"))

describe.each(agentProgramNames)("of %s", name => {
  const check_ = `${name}'s setup`
  const fix = `run \`sento setup ${name}\``

  test("nothing is said where it neither runs nor was set up", () => expect(check()).toEqual([]))

  test.each(["in the pane", "configured"])("never run, %s", where => {
    const more =
      where === "configured"
        ? look({ config: { tmux: { session: "mira", socket: null, profile: name } } })
        : { running: running(name) }
    expect(check(more)).toEqual([{ check: check_, is: expect.stringContaining("never run"), fix }])
    expect(hasTools(look(more))).toBe(false)
  })

  test("told of by other means, as its server shows", () => {
    const more = { running: running(name, { hasServer: true }) }
    expect(check(more)).toEqual([{ check: check_, is: expect.stringContaining("not by"), fix: null }])
    expect(hasTools(look(more))).toBe(true)
  })

  test("right, whoever runs", () => {
    setUpHere(name)
    const [one, ...others] = check()
    expect(others).toEqual([])
    expect(one).toMatchObject({ check: check_, fix: name === "codex" ? expect.any(String) : null })
    expect(hasTools(look({ running: running(name) }))).toBe(true)
  })

  test("one that the program in the pane has not read, as it was started before", () => {
    setUpHere(name)
    const early = running(name, { startedAt: Date.now() - 3_600_000 })
    expect(check({ running: early })).toEqual([
      { check: check_, is: `is newer than the ${name} that runs`, fix: expect.stringContaining("anew") },
    ])
    const reloaded = { ...early, hasServer: true }
    expect(check({ running: reloaded })[0]?.is).not.toContain("newer")
    utimesSync(found(name).parts[0]?.path ?? "", 0, 0)
    expect(check({ running: early })[0]?.is).not.toContain("newer")
  })

  test("right by a link to the same file", () => {
    symlinkSync(sento[0], join(home, "sento"))
    setUpHere(name, { sento: [join(home, "sento")] })
    expect(check().map(({ is }) => is)).not.toContainEqual(expect.stringContaining("runs here"))
  })

  test("written for another path", () => {
    setUpHere(name, { sento: [program("old/sento")] })
    expect(check()).toEqual([{ check: check_, is: "starts ~/old/sento, and ~/bin/sento runs here", fix }])
  })

  test.each([
    ["moved", (path: string) => rmSync(path)],
    ["no program any more", (path: string) => chmodSync(path, 0o644)],
  ])("its binary was %s", (_, change) => {
    const old = program("old/sento")
    setUpHere(name, { sento: [old] })
    change(old)
    expect(check()).toEqual([
      { check: check_, is: expect.stringContaining("starts ~/old/sento, which is not there"), fix },
    ])
    expect(hasTools(look({ running: running(name) }))).toBe(false)
  })

  test("each file of it that another version wrote, or that is gone, is named, and setup mends it", () => {
    const { parts } = found(name)
    setUpHere(name)
    const last = parts.at(-1)?.path ?? ""
    rmSync(last)
    const wrong = {
      check: check_,
      is: `is not as this version of sento writes it: ${last.replace(home, "~")}`,
      fix,
    }
    expect(check()).toEqual([wrong])
    setUpHere(name)
    expect(check()).not.toEqual([wrong])
    edit(last.slice(home.length + 1), text => text.replace("agent", "agents"))
    expect(check()).toEqual([wrong])
  })

  test("what cannot be read or written is told in setup's own words", () => {
    setUpHere(name)
    const [first] = found(name).parts
    linkSync(first?.path ?? "", join(home, "second"))
    rmSync(found(name).parts.at(-1)?.path ?? "")
    edit((first?.path ?? "").slice(home.length + 1), () => "{")
    expect(check()).toEqual([{ check: check_, is: expect.stringContaining("~/"), fix: expect.any(String) }])
  })

  test("in the directory where it works, and not beside the user's", () => {
    setUpHere(name, { project: "work" })
    const own = { running: running(name) }
    expect(check(own)).toMatchObject([{ check: `${check_} in ~/work` }])
    setUpHere(name)
    const twice = {
      check: `${check_} in ~/work`,
      is: "is there beside the one for the user, and both are read",
      fix: `run \`cd ~/work && sento setup ${name} --project --undo\``,
    }
    expect(check(own)).toContainEqual(twice)
    expect(check(look({ ...own, cwd: join(home, "work") }))).toContainEqual({
      ...twice,
      fix: `run \`sento setup ${name} --project --undo\``,
    })
  })

  test("a project's that was noted, and whose binary is gone", () => {
    const old = program("old/sento")
    const where = { project: "work", sento: [old] } as const
    setUpHere(name, where)
    const scope = { sento: [old], project: join(home, "work"), environment: { HOME: home } } as const
    noteSetup(recordOf(name, scope, found(name, where)), setupsPath(home))
    rmSync(old)
    expect(check()).toEqual([
      {
        check: `${check_} in ~/work`,
        is: expect.stringContaining("~/old/sento, which is not there"),
        fix: `run \`cd ~/work && sento setup ${name} --project\``,
      },
    ])
    rmSync(join(home, "work"), { recursive: true })
    expect(check()).toEqual([])
  })

  test("it is looked for where the program in the pane reads it", () => {
    setUpHere(name)
    const away = running(name, { environment: { HOME: join(home, "away") } })
    expect(check({ running: away })[0]).toEqual({
      check: check_,
      is: expect.stringContaining("never run"),
      fix: `run \`HOME=~/away sento setup ${name}\``,
    })
  })
})

test.each([
  ["claude", "CLAUDE_CONFIG_DIR"],
  ["codex", "CODEX_HOME"],
  ["gemini", "GEMINI_CLI_HOME"],
  ["opencode", "XDG_CONFIG_HOME"],
] as const)("the directory that %s was started with is in the command", (name, variable) => {
  const there = { HOME: home, [variable]: join(home, "its own") }
  expect(check({ running: running(name, { environment: there }) })[0]?.fix).toBe(
    `run \`${variable}='~/its own' sento setup ${name}\``,
  )
  const unset = { running: running(name), environment: there }
  expect(check(unset)[0]?.fix).toBe(`run \`env -u ${variable} sento setup ${name}\``)
})

test("setups of other programs are told of, and not asked for", () => {
  setUpHere("gemini")
  expect(check({ running: running("claude") })).toEqual([
    expect.objectContaining({ check: "claude's setup", fix: "run `sento setup claude`" }),
    { check: "gemini's setup", is: "right", fix: null },
  ])
})

describe("Codex", () => {
  const untrusted = {
    check: "codex's setup",
    is: "Codex does not run its hooks: they wait for your yes",
    fix: "start Codex anew and say yes to them, or type `/hooks` in it",
  }
  const right = { check: "codex's setup", is: "right", fix: null }
  /** As Codex 0.169.0 itself hashes these two, by its `hooks/list`. */
  const command = "/usr/bin/bun /src/sento/src/main.ts hook"
  const hashes = {
    user_prompt_submit: "72ccd51fe1f407e031f3a703fe9c98c5d21c0a8e79cc3a1d0a76cb5e647e5217",
    stop: "23011aee354ac082b7d3aef4d15a40cbc548e1b069af1bba47a41d64ba7879c7",
  }
  const trust = (place: string, numbers = "0:0", more = ""): void =>
    edit(
      ".codex/config.toml",
      text =>
        `${text}\n[hooks.state]\n${Object.entries(hashes)
          .map(
            ([event, hash]) =>
              `[hooks.state."${home}/${place}:${event}:${numbers}"]\ntrusted_hash = "sha256:${hash}"\n${more}`,
          )
          .join("\n")}`,
    )
  const own = ["/usr/bin/bun", "/src/sento/src/main.ts"] as const
  const setUpMeasured = () =>
    setUp(findSetup("codex", { sento: own, project: null, environment: { HOME: home } }), false)
  const link = (): string => {
    symlinkSync(join(home, ".codex"), join(home, "link"))
    return join(home, "link")
  }

  test("its hooks wait for a yes, and run after it", () => {
    setUpHere("codex")
    expect(check()).toEqual([untrusted])
  })

  test("the hash is Codex' own", () => {
    setUpMeasured()
    const entries = hooksOf(own, ["UserPromptSubmit", "Stop"], 10)
    expect(JSON.stringify(entries)).toContain(`${command} Stop`)
    const isTrusted = (): boolean =>
      hooksTrusted(join(home, ".codex/config.toml"), join(home, ".codex/hooks.json"), entries)
    expect(isTrusted()).toBe(false)
    trust(".codex/hooks.json", "1:0")
    expect(isTrusted()).toBe(false)
    edit(".codex/config.toml", text => text.replaceAll(":1:0", ":0:0").replaceAll(`${home}/.codex`, link()))
    expect(isTrusted()).toBe(true)
    edit(".codex/hooks.json", text => text.replaceAll('"timeout": 10', '"timeout": 11'))
    expect(isTrusted()).toBe(false)
  })

  test.each([
    ["a hook turned off", "enabled = false\n", false],
    ["one left on", "enabled = true\n", true],
  ])("%s", (_, more, wanted) => {
    setUpMeasured()
    trust(".codex/hooks.json", "0:0", more)
    const entries = hooksOf(own, ["UserPromptSubmit", "Stop"], 10)
    const paths = [join(home, ".codex/config.toml"), join(home, ".codex/hooks.json")] as const
    expect(hooksTrusted(...paths, entries)).toBe(wanted)
  })

  test("one that was started without asking runs them", () => {
    setUpHere("codex")
    const bold = running("codex", { arguments: ["--dangerously-bypass-hook-trust"] })
    expect(check({ running: bold })).toEqual([right])
  })

  test("its server gets the variables that it needs now, beside its owner's", () => {
    setUpHere("codex")
    edit(".codex/config.toml", text => text.replace(/env_vars = .*/, 'env_vars = ["SENTO_HOME", "MINE"]'))
    expect(check()).toEqual([
      {
        check: "codex's setup",
        is: "is not as this version of sento writes it: ~/.codex/config.toml",
        fix: "run `sento setup codex`",
      },
    ])
    setUpHere("codex")
    expect(check()).toEqual([untrusted])
    expect(readFileSync(join(home, ".codex/config.toml"), "utf8")).toContain(
      'env_vars = ["SENTO_HOME", "MINE", "SENTO_DOOR", "SENTO_AGENT", "TMUX", "TMUX_PANE", "TMUX_TMPDIR"]',
    )
  })
})

test("OpenCode's slow first start is told before it is felt, and not after it", () => {
  setUpHere("opencode")
  expect(check()).toEqual([
    { check: "opencode's setup", is: expect.stringContaining("npm registry"), fix: null },
  ])
  mkdirSync(join(home, ".config/opencode/node_modules/@opencode-ai/plugin"), { recursive: true })
  expect(check()).toEqual([{ check: "opencode's setup", is: "right", fix: null }])
})
