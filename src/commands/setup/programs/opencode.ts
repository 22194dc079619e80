import { existsSync } from "node:fs"
import { join } from "node:path"
import { type Entry, hasEntry, jsonFile, ownFile } from "../parts.ts"
import { type ProgramSetup, placeOf, type Scope, toolSeconds } from "../scope.ts"
import { mark, mcpServer, type Sento, skill } from "../texts.ts"

/** OpenCode 1.18.33 reads opencode.json and opencode.jsonc, both with comments; plugins/ and skills/ beside them. */
export function opencode({ sento, project, environment }: Scope): ProgramSetup {
  const place = placeOf(environment, "XDG_CONFIG_HOME", ".config")
  const settings = project ?? join(place.folder, "opencode")
  const folder = project === null ? settings : join(project, ".opencode")
  const named = ["opencode.jsonc", "opencode.json"].map(name => join(settings, name))
  const { command, args } = mcpServer(sento)
  // For its start as well (OpenCode 1.18.33), which waits for nothing.
  const value = { type: "local", command: [command, ...args], timeout: toolSeconds * 1000 }
  const server: Entry = { path: ["mcp"], key: "sento", value }
  // The one that has ours already; a file that was made meanwhile does not hide it.
  const file =
    named.find(path => hasEntry(path, server)) ??
    named.find(path => existsSync(path)) ??
    join(settings, "opencode.json")
  const fetches = existsSync(join(folder, "node_modules", pluginPackage)) ? null : firstStart
  return {
    root: project ?? place.root,
    parts: [
      jsonFile(file, [server]),
      ownFile("opencode", join(folder, "plugins", "sento.js"), openCodePlugin(sento)),
      ownFile("opencode", join(folder, "skills", "sento", "SKILL.md"), skill("opencode")),
    ],
    next: `start OpenCode anew${project === null ? "" : " in this directory"}${fetches === null ? "" : `; ${fetches}`}`,
    pending: () => (fetches === null ? null : { is: fetches, fix: null }),
  }
}

/** With a plugin's file there, every start of 1.18.33 waits until this lies beside it: 131 s without a network, then 2.6 s. */
const pluginPackage = "@opencode-ai/plugin"
const firstStart = `its first start with a plugin fetches ${pluginPackage} from the npm registry, which takes about two minutes where there is no network`

/**
 * OpenCode's plugin: tells `sento hook` of prompts and ended turns, and says the sentence that it may give back.
 * The input has the fields of Claude Code's hooks.
 */
export const openCodePlugin = (sento: Sento, origin = mark("opencode")): string => `// ${origin}
import { spawn } from "node:child_process"

const sento = ${JSON.stringify(sento)}

/** Runs \`sento hook EVENT\`; gives what it says as JSON, or null. It never fails a turn. */
function hook(event, input) {
  return new Promise(resolve => {
    const [file, ...words] = sento
    const child = spawn(file, [...words, "hook", event], { stdio: ["pipe", "pipe", "ignore"], timeout: 10_000 })
    let said = ""
    child.stdout.on("data", chunk => (said += chunk))
    child.on("error", () => resolve(null))
    child.stdin.on("error", () => {})
    child.on("close", () => {
      try {
        resolve(JSON.parse(said))
      } catch {
        resolve(null)
      }
    })
    child.stdin.end(JSON.stringify({ hook_event_name: event, ...input }))
  })
}

const textOf = parts => parts.filter(part => part.type === "text").map(part => part.text).join("\\n")
/** With a word for what is no text: a file is part of what a person says. */
const wordsOf = parts => parts.map(part => (part.type === "text" ? part.text : \`[\${part.type}]\`)).join("\\n")
/** What was said behind the last tool call. */
const lastOf = parts => textOf(parts.slice(parts.findLastIndex(part => part.type === "tool") + 1))

export const Sento = async ({ client, directory }) => {
  /** The prompt that each session's turn began with; what is typed meanwhile belongs to the same turn. */
  const turns = new Map()
  const blocked = new Set()

  async function turnEnded(session) {
    const prompt = turns.get(session)
    if (prompt === undefined) return
    turns.delete(session)
    const { data = [] } = await client.session.messages({ path: { id: session } })
    const last = data.filter(message => message.info.role === "assistant").at(-1)
    const answer = await hook("Stop", {
      session_id: session,
      cwd: directory,
      prompt_id: prompt,
      stop_hook_active: blocked.delete(session),
      last_assistant_message: last === undefined ? "" : lastOf(last.parts),
    })
    if (answer?.decision !== "block" || !answer.reason) return
    blocked.add(session)
    const parts = [{ type: "text", text: answer.reason }]
    client.session.prompt({ path: { id: session }, body: { parts } }).catch(() => {})
  }

  /** A turn that failed or was interrupted has an idle session behind it too. */
  async function turnFailed(session) {
    const prompt = turns.get(session)
    if (prompt === undefined) return
    turns.delete(session)
    blocked.delete(session)
    await hook("StopFailure", { session_id: session, cwd: directory, prompt_id: prompt })
  }

  /** Whichever session's dialog it is: what a person writes into a subagent's comes to the turn as well. */
  async function personAsked() {
    for (const [session, prompt] of turns)
      await hook("PermissionRequest", { session_id: session, cwd: directory, prompt_id: prompt })
  }

  return {
    "chat.message": async ({ sessionID, messageID }, { message, parts }) => {
      const prompt = turns.get(sessionID) ?? messageID ?? message.id
      turns.set(sessionID, prompt)
      const input = { session_id: sessionID, cwd: directory, prompt_id: prompt, prompt: wordsOf(parts) }
      await hook("UserPromptSubmit", input)
    },
    event: async ({ event }) => {
      if (event.type === "permission.asked" || event.type === "question.asked") await personAsked()
      if (event.type === "session.error") await turnFailed(event.properties.sessionID)
      if (event.type === "session.idle") await turnEnded(event.properties.sessionID).catch(() => {})
    },
  }
}
`
