/** `sento owner` and `sento owner remove`: the chats in which the owner is asked. */

import { chatApps } from "../http/chats/apps.ts"
import { SentoError } from "../protocol/errors.ts"
import { chatNames, joinNames } from "../protocol/names.ts"
import { updateConfig } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { type AddCommand, command, group, isJson, refuseUnknown } from "./command.ts"
import { confirmOwner } from "./consent.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { addOwnerAdd, requireChat, tellRestart } from "./owner-add.ts"
import { addOwnerPin } from "./owner-pin.ts"
import { print, printJson, table, tell } from "./terminal.ts"

/** The words of `sento owner`. */
export const addOwner: AddCommand = (program, run) => {
  const { io, paths, finish } = run
  const asking = group(program, "owner", "how the owner is asked").action(({ json = false }, self) => {
    refuseUnknown(self)
    return finish(owner(io, paths(), json))
  })
  addOwnerAdd(asking, run)
  command(asking, "remove", "ask no longer in a chat")
    .argument("<chat>", joinNames(chatNames, "or"))
    .action((chat, _, self) => finish(ownerRemove(io, paths(), chat, isJson(self))))
  addOwnerPin(asking, run)
}

/** `sento owner`: what is set up, without any token or PIN. */
export function owner(io: Io, paths: Paths, isJson: boolean): number {
  const { pin, ...chats } = needConfig(io, paths).owner ?? {}
  const rows = chatNames.flatMap(name => {
    const chat = chats[name]
    return chat === undefined ? [] : [{ name, user: chat.user }]
  })
  if (isJson) printJson(io, { pin: pin !== undefined, chats: rows })
  else {
    if (rows.length > 0) print(io, table(rows.map(({ name, user }) => [name, `asks user ${user}`])))
    else
      tell(
        io,
        `the owner is asked in no chat yet; run \`sento owner add ${joinNames([`${chatNames[0]}\``, ...chatNames.slice(1)], "or")}`,
      )
    if (pin !== undefined) tell(io, "a PIN is set: every yes and every removal takes it (`sento owner pin`)")
  }
  return 0
}

/** `sento owner remove telegram` */
async function ownerRemove(io: Io, paths: Paths, text: string, isJson: boolean): Promise<number> {
  const name = requireChat(text)
  if (needConfig(io, paths).owner?.[name] === undefined)
    throw new SentoError("usage", `${name} is not set up`, "run `sento owner` to see what is")
  await confirmOwner(io, paths, `to remove ${name}`)
  updateConfig(paths, config => {
    const { [name]: _, ...others } = config.owner ?? {}
    return { ...config, owner: others }
  })
  if (isJson) printJson(io, { removed: name })
  else tell(io, `the owner is no longer asked in ${chatApps[name].title}`)
  await tellRestart(io, paths, isJson)
  return 0
}
