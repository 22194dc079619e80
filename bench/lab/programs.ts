import { createHash } from "node:crypto"
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

/** An agent program as the lab starts it: in a home of its own, with a made-up key, against the stub. */
export type LabProgram = {
  readonly name: "claude" | "codex" | "gemini" | "opencode"
  /** How to get it, for who has not. */
  readonly install: string
  /** Where a plain `npm install` puts what is executed, below its prefix. */
  readonly paths: readonly string[]
  /** Writes what the program needs to start without questions. */
  readonly prepare: (place: LabPlace) => void
  readonly environment: (place: LabPlace) => Readonly<Record<string, string>>
  readonly arguments: readonly string[]
}

/** The temporary directories of one run, and the stub's port. */
export type LabPlace = { readonly home: string; readonly work: string; readonly port: number }

/** Nobody's: it only has to look like one. */
const madeUpKey = "sk-ant-api03-made-up-for-the-delivery-lab-0000"

const claude: LabProgram = {
  name: "claude",
  install: "npm install --prefix DIR @anthropic-ai/claude-code",
  paths: [
    "node_modules/@anthropic-ai/claude-code-linux-x64/claude",
    "node_modules/@anthropic-ai/claude-code-linux-arm64/claude",
  ],
  prepare: place => {
    // 2.1.330 has a model judge tool calls unless told to ask.
    writeJson(join(place.home, ".claude/settings.json"), { permissions: { defaultMode: "default" } })
    writeJson(join(place.home, ".claude.json"), {
      hasCompletedOnboarding: true,
      hasSeenAutoDefaultNudge: true,
      hasSeenAutoDefaultNotice: true,
      theme: "dark",
      customApiKeyResponses: { approved: [madeUpKey.slice(-20)], rejected: [] },
      projects: { [place.work]: { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true } },
    })
  },
  environment: place => ({
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${place.port}`,
    ANTHROPIC_API_KEY: madeUpKey,
    DISABLE_AUTOUPDATER: "1",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  }),
  arguments: [],
}

const codex: LabProgram = {
  name: "codex",
  install: "npm install --prefix DIR @openai/codex",
  paths: [
    "node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
    "node_modules/@openai/codex-linux-arm64/vendor/aarch64-unknown-linux-musl/bin/codex",
  ],
  prepare: place =>
    write(
      join(place.home, ".codex/config.toml"),
      `model = "stub-model"
model_provider = "stub"
sandbox_mode = "workspace-write"
check_for_update_on_startup = false

[model_providers.stub]
name = "stub"
base_url = "http://127.0.0.1:${place.port}/v1"
wire_api = "responses"
env_key = "STUB_KEY"

[projects."${place.work}"]
trust_level = "trusted"
`,
    ),
  environment: () => ({ STUB_KEY: madeUpKey }),
  arguments: [],
}

const gemini: LabProgram = {
  name: "gemini",
  install: "npm install --prefix DIR @google/gemini-cli",
  paths: ["node_modules/.bin/gemini"],
  prepare: place =>
    writeJson(join(place.home, ".gemini/settings.json"), {
      security: { auth: { selectedType: "gemini-api-key" }, folderTrust: { enabled: false } },
      general: { disableAutoUpdate: true, disableUpdateNag: true },
      privacy: { usageStatisticsEnabled: false },
    }),
  environment: place => ({
    GEMINI_API_KEY: madeUpKey,
    GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${place.port}`,
  }),
  arguments: [],
}

const opencode: LabProgram = {
  name: "opencode",
  install: "npm install --prefix DIR opencode-ai",
  paths: ["node_modules/opencode-linux-x64/bin/opencode", "node_modules/opencode-linux-arm64/bin/opencode"],
  prepare: place =>
    writeJson(join(place.home, ".config/opencode/opencode.json"), {
      $schema: "https://opencode.ai/config.json",
      provider: {
        stub: {
          npm: "@ai-sdk/openai-compatible",
          name: "Stub",
          options: { baseURL: `http://127.0.0.1:${place.port}/v1`, apiKey: madeUpKey },
          models: { stub: { name: "Stub" } },
        },
      },
      model: "stub/stub",
      small_model: "stub/stub",
      autoupdate: false,
      share: "disabled",
      permission: { bash: "ask" },
    }),
  environment: () => ({ OPENCODE_DISABLE_AUTOUPDATE: "1", OPENCODE_DISABLE_MODELS_FETCH: "1" }),
  arguments: [],
}

export const labPrograms = { claude, codex, gemini, opencode } as const

/** What lets a program run its hooks unasked: Codex 0.169.0 runs none before its owner trusted it. */
export const hookTrust = (name: LabProgram["name"]): readonly string[] =>
  name === "codex" ? ["--dangerously-bypass-hook-trust"] : []

/**
 * The yes of its owner to Codex' hooks, as Codex 0.169.0 keeps it. The option {@link hookTrust} is not as its owners start
 * it: with it Codex does without its background server.
 */
export function trustCodexHooks(home: string): void {
  const path = join(home, ".codex/hooks.json")
  const { hooks } = JSON.parse(readFileSync(path, "utf8"))
  for (const [event, key] of [
    ["UserPromptSubmit", "user_prompt_submit"],
    ["Stop", "stop"],
  ] as const) {
    const { command, timeout, type } = hooks[event][0].hooks[0]
    const shown = { event_name: key, hooks: [{ async: false, command, timeout, type }] }
    const hash = createHash("sha256").update(JSON.stringify(shown)).digest("hex")
    const state = `[hooks.state."${path}:${key}:0:0"]\ntrusted_hash = "sha256:${hash}"`
    appendFileSync(join(home, ".codex/config.toml"), `\n${state}\n`)
  }
}

/** The executable of a program below the directory that npm installed it to, else on PATH; or null. */
export function executableOf(program: LabProgram, from: string | null): string | null {
  if (from === null) return Bun.which(program.name)
  return program.paths.map(path => join(resolve(from), path)).find(path => existsSync(path)) ?? null
}

function writeJson(path: string, value: object): void {
  write(path, JSON.stringify(value))
}

function write(path: string, text: string): void {
  mkdirSync(join(path, ".."), { recursive: true })
  writeFileSync(path, text)
}
