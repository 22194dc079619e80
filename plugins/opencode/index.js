// of sento's plugin for opencode, plugins/opencode
import { spawn } from "node:child_process"

const sento = ["sento","plugin","opencode"]

/** Runs `sento hook EVENT`; gives what it says as JSON, or null. It never fails a turn. */
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

const textOf = parts => parts.filter(part => part.type === "text").map(part => part.text).join("\n")
/** With a word for what is no text: a file is part of what a person says. */
const wordsOf = parts => parts.map(part => (part.type === "text" ? part.text : `[${part.type}]`)).join("\n")
/** What was said behind the last tool call. */
const lastOf = parts => textOf(parts.slice(parts.findLastIndex(part => part.type === "tool") + 1))

const Sento = async ({ client, directory }) => {
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

import { spawnSync } from "node:child_process"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const folder = dirname(fileURLToPath(import.meta.url))

/** OpenCode's plugin with the server and the skill. */
export const SentoPlugin = async input => {
  const hooks = await Sento(input)
  let isMissing = spawnSync("sh", ["-c", "command -v sento"]).status !== 0

  /** Once, at a prompt, before which there may be no screen; a while later, for 1.18.33 draws the prompt over it. */
  function sayMissing() {
    if (!isMissing) return
    isMissing = false
    const body = { message: "sento: there is no sento in PATH: npm install -g sento", variant: "warning", duration: 15_000 }
    setTimeout(() => input.client.tui.showToast({ body }).catch(() => {}), 2000)
  }

  return {
    ...hooks,
    "chat.message": async (...told) => {
      sayMissing()
      await hooks["chat.message"](...told)
    },
    config: async settings => {
      settings.mcp = { sento: {"type":"local","command":["sh","-c","command -v sento >/dev/null || { echo 'there is no sento in PATH: npm install -g sento' >&2; exit 127; }; exec sento plugin opencode mcp"],"timeout":660000}, ...settings.mcp }
      settings.skills = { ...settings.skills, paths: [...(settings.skills?.paths ?? []), join(folder, "skills")] }
    },
  }
}
