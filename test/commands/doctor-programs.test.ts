/** What `sento doctor` says of the environment and the sandbox of the program in the pane. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { AgentProcess } from "../../src/commands/agent-process.ts"
import { checkEnvironment } from "../../src/commands/doctor-environment.ts"
import type { Finding } from "../../src/commands/doctor-peer.ts"
import { checkPrograms } from "../../src/commands/doctor-programs.ts"
import { checkSandbox } from "../../src/commands/doctor-sandbox.ts"
import { checkVariables } from "../../src/commands/doctor-shared.ts"
import type { Io } from "../../src/commands/io.ts"
import type { AgentProgramName } from "../../src/protocol/names.ts"
import type { Config } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import type { SharedServerSigns } from "../../src/tmux/profile.ts"
import { codex } from "../../src/tmux/programs/codex.ts"
import type { SharedServer } from "../../src/tmux/shared-server.ts"

let home = ""
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sento-doctor-"))
  for (const [place, name] of [
    ["", "mira"],
    [".sento/agents/kai", "kai"],
    ["outside", "noa"],
  ] as const)
    write(
      join(place, ".sento-config.json"),
      JSON.stringify({
        version: 1,
        name,
        agent: "BsTn3u4tzx7bm-cVuHuj_g",
        listen: { hosts: [], port: 9876, names: [] },
        tmux: { session: name, socket: null, profile: null },
        agents: {},
      }),
    )
  program("bin/sento", "this one")
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true })
  writeFileSync(join(home, path), text)
}

function program(path: string, text: string): void {
  write(path, text)
  chmodSync(join(home, path), 0o755)
}

/** With the temporary home as `~`. */
const tilde = (findings: readonly Finding[]): Finding[] =>
  JSON.parse(JSON.stringify(findings).replaceAll(home, "~"))

const process = (environment: AgentProcess["environment"], name: AgentProgramName = "claude") => ({
  pid: 0,
  name,
  arguments: [],
  environment,
  directory: join(home, "work"),
  startedAt: 0,
  hasServer: false,
})

test("of a pane that is another user's nothing is said", async () => {
  const io = { environment: { HOME: home, PATH: "" }, cwd: () => home } as unknown as Io
  const hardened = { folder: "/run/sento", user: "agent" }
  const tmux = { session: "mira", socket: null, profile: "claude" as const }
  const config = { hardened, tmux, name: "mira" } as unknown as Config
  expect(await checkPrograms(io, pathsOf(home), config)).toEqual([])
  expect(await checkPrograms(io, pathsOf(home), { ...config, hardened: undefined })).not.toEqual([])
})

