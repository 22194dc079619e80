/** `sento send`, `sento reply`. */
import type { SendResult } from "../guardian/door-requests.ts"
import { requireSendable } from "../guardian/requirements.ts"
import { exitStatus, SentoError } from "../protocol/errors.ts"
import { mostBodyBytes } from "../protocol/messages.ts"
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
  else if (result.status === "queued") {
    tell(`queued for ${result.to}: ${result.reason}`)
    tell(
      `hint: nothing to do; it is tried again for 24 hours, and \`sento log ${result.to}\` says what became of it`,
    )
  } else tell(`${result.to} has the message`)
  return result.status === "queued" ? exitStatus["try-later"] : 0
}

/** The words as one text; `-` alone is stdin, without its last line break. */
async function readText(words: readonly string[]): Promise<string> {
  const isStdin = words.length === 1 && words[0] === "-"
  const text = isStdin ? (await readStdin()).replace(/\r?\n$/, "") : words.join(" ")
  requireSendable(text)
  return text
}

async function readStdin(): Promise<string> {
  const bytes = await stdinBytes()
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw new SentoError("usage", "stdin is not UTF-8", "convert it: `iconv -f FROM -t utf-8 FILE | sento …`")
  }
}

/** No more of it than says that it is too long. A closed stdin is an empty one. */
async function stdinBytes(): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of Bun.stdin.stream()) {
      chunks.push(chunk)
      length += chunk.length
      if (length > 2 * mostBodyBytes) throw tooLong()
    }
  } catch (error) {
    if (error instanceof SentoError) throw error
    if ((error as { code?: string }).code !== "EBADF")
      throw new SentoError("failed", `cannot read stdin: ${(error as Error).message}`)
  }
  return Buffer.concat(chunks)
}

const tooLong = (): SentoError =>
  new SentoError(
    "too-long",
    `the text is too long: more than ${2 * mostBodyBytes} bytes`,
    "send it in parts, or put it into a file that the other agent can read",
  )
