/** The names under which the four agent programs are known, and those that look like them. Processes: keyboard-owner.test.ts. */
import { describe, expect, test } from "bun:test"
import { agentProgramNames } from "../../src/protocol/names.ts"
import { agentIn, agentOfFile, agentPrograms, agentVariable } from "../../src/tmux/agent-programs.ts"
import { kindOf } from "../../src/tmux/shells.ts"

const platforms = [
  "",
  ...["x64", "arm64"].flatMap(cpu =>
    ["", "-baseline"].flatMap(kind => ["", "-musl"].map(libc => `-linux-${cpu}${kind}${libc}`)),
  ),
  ...["x86_64", "aarch64"].flatMap(cpu => ["musl", "gnu"].map(libc => `-${cpu}-unknown-linux-${libc}`)),
]
const folders = ["", "/", "/usr/bin/", "/home/me/.local/bin/", "/nix/store/hash-codex-1/bin/", "/a b/claude/"]
const fileNames = agentProgramNames.flatMap(agent =>
  ["", "."].flatMap(dot =>
    ["", "-2.1.332", "-v0.169.0"].flatMap(version =>
      platforms.flatMap(platform =>
        ["", "-wrapped", "-wrapped_", "-wrapped__", ".exe"].map(
          end => [agent, `${dot}${agent}${version}${platform}${end}`] as const,
        ),
      ),
    ),
  ),
)

test(`each of ${fileNames.length} file names, in any folder`, () => {
  const wrong = fileNames.flatMap(([agent, name]) =>
    folders.filter(folder => agentOfFile(folder + name) !== agent).map(folder => folder + name),
  )
  expect(wrong).toEqual([])
})

test("no file name with a letter more, or with an ending that makes it a text", () => {
  const ends = [
    "s",
    "2",
    "-code-mode-host",
    ".js",
    ".ts",
    ".py",
    ".md",
    ".json",
    ".bak",
    "-notes",
    "-linux",
    "/x",
  ]
  const near = agentProgramNames.flatMap(agent => [
    ...ends.map(end => `/usr/bin/${agent}${end}`),
    ...["x", "my-", "un", "@", "~"].map(start => `/usr/bin/${start}${agent}`),
    agent.toUpperCase(),
  ])
  expect(near.filter(path => agentOfFile(path) !== null)).toEqual([])
})

describe.each([
  [
    "claude",
    [
      "/home/me/.local/share/claude/versions/2.1.332",
      "/home/me/data/claude/versions/2.2.0-beta.1",
      "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js",
      "@anthropic-ai/claude-code/cli-wrapper.cjs",
    ],
    [
      "/home/me/.local/share/claude/versions",
      "/home/me/.local/share/claude/versions/latest",
      "/home/me/.local/share/claude/versions/2.1.332/tool",
      "/home/me/.local/share/claude/versions/2.1.332.bak",
      "/home/me/versions/2.1.332",
      "/usr/lib/node_modules/@anthropic-ai/claude-code/install.cjs",
      "/usr/lib/node_modules/@anthropic-ai/claude-code-router/cli.js",
      "/usr/lib/node_modules/claude-code/cli.js",
      "/home/claude/cli.js",
    ],
  ],
  [
    "codex",
    ["/usr/lib/node_modules/@openai/codex/bin/codex.js"],
    [
      "/home/me/codex.js",
      "/home/me/codex/bin/codex.js",
      "/usr/lib/node_modules/@openai/codex-sdk/bin/codex.js",
    ],
  ],
  [
    "gemini",
    [
      "/usr/lib/node_modules/@google/gemini-cli/bundle/gemini.js",
      "/usr/lib/node_modules/@google/gemini-cli/dist/index.js",
      "/home/me/.cache/yarn/@google-gemini-cli.zip/node_modules/@google/gemini-cli/bundle/gemini.js",
      "/nix/store/0c5n1x9v3r7k2q8z4w6y1a5s3d9f0g2h-gemini-cli-bin-0.63.0/lib/gemini/gemini.js",
      "/nix/store/0c5n1x9v3r7k2q8z4w6y1a5s3d9f0g2h-gemini-cli-0.29.3/lib/gemini-cli/gemini.js",
      "/home/me/src/gemini-cli/bundle/gemini.js",
      "npm:@google/gemini-cli",
      "npm:@google/gemini-cli@0.61.0/gemini",
    ],
    [
      "/home/me/scripts/gemini.js",
      "/home/me/gemini/gemini.js",
      "/home/me/my-gemini-cli-tests/gemini.js",
      "/usr/lib/node_modules/@google/gemini-cli/node_modules/x/index.js",
      "/usr/lib/node_modules/@google/gemini-cli/bundle/bundled/chrome-devtools-mcp.mjs",
      "/usr/lib/node_modules/@google/gemini-cli-core/dist/index.js",
      "npm:@someone/gemini-cli",
    ],
  ],
  [
    "opencode",
    ["/usr/lib/node_modules/opencode-ai/bin/opencode.js"],
    [
      "/usr/lib/node_modules/opencode-ai/postinstall.mjs",
      "/home/me/opencode.js",
      "/home/me/opencode/index.js",
    ],
  ],
] as const)("%s", (agent, known, others) => {
  test.each(known.map(path => [path]))("%s", path => expect(agentOfFile(path)).toBe(agent))
  test.each(others.map(path => [path]))("not %s", path => expect(agentOfFile(path)).toBeNull())
})