describe("the environment", () => {
  /** @param place - this agent's home, below the user's */
  const check = (variables: Record<string, string>, place = "", name = "mira"): Finding[] => {
    const absolute = Object.entries(variables).map(([key, value]) => [key, value.replaceAll("~", home)])
    const environment = { HOME: home, PATH: join(home, "bin"), ...Object.fromEntries(absolute) }
    const paths = pathsOf(join(home, place))
    return tilde(checkEnvironment(process(environment), paths, name, [join(home, "bin/sento")]))
  }
  const well = (name: string): Finding[] => [
    { check: "claude's environment", is: `speaks as ${name}`, fix: null },
  ]
  const wrong = (is: string, command: string): Finding[] => [
    {
      check: "claude's environment",
      is,
      fix: `end claude, run \`${command}\` in its shell, and start it anew`,
    },
  ]

  test.each([
    ["without a word, for the first agent", {}, "", "mira"],
    ["without a word, for another one", {}, ".sento/agents/kai", "kai"],
    ["by name", { SENTO_AGENT: "kai" }, ".sento/agents/kai", "kai"],
    ["by name before home", { SENTO_AGENT: "mira", SENTO_HOME: "~/outside" }, "", "mira"],
    ["by home", { SENTO_HOME: "~/outside/" }, "outside", "noa"],
    ["by door", { SENTO_DOOR: "~/.sento/agent.sock" }, "", "mira"],
    ["an empty variable is none", { SENTO_AGENT: "", SENTO_HOME: "", SENTO_DOOR: "" }, "", "mira"],
    ["by home, from another HOME", { HOME: "~/away", SENTO_HOME: "~" }, "", "mira"],
  ] as [string, Record<string, string>, string, string][])("is right: %s", (_, variables, place, name) =>
    expect(check(variables, place, name)).toEqual(well(name)),
  )

  test.each([
    [{ SENTO_AGENT: "kai" }, "", "SENTO_AGENT names kai, which is another agent", "unset SENTO_AGENT"],
    [
      { SENTO_AGENT: "old" },
      "",
      "SENTO_AGENT names old, and no agent of this user has that name",
      "unset SENTO_AGENT",
    ],
    [
      { SENTO_DOOR: "/run/sento/agent.sock" },
      "",
      "SENTO_DOOR names /run/sento/agent.sock, which is not mira's",
      "unset SENTO_DOOR",
    ],
    [
      { SENTO_HOME: "~/.sento/agents/kai" },
      "",
      "SENTO_HOME names ~/.sento/agents/kai, which is kai's",
      "unset SENTO_HOME",
    ],
    [{ SENTO_HOME: "~/none" }, "", "SENTO_HOME names ~/none, which is not there", "unset SENTO_HOME"],
    [{ SENTO_HOME: "~/bin" }, "", "SENTO_HOME names ~/bin, which is not mira's", "unset SENTO_HOME"],
    [{ SENTO_HOME: "~" }, "outside", "SENTO_HOME names ~, which is mira's", "export SENTO_HOME=~/outside"],
    [{ HOME: "~/away" }, "", "HOME is ~/away, where mira does not live", "export SENTO_HOME=~"],
  ] as [Record<string, string>, string, string, string][])(
    "names another: %o",
    (variables, place, is, command) => expect(check(variables, place)).toEqual(wrong(is, command)),
  )

  test("of an agent outside of the home directory needs its home", () =>
    expect(check({}, "outside", "noa")[0]?.fix).toContain("export SENTO_HOME=~/outside"))

  test("that cannot be read says nothing", () =>
    expect(checkEnvironment(process(null), pathsOf(home), "mira", ["/x/sento"])).toEqual([]))

  test("finds this sento by a link, a copy, or a script that may start it", () => {
    mkdirSync(join(home, "link"))
    symlinkSync(join(home, "bin/sento"), join(home, "link/sento"))
    mkdirSync(join(home, "copy"))
    copyFileSync(join(home, "bin/sento"), join(home, "copy/sento"))
    program("npm/sento", "#!/bin/sh\n")
    for (const folder of ["link", "copy", "npm"])
      expect(check({ PATH: `~/none:relative:~/${folder}:~/bin` })).toEqual(well("mira"))
  })

  test("finds another sento first", () => {
    program("old/sento", "\x7fELF, another one")
    expect(check({ PATH: "~/old:~/bin" })).toEqual(
      wrong("its PATH has ~/old/sento first, and ~/bin/sento runs here", 'export PATH=~/bin:"$PATH"'),
    )
  })

  test("finds no sento, and what is no program is none", () => {
    write("old/sento", "text")
    expect(check({ PATH: "~/old:~" })).toEqual(
      wrong("there is no `sento` on its PATH, and it will say `sento reply`", 'export PATH=~/bin:"$PATH"'),
    )
  })

  test("all that is wrong is told", () =>
    expect(check({ PATH: "/none", SENTO_AGENT: "kai" }).map(({ is }) => is)).toEqual([
      expect.stringContaining("kai"),
      expect.stringContaining("PATH"),
    ]))
})

describe("the server that Codex' sessions share", () => {
  const server: SharedServer = { pid: 7, signs: codex.sharedServer as SharedServerSigns }
  const check = (
    there: Record<string, string> | null,
    here: Record<string, string> | null = {},
  ): (string | null)[] => checkVariables(process(here, "codex"), server, there).map(({ is }) => is)
  const told = (what: string): string[] => [expect.stringContaining(`(pid 7), with ${what}: they may`)]

  test("is the same agent's, or says nothing", () => {
    expect(check({})).toEqual([])
    expect(check({ SENTO_AGENT: "kai" }, { SENTO_AGENT: "kai" })).toEqual([])
    expect(check({ SENTO_AGENT: "kai" }, null)).toEqual([])
    expect(check(null, { SENTO_AGENT: "kai" })).toEqual([])
  })

  test("names another agent, or none", () => {
    expect(check({ SENTO_AGENT: "kai" })).toEqual(told("SENTO_AGENT=kai"))
    expect(check({ SENTO_HOME: "/x" }, { SENTO_HOME: "/y" })).toEqual(told("SENTO_HOME=/x"))
    expect(check({}, { SENTO_HOME: "/y" })).toEqual(told("no SENTO_HOME"))
  })
})

