/** OpenCode's plugin, driven as OpenCode 1.18.33 drives it, over a command that stands for `sento`. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openCodePlugin } from "../../src/commands/setup/programs/opencode.ts"
import { until } from "../support/world.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-plugin-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

type Hooks = {
  readonly "chat.message": (input: object, output: object) => Promise<void>
  readonly event: (input: { event: { type: string; properties: object } }) => Promise<void>
}

/** @param says - what `sento hook Stop` prints */
async function load(says: string) {
  const path = join(folder, "sento")
  writeFileSync(
    path,
    `#!/bin/sh\nread -r input\nprintf '%s %s %s\\n' "$1" "$2" "$input" >> ${folder}/calls\n[ "$2" = Stop ] && printf '%s' '${says}'\nexit 0\n`,
  )
  chmodSync(path, 0o755)
  writeFileSync(join(folder, "plugin.mjs"), openCodePlugin([path]))
  const prompts: unknown[] = []
  const text = (text: string) => ({ type: "text", text })
  const client = {
    session: {
      messages: async () => ({
        data: [
          { info: { role: "assistant" }, parts: [text("earlier")] },
          {
            info: { role: "assistant" },
            parts: [text("let me see"), { type: "tool" }, text("done"), text("all")],
          },
        ],
      }),
      prompt: async (input: unknown) => prompts.push(input),
    },
  }
  const { Sento } = await import(join(folder, "plugin.mjs"))
  const hooks = (await Sento({ client, directory: "/work" })) as Hooks
  const say = (messageID: string, words: string, more: readonly object[] = []) =>
    hooks["chat.message"](
      { sessionID: "s1", messageID },
      { message: { id: messageID }, parts: [text(words), ...more] },
    )
  const idle = (sessionID = "s1") =>
    hooks.event({ event: { type: "session.idle", properties: { sessionID } } })
  const error = (sessionID = "s1") =>
    hooks.event({ event: { type: "session.error", properties: { sessionID } } })
  const dialog = (type: string) => hooks.event({ event: { type, properties: { sessionID: "another" } } })
  const calls = (): Record<string, unknown>[] =>
    existsSync(`${folder}/calls`)
      ? readFileSync(`${folder}/calls`, "utf8")
          .trimEnd()
          .split("\n")
          .map(line => /^hook (\w+) (.*)$/.exec(line)?.slice(1, 3) ?? [])
          .map(([event, input = "{}"]) => ({ event, ...(JSON.parse(input) as object) }))
      : []
  return { say, idle, error, dialog, calls, prompts }
}

test("a turn is told from its prompts to its last words; what is typed meanwhile belongs to it", async () => {
  const { say, idle, calls, prompts } = await load("")
  await say("m1", "← agent kai [k7q2]: hello")
  await say("m2", "and more")
  await idle()
  const shared = { session_id: "s1", cwd: "/work", prompt_id: "m1" }
  const prompt = { event: "UserPromptSubmit", hook_event_name: "UserPromptSubmit", ...shared }
  expect(calls()).toEqual([
    { ...prompt, prompt: "← agent kai [k7q2]: hello" },
    { ...prompt, prompt: "and more" },
    {
      event: "Stop",
      hook_event_name: "Stop",
      ...shared,
      stop_hook_active: false,
      last_assistant_message: "done\nall",
    },
  ])
  expect(prompts).toEqual([])
})

test("a file is told beside the words that it came with: it is a person's", async () => {
  const { say, calls } = await load("")
  await say("m1", "← agent kai [k7q2]: hello", [{ type: "file", url: "data:" }])
  expect(calls()[0]).toMatchObject({ prompt: "← agent kai [k7q2]: hello\n[file]" })
})

test("where the hook blocks the stop, its sentence becomes the next prompt, and the second stop says so", async () => {
  const { say, idle, calls, prompts } = await load('{"decision":"block","reason":"k7q2 waits"}')
  await say("m1", "hello")
  await idle()
  expect(prompts).toEqual([{ path: { id: "s1" }, body: { parts: [{ type: "text", text: "k7q2 waits" }] } }])
  await say("m2", "k7q2 waits")
  await idle()
  expect(calls().map(one => one.stop_hook_active)).toEqual([undefined, false, undefined, true])
})

test("a session that had no prompt is nobody's turn, and a missing or broken sento fails none", async () => {
  const { say, idle, calls } = await load("not json")
  await idle("other")
  expect(calls()).toEqual([])
  await say("m1", "hello")
  await idle()
  await until("both calls", () => calls().length === 2)
  rmSync(join(folder, "sento"))
  await say("m2", "again")
  await idle()
})

test("a turn that failed or was interrupted is told as such, and its idle session is no end of a turn", async () => {
  const { say, idle, error, calls } = await load("")
  await error()
  await say("m1", "← agent kai [k7q2]: hello")
  await error()
  await idle()
  expect(calls().map(({ event, prompt_id }) => [event, prompt_id])).toEqual([
    ["UserPromptSubmit", "m1"],
    ["StopFailure", "m1"],
  ])
})

test.each(["permission.asked", "question.asked"])("a person's part in the turn is told: %s", async type => {
  const { say, dialog, calls } = await load("")
  await dialog(type)
  await say("m1", "← agent kai [k7q2]: hello")
  await dialog(type)
  expect(calls().map(({ event, prompt_id: turn }) => [event, turn])).toEqual([
    ["UserPromptSubmit", "m1"],
    ["PermissionRequest", "m1"],
  ])
})
