/** `sento send`, `sento reply`. */
import type { SendResult } from "../guardian/door-requests.ts"
import { SentoError } from "../protocol/errors.ts"
import type { Paths } from "../store/paths.ts"
import { callDoor } from "./door.ts"
import { ensureGuardian } from "./guard.ts"
import { ensureConfig } from "./init.ts"
import { printJson, tell } from "./terminal.ts"

/** `sento send NAME TEXT` */
export async function send(
  paths: Paths,
  to: string,
  words: readonly string[],
  isJson: boolean,
): Promise<number> {
  const text = await readText(words)
  await ready(paths, isJson)
  return say(await callDoor<SendResult>(paths, "agent", { op: "send", to, text }), isJson)
}

/** `sento reply ID TEXT` */
export async function reply(
  paths: Paths,
  id: string,
  words: readonly string[],
  isJson: boolean,
): Promise<number> {
  const text = await readText(words)
  await ready(paths, isJson)
  return say(await callDoor<SendResult>(paths, "agent", { op: "reply", id, text }), isJson)
}

async function ready(paths: Paths, isJson: boolean): Promise<void> {
  await ensureConfig(paths, isJson)
  await ensureGuardian(paths)
}

function say(result: SendResult, isJson: boolean): number {
  if (isJson) printJson(result)
  else tell(`${result.to} has the message`)
  return 0
}

/** The words as one text; `-` alone is stdin, without its last line break. */
async function readText(words: readonly string[]): Promise<string> {
  const isStdin = words.length === 1 && words[0] === "-"
  const text = isStdin ? (await Bun.stdin.text()).replace(/\r?\n$/, "") : words.join(" ")
  if (text.trim() !== "") return text
  throw new SentoError("usage", "the text is empty", "give a text, or `-` to read it from stdin")
}