describe("the sandbox", () => {
  const check = (
    name: AgentProgramName,
    { words = "", hasTools = true, ...variables }: Record<string, string | boolean>,
  ): Finding[] =>
    tilde(
      checkSandbox(
        {
          ...process(null, name),
          arguments: String(words).split(" "),
          environment: { HOME: home, ...(variables as Record<string, string>) },
        },
        hasTools === true,
        `sento setup ${name}`,
      ),
    )
  const json = (path: string, value: object): void => write(path, JSON.stringify(value))

  test.each([
    ["is not on", [], []],
    ["is on for the user", [".claude"], [{ enabled: true }]],
    ["is on in the project", ["work/.claude"], [{ enabled: true }]],
    ["lets all sockets through", [".claude"], [{ enabled: true, network: { allowAllUnixSockets: true } }]],
    ["a list of sockets", [".claude"], [{ enabled: true, network: { allowUnixSockets: ["/s"] } }]],
    ["is off in the project", [".claude", "work/.claude"], [{ enabled: true }, { enabled: false }]],
  ])("of Claude Code: %s", (what, folders, values) => {
    folders.forEach((folder, index) => {
      json(`${folder}/settings.json`, { sandbox: values[index] })
    })
    const isShut = /is on|a list/.test(what)
    expect(check("claude", {}).map(({ fix }) => fix)).toEqual(isShut ? [null] : [])
    expect(check("claude", { hasTools: false }).map(({ fix }) => fix)).toEqual(
      isShut ? ["run `sento setup claude`: its tools do"] : [],
    )
  })

  test("of Claude Code, by its own directory, and in its own words", () => {
    json("own/settings.json", { sandbox: { enabled: true } })
    expect(check("claude", { CLAUDE_CONFIG_DIR: join(home, "own") })).toEqual([
      {
        check: "claude's sandbox",
        is: 'its shell commands, such as `sento reply`, do not reach the Guardian; its tools do, and with `"network": {"allowAllUnixSockets": true}` in "sandbox" of ~/own/settings.json so do these',
        fix: null,
      },
    ])
    write("own/settings.json", "{")
    expect(check("claude", { CLAUDE_CONFIG_DIR: join(home, "own") })).toEqual([])
  })

  const network = "[sandbox_workspace_write]\nnetwork_access = true\n"
  test.each([
    ["as it is at first", "", "", true],
    ["read-only", 'sandbox_mode = "read-only"\n', "", true],
    ["read-only, by a word", "", "-s read-only", true],
    ["read-only, with a network for another mode", network, "--sandbox=read-only", true],
    ["workspace-write", 'sandbox_mode = "workspace-write"\n', "", true],
    ["with a network", network, "", false],
    ["with a network, by a word", "", "-c sandbox_workspace_write.network_access=true", false],
    ["none", 'sandbox_mode = "danger-full-access"\n', "", false],
    ["none, by a word", "", "--sandbox danger-full-access", false],
    ["none, by a word of the config", "", '-c sandbox_mode="danger-full-access"', false],
    ["none at all", "", "--yolo", false],
    ["a profile, of which nothing is known", "", "-p mine", false],
    ["a permission profile, likewise", 'default_permissions = "mine"\n', "", false],
  ])("of Codex: %s", (_, config, words, isShut) => {
    write(".codex/config.toml", config)
    expect(check("codex", { words }).map(({ fix }) => fix)).toEqual(isShut ? [null] : [])
    expect(check("codex", { words, hasTools: false }).length).toBe(isShut ? 1 : 0)
  })

  test.each([
    ["is not on", {}, {}, false],
    ["by a setting", { tools: { sandbox: true } }, {}, true],
    ["by a setting's name", { tools: { sandbox: "podman" } }, {}, true],
    ["by an object", { tools: { sandbox: { enabled: true, command: "docker" } } }, {}, true],
    ["by an object that is off", { tools: { sandbox: { enabled: false } } }, {}, false],
    ["by a variable", {}, { GEMINI_SANDBOX: "docker" }, true],
    ["not, by a variable", { tools: { sandbox: true } }, { GEMINI_SANDBOX: "false" }, false],
    ["by a word", {}, { words: "-s" }, true],
    ["not, by a word", { tools: { sandbox: true } }, { words: "--sandbox=false" }, false],
    ["with mounts, of which nothing is known", { tools: { sandbox: true } }, { SANDBOX_MOUNTS: "/x" }, false],
    ["of its tools alone", { security: { toolSandboxing: true } }, {}, false],
  ] as [string, object, Record<string, string>, boolean][])(
    "of Gemini CLI: %s",
    (_, settings, more, isShut) => {
      json(".gemini/settings.json", settings)
      expect(check("gemini", more)).toEqual(
        isShut
          ? [
              {
                check: "gemini's sandbox",
                is: expect.stringContaining("container without `sento`"),
                fix: expect.stringContaining("GEMINI_SANDBOX=false gemini"),
              },
            ]
          : [],
      )
    },
  )

  test("OpenCode has none", () => expect(check("opencode", {})).toEqual([]))
})
