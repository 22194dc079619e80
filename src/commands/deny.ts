/** `sento deny`. */
import { callDoor } from "../guardian/door/client.ts"
import type { Paths } from "../store/paths.ts"
import { type AddCommand, command } from "./command.ts"
import type { Io } from "./io.ts"
import { ensureGuardian } from "./running.ts"
import { printJson, tell } from "./terminal.ts"

/** The words of `sento deny`. */
export const addDeny: AddCommand = (program, { io, paths, finish }) =>
  command(program, "deny", "say no to a request that waits")
    .argument("[id]", "which one")
    .action((id, { json = false }) => finish(deny(io, paths(), id ?? null, json)))

/** `sento deny [ID]` */
async function deny(io: Io, paths: Paths, id: string | null, isJson: boolean): Promise<number> {
  await ensureGuardian(io, paths)
  const { name } = await callDoor(paths, "owner", { op: "deny", id })
  if (isJson) printJson(io, { event: "denied", name })
  else tell(io, `${name} was denied. Nothing is paired.`)
  return 0
}
