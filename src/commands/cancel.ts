/** `sento cancel ID`: takes back a message that waits to be sent, or a join that waits for the other owner's yes. */
import { joinToWithdraw, withdrawJoin, withdrawMessage } from "../guardian/books/withdrawing.ts"
import { callDoor } from "../guardian/door/client.ts"
import type { Withdrawn } from "../guardian/door/results.ts"
import type { Paths } from "../store/paths.ts"
import { type AddCommand, command } from "./command.ts"
import { askOrDo } from "./consent.ts"
import type { Io } from "./io.ts"
import { isNotOwner } from "./pairing-events.ts"
import { printJson, tell } from "./terminal.ts"

/** The words of `sento cancel`. */
export const addCancel: AddCommand = (program, { io, paths, finish }) =>
  command(program, "cancel", "take back a message that waits to be sent, or a join that waits for a yes")
    .argument("<id>", "as `sento log` and `sento status` show it")
    .action((id, { json = false }) => finish(cancel(io, paths("agent"), id, json)))

/** `sento cancel ID` */
export async function cancel(io: Io, paths: Paths, id: string, isJson: boolean): Promise<number> {
  const withdrawn = await ask(io, paths, id)
  if (isJson) printJson(io, withdrawn)
  else for (const line of linesOf(withdrawn)) tell(io, line)
  return 0
}

/** An agent may take back what was said in its name, and no join: what its owner asked for is its owner's. */
async function ask(io: Io, paths: Paths, id: string): Promise<Withdrawn> {
  const request = { op: "cancel", id } as const
  if (paths.isAgentSide) return callDoor(paths, "agent", request)
  try {
    return await askOrDo(io, paths, request, books => {
      const join = joinToWithdraw(books, id)
      return join === null ? withdrawMessage(books, id) : withdrawJoin(books, join)
    })
  } catch (error) {
    if (!isNotOwner(error)) throw error
    return callDoor(paths, "agent", request)
  }
}

function linesOf(withdrawn: Withdrawn): string[] {
  if (withdrawn.kind === "join")
    return [
      `withdrawn: no pair with ${withdrawn.name} comes of it`,
      `${withdrawn.name}'s owner may still be asked; a yes there pairs nothing`,
    ]
  const { shortId, to, mayHaveArrived } = withdrawn
  const which = shortId === null ? `the message to ${to}` : `[${shortId}] to ${to}`
  if (!mayHaveArrived) return [`withdrawn: ${which} never left this machine`]
  return [
    `withdrawn, but ${which} may have arrived: it was tried, and ${to} has not said whether it came`,
    `it is not tried again; \`sento log ${to}\` says so if ${to} turns out to have it`,
  ]
}
