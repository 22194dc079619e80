/**
 * Stands for `sento` while the hooks of an agent program are recorded: `setup` is sento's own, which so writes this
 * file as what is to be run; `hook EVENT` adds what it is given to `hooks.jsonl` in the home directory, with the
 * transcript as it is at that moment. A turn that begins with `ask me` goes on with sento's sentence, once.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { sentenceFor } from "../../src/protocol/turns.ts"

type Input = {
  readonly transcript_path?: string
  readonly stop_hook_active?: boolean
  readonly prompt?: string
}

const [command, event] = process.argv.slice(2)
if (command === "setup") await import("../../src/main.ts")
if (command === "hook") {
  const input = (await Bun.stdin.json()) as Input
  const path = input.transcript_path ?? ""
  const transcript =
    event === "AfterAgent" && existsSync(path) ? { transcript: readFileSync(path, "utf8") } : {}
  const line = JSON.stringify({ event, input, ...transcript })
  appendFileSync(join(process.env.HOME ?? "", "hooks.jsonl"), `${line}\n`)
  if (event === "AfterAgent" && !input.stop_hook_active && input.prompt?.endsWith("]: ask me"))
    console.log(JSON.stringify({ decision: "block", reason: sentenceFor(["k7q2"], null) }))
}
