/** `sento reply`. */
import type { Paths } from "../store/paths.ts"
import { type AddCommand, command } from "./command.ts"
import type { Io } from "./io.ts"
import { readText } from "./message-text.ts"
import { ensureReady } from "./ready.ts"
import { askUntilAnswered, say } from "./send.ts"
import { tell } from "./terminal.ts"

/** The words of `sento reply`. */
export const addReply: AddCommand = (program, { io, paths, finish }) =>
  command(program, "reply", "answer a message by the id in its line")
    .argument("<id>", "as in `← agent mira [k7q2]: …`")
    .argument("<text...>", "the answer, or - for stdin")
    .action((id, words, { json = false }) => finish(reply(io, paths("agent"), id, words, json)))

/** `sento reply ID TEXT` */
export async function reply(
  io: Io,
  paths: Paths,
  id: string,
  words: readonly string[],
  isJson: boolean,
): Promise<number> {
  const text = await readText(io, words)
  await ensureReady(io, paths, isJson)
  const request = { op: "reply", id, text, messageId: Bun.randomUUIDv7() } as const
  return say(io, await askUntilAnswered(io, paths, request), isJson, (_, { to }) =>
    tell(io, `${to} has your answer; nothing more to do`),
  )
}