test.each([
  [["exec", "-it", "box", "claude"], "claude"],
  [["host", "cd src && exec codex"], "codex"],
  [["run", "ghcr.io/me/Gemini-CLI:latest"], "gemini"],
  [["claudette", "codexes", "mygemini"], null],
] as const)("for words alone, %j names %p", (words, agent) => {
  expect(agentIn(words)).toBe(agent)
})

describe("a shell that runs a command or a file reads no keys while that runs, another one may be a person's", () => {
  const kind = (line: string) => {
    const words = line.split(" ")
    return kindOf({ executable: words[0]?.replace(/^-/, "") ?? "", name: "", arguments: words })
  }
  test.each([
    "sh -c x",
    "bash -lc x",
    "bash --login -c x",
    "bash --norc -euo pipefail -c x",
    "zsh -fc x",
    "sh script",
    "bash -x script -i",
    "bash --rcfile rc script",
    "fish -c x",
    "busybox sh -c x",
  ])("a script's: %s", line => expect(kind(line)).toBe("script"))
  test.each([
    "sh",
    "-bash",
    "bash -l",
    "bash -i",
    "bash -ic x",
    "bash -i -c x",
    "sh -c -i x",
    "bash --rcfile rc",
    "bash -O extglob",
    "bash -euo pipefail",
    "zsh +o nomatch",
    "sh -s arg",
    "zsh -is",
    "bash --",
    "sh -",
    "fish -C x",
    "nu --config c",
    "busybox sh",
    "busybox",
  ])("a person's: %s", line => expect(kind(line)).toBe("shell"))
})

describe("a variable of what an agent program starts", () => {
  test.each([
    ["AI_AGENT=1", "AI_AGENT"],
    ["CLAUDECODE=1", "CLAUDECODE"],
    ["GEMINI_CLI=", "GEMINI_CLI"],
    ["OPENCODE=1", "OPENCODE"],
    ["CODEX_CI=1", "CODEX_CI"],
    ["CODEX_THREAD_ID=a=b", "CODEX_THREAD_ID"],
    ["CODEX_SANDBOX_NETWORK_DISABLED=1", "CODEX_SANDBOX_NETWORK_DISABLED"],
  ])("%s", (entry, name) => expect(agentVariable(["PATH=/bin", entry])).toBe(name))

  test.each([
    "CODEX_HOME=/x",
    "CODEX_API_KEY=x",
    "CLAUDE_CONFIG_DIR=/x",
    "GEMINI_CLI_HOME=/x",
    "OPENCODE_CONFIG=/x",
    "CLAUDECODE",
    "X=CLAUDECODE=1",
  ])("a person's own is none: %s", entry => expect(agentVariable([entry])).toBeNull())

  test.each(Object.values(agentPrograms))("the pattern of $name is of whole names", ({ variables }) => {
    expect(variables?.source ?? "^$").toMatch(/^\^.*\$$/)
  })
})
