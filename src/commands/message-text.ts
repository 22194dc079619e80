/** The text of a message, as it stands on the command line or in stdin. */
import { requireSendable } from "../guardian/books/requirements.ts"
import { SentoError } from "../protocol/errors.ts"
import { mostBodyBytes } from "../protocol/messages.ts"
import type { Io } from "./io.ts"

/** The words as one text; `-` alone is stdin, without its last line break. */
export async function readText(io: Io, words: readonly string[]): Promise<string> {
  const isStdin = words.length === 1 && words[0] === "-"
  const text = isStdin ? (await readStdin(io)).replace(/\r?\n$/, "") : words.join(" ")
  requireSendable(text)
  return text
}

async function readStdin(io: Io): Promise<string> {
  const bytes = await stdinBytes(io)
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw new SentoError("usage", "stdin is not UTF-8", "convert it: `iconv -f FROM -t utf-8 FILE | sento …`")
  }
}

/** No more of it than says that it is too long. A closed stdin is an empty one. */
async function stdinBytes({ stdin }: Io): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of stdin()) {
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
