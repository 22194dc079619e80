/**
 * The agent programs by the names under which their installers lay them out. Pure: what a process runs is read in
 * program.ts. Looked at with Claude Code 2.1.332, Codex 0.169.0, Gemini CLI 0.61.0 and OpenCode 1.18.33, their
 * installers, and the packages of Homebrew and nixpkgs.
 */
import type { ProfileName } from "../protocol/names.ts"

/** An agent program whose screens are known. */
export type AgentName = Exclude<ProfileName, "plain">

export const agentNames: readonly AgentName[] = ["claude", "codex", "gemini", "opencode"]

/**
 * File names of a program: its own, npm's on every system (`claude.exe`), a Nix wrapper's (`.claude-wrapped`), and
 * those of release files (`codex-x86_64-unknown-linux-musl`, `opencode-linux-x64-baseline-musl`,
 * `claude-2.1.332-linux-x64`). With another ending it is a text about it: `claude.ts`, `codex.md`.
 */
const platform =
  /(?:-linux-(?:x64|arm64)(?:-baseline)?(?:-musl)?|-(?:x86_64|aarch64)-unknown-linux-(?:musl|gnu))/.source
const fileName = new RegExp(
  `^\\.*(${agentNames.join("|")})(?:-v?\\d+\\.\\d+\\.\\d+)?(?:${platform})?(?:-wrapped_*)*(?:\\.exe)?$`,
)

/** Whole paths whose file name alone says too little. `index.js` and `cli.js` are anybody's, and so is `gemini.js`. */
const layouts: readonly { readonly agent: AgentName; readonly path: RegExp }[] = [
  // Its own installer: ~/.local/share/claude/versions/2.1.332, or below XDG_DATA_HOME.
  { agent: "claude", path: /\/claude\/versions\/\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/ },
  { agent: "claude", path: /(?:^|\/)@anthropic-ai\/claude-code\/cli(?:-wrapper)?\.[cm]?[jt]s$/ },
  { agent: "codex", path: /(?:^|\/)@openai\/codex\/bin\/codex\.js$/ },
  { agent: "gemini", path: /(?:^|\/)@google\/gemini-cli\/(?:(?:bundle|dist)\/)?(?:gemini|index)\.[jt]s$/ },
  // nixpkgs: /nix/store/HASH-gemini-cli-bin-0.63.0/lib/gemini/gemini.js; a clone: gemini-cli/bundle/gemini.js.
  {
    agent: "gemini",
    path: /\/(?:[a-z0-9]{32}-)?gemini-cli(?:-bin)?(?:-\d[\w.]*)?\/(?:(?:bundle|lib|lib\/gemini|lib\/gemini-cli)\/)?gemini\.js$/,
  },
  { agent: "gemini", path: /^npm:\/?@google\/gemini-cli(?:@[^/]+)?(?:\/gemini)?$/ },
  { agent: "opencode", path: /(?:^|\/)opencode-ai\/(?:bin\/)?opencode\.[cm]?[jt]s$/ },
]

/** The agent program that a file is, or null. @param path - whole, or as much of it as is known */
export function agentOfFile(path: string): AgentName | null {
  const name = fileName.exec(path.slice(path.lastIndexOf("/") + 1))?.[1]
  return (name as AgentName | undefined) ?? layouts.find(layout => layout.path.test(path))?.agent ?? null
}

/**
 * The agent program that words name, or null: for words to the owner alone, never for a decision, for
 * `less claude-code/README.md` names one too.
 */
export function agentIn(words: readonly string[]): AgentName | null {
  const text = words.join(" ").toLowerCase()
  return agentNames.find(name => new RegExp(`(?<![a-z0-9])${name}(?![a-z0-9])`).test(text)) ?? null
}
