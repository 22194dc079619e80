import { join } from "node:path"
import { hooksTrusted, trustOption } from "../codex-trust.ts"
import { jsonFile, ownFile, tomlFile } from "../parts.ts"
import {
  hookSeconds,
  hooksOf,
  type ProgramSetup,
  placeOf,
  projectPlace,
  type Scope,
  toolSeconds,
} from "../scope.ts"
import { mcpServer, skill } from "../texts.ts"

/** The hooks that tell of a turn. */
export const codexEvents = ["UserPromptSubmit", "Stop"] as const

/** Which agent it is, and in which tmux session of which server. */
export const ownVariables = [
  "SENTO_HOME",
  "SENTO_DOOR",
  "SENTO_AGENT",
  "TMUX",
  "TMUX_PANE",
  "TMUX_TMPDIR",
] as const

/**
 * Hooks go into hooks.json, which Codex itself never writes, and whose entries it tells by their number: the
 * ones at the end shift none. They run only after the owner trusted them (Codex 0.169.0). An MCP server there
 * gets no variables but those that are named.
 */
export function codex({ sento, project, environment }: Scope): ProgramSetup {
  const user = placeOf(environment, "CODEX_HOME", ".codex")
  const { folder, root } = project === null ? user : projectPlace(project, ".codex")
  const keys = { ...mcpServer(sento), env_vars: [...ownVariables], tool_timeout_sec: toolSeconds }
  const hooks = hooksOf(sento, codexEvents, hookSeconds)
  const hooksPath = join(folder, "hooks.json")
  return {
    root,
    parts: [
      tomlFile("codex", join(folder, "config.toml"), keys),
      jsonFile(hooksPath, hooks),
      ownFile("codex", join(folder, "skills", "sento", "SKILL.md"), skill("codex")),
    ],
    next: `start Codex anew${project === null ? "" : " in this directory, trust it"} and say yes to the two hooks (/hooks in Codex); where two agents here use Codex, start each as \`codex --no-daemon\``,
    pending: words =>
      words.includes(trustOption) || hooksTrusted(join(user.folder, "config.toml"), hooksPath, hooks)
        ? null
        : {
            is: "Codex does not run its hooks: they wait for your yes",
            fix: "start Codex anew and say yes to them, or type `/hooks` in it",
          },
  }
}
