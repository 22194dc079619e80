/** `sento owner add CHAT`: a chat in which the owner is asked, too, and how the owner is found there. */
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { chatApps } from "../http/chats/apps.ts"
import { type Access, type Chat, type ChatApp, ChatError, type Received } from "../http/chats/chat.ts"
import type { ChatMessage } from "../protocol/answers.ts"
import { baseUrlPattern, type ChatSettings } from "../protocol/chat-settings.ts"
import { codeRandomBytes, newCode, readCode } from "../protocol/codes.ts"
import { SentoError } from "../protocol/errors.ts"
import { type ChatName, chatNames, joinNames } from "../protocol/names.ts"
import { updateConfig } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { command, type Group, type Run } from "./command.ts"
import { confirmOwner } from "./consent.ts"
import type { Io } from "./io.ts"
import { ask, askSecret } from "./prompts.ts"
import { ensureConfig } from "./ready.ts"
import { runningGuardian } from "./running.ts"
import { bold, isPerson, print, printJson, tell } from "./terminal.ts"

const grammar = (asking: Group) =>
  command(asking, "add", "ask the owner in a chat, too")
    .argument("<chat>", joinNames(chatNames, "or"))
    .option("--token-file <path>", "a file with the bot's token, in place of typing it")
    .option("--user <id>", `your own user id: ${joinNames(withUserIds, "and")}`)
    .addOption(asking.createOption("--base-url <url>", "a server in place of the vendor's").hideHelp())

/** Chats that do not tell by the word alone who the owner is. */
const withUserIds = chatNames.filter(name => chatApps[name].user !== null)

type OwnerAddOptions = ReturnType<ReturnType<typeof grammar>["opts"]>

const patienceMilliseconds = 10 * 60 * 1000
const lookMilliseconds = 1000

/** The words of `sento owner add`. */
export const addOwnerAdd = (asking: Group, { io, paths, finish }: Run): void => {
  grammar(asking).action((chat, _, self) => finish(ownerAdd(io, paths(), chat, self.optsWithGlobals())))
}

/** `sento owner add telegram`: the token, a word by which the owner is found, a first line in the chat. */
async function ownerAdd(io: Io, paths: Paths, text: string, options: OwnerAddOptions): Promise<number> {
  const name = requireChat(text)
  const isJson = options.json ?? false
  const config = await ensureConfig(io, paths, isJson)
  await confirmOwner(io, paths, `to add ${name}`)
  const token = await readToken(io, name, options)
  const user = await readUser(io, name, options)
  const access = options.baseUrl === undefined ? { token } : { token, baseUrl: readBaseUrl(options.baseUrl) }
  const met = await meet(io, name, access, user, isJson).catch(throwTold(name))
  updateConfig(paths, current => ({ ...current, owner: { ...current.owner, [name]: met.settings } }))
  await met.chat
    .send(`${config.name}'s owner is asked here before it is paired with another agent.`, never)
    .catch(throwTold(name))
  const { title } = chatApps[name]
  if (isJson) printJson(io, { event: "added", chat: name, user: met.user })
  else tell(io, `${config.name}'s owner is asked in ${title} from now on (user ${met.user})`)
  await tellRestart(io, paths, isJson)
  return 0
}

const never = new AbortController().signal

/** Says how what was changed comes into force, where a Guardian runs. */
export async function tellRestart(io: Io, paths: Paths, isJson: boolean): Promise<void> {
  if (!isJson && (await runningGuardian(paths)) !== null)
    tell(io, "next: `sento guard restart`, for the Guardian still runs as before")
}

/** @throws usage for a chat that sento does not know */
export function requireChat(text: string): ChatName {
  const name = chatNames.find(one => one === text)
  if (name !== undefined) return name
  throw new SentoError(
    "usage",
    `${JSON.stringify(text)} is no chat that sento knows`,
    `give one of ${chatNames.join(", ")}: \`sento owner add telegram\``,
  )
}

/** Never an argument, which other processes can see. */
async function readToken(io: Io, name: ChatName, { tokenFile, json }: OwnerAddOptions): Promise<string> {
  const { title, token: known } = chatApps[name]
  const token = (await tokenText(io, title, tokenFile, json ?? false)).trim()
  if (known.pattern.test(token)) return token
  if (token !== "") throw new SentoError("usage", `this is no token of ${title}`, known.from)
  throw new SentoError("usage", "the bot's token is missing", `give \`--token-file PATH\`; ${known.from}`)
}

async function tokenText(io: Io, title: string, path: string | undefined, isJson: boolean): Promise<string> {
  if (path !== undefined) return readTokenFile(io, path)
  if (isPerson(io, isJson)) return askSecret(`The bot's token, from ${title}`)
  return io.isTerminal.stdin ? "" : new Response(io.stdin()).text()
}

function readTokenFile({ cwd }: Io, path: string): string {
  try {
    return readFileSync(resolve(cwd(), path), "utf8")
  } catch (error) {
    throw new SentoError(
      "usage",
      `cannot read ${JSON.stringify(path)}: ${(error as NodeJS.ErrnoException).code}`,
      "give the file that holds the bot's token: `--token-file PATH`",
    )
  }
}

async function readUser(io: Io, name: ChatName, { user, json }: OwnerAddOptions): Promise<string> {
  const wish = chatApps[name].user
  if (wish === null) return ""
  const { title } = chatApps[name]
  const isUser = (text: string): boolean => wish.pattern.test(text)
  if (user === undefined && isPerson(io, json ?? false)) {
    const check = (text: string) => (isUser(text) ? undefined : wish.from)
    return (await ask(`Your own user id, as a number or code of ${title} (${wish.from})`, { check })) ?? ""
  }
  if (user !== undefined && isUser(user)) return user
  const what =
    user === undefined ? "your own user id is missing" : `${JSON.stringify(user)} is no user id of ${title}`
  throw new SentoError("usage", what, `give it with \`--user ID\`; ${wish.from}`)
}

function readBaseUrl(text: string): string {
  const bare = text.replace(/\/+$/, "")
  if (baseUrlPattern.test(bare)) return bare
  throw new SentoError(
    "usage",
    `${JSON.stringify(text)} is no base URL`,
    "give one such as http://127.0.0.1:8081",
  )
}

/** A chat in which the owner was found, and its settings for the config. */
type Met<Name extends ChatName> = {
  readonly settings: ChatSettings[Name]
  readonly chat: Chat
  readonly user: string
}

/** Finds the owner in the chat: whoever sends the word that only this terminal shows. */
async function meet<Name extends ChatName>(
  io: Io,
  name: Name,
  access: Access,
  user: string,
  isJson: boolean,
): Promise<Met<Name>> {
  const app: ChatApp<Name> = chatApps[name]
  const prepared = await app.prepare(access, user, never)
  const chat = app.open(prepared)
  const bot = await chat.check(never)
  const asked = user === "" ? [] : [await chat.send("Send the word that `sento owner add` shows.", never)]
  const symbols = newCode(randomBytes(codeRandomBytes), true)
  showWord(io, name, bot.name, wordOf(symbols), isJson)
  const isIt = (message: ChatMessage): boolean =>
    isOwnWord(message, symbols) && (user === "" || message.author === user)
  const settings = app.settle(prepared, await waitFor(chat, asked, isIt))
  return { settings, chat: app.open(settings), user: app.ownerOf(settings).user }
}

function showWord(io: Io, name: ChatName, bot: string, word: string, isJson: boolean): void {
  if (isJson) {
    printJson(io, { event: "word", word, bot })
    return
  }
  tell(io, `Send this word to ${bold(io, `@${bot}`)} in ${chatApps[name].title}, in a private message:`)
  tell(io)
  print(io, word)
  tell(io)
}

/** Not to be taken for a pairing code, which begins with SENTO. */
const wordOf = (symbols: string): string => `${symbols.slice(0, 4)}-${symbols.slice(4)}`

const isOwnWord = (
  { isPrivate, isBot, isEdited, isForwarded, text }: ChatMessage,
  symbols: string,
): boolean => isPrivate && !isBot && !isEdited && !isForwarded && readCode(text) === symbols

async function waitFor(
  chat: Chat,
  asked: readonly string[],
  isIt: (message: ChatMessage) => boolean,
): Promise<ChatMessage> {
  const deadline = AbortSignal.timeout(patienceMilliseconds)
  for (let cursor: string | null = null; !deadline.aborted; ) {
    const received: Received | null = await chat.receive(cursor, asked, deadline).catch(ifPassing)
    const found = received?.messages.find(isIt)
    if (found !== undefined) return found
    cursor = received?.cursor ?? cursor
    if (!chat.waits || received === null) await Bun.sleep(lookMilliseconds)
  }
  throw new SentoError(
    "timed-out",
    "the word was not sent within 10 minutes",
    `run \`sento owner add ${chat.name}\` again`,
  )
}

/** What time mends is tried again; the deadline ends it. */
function ifPassing(error: unknown): null {
  const isOver = error instanceof DOMException && error.name === "TimeoutError"
  const kind = error instanceof ChatError ? error.failure.kind : null
  if (isOver || kind === "unreachable" || kind === "later") return null
  throw error
}

/** A chat's failure as a command tells it. */
const throwTold =
  (name: ChatName) =>
  (error: unknown): never => {
    if (!(error instanceof ChatError)) throw error
    const { failure, message } = error
    switch (failure.kind) {
      case "unauthorised":
        throw new SentoError("refused", message, chatApps[name].token.from)
      case "later":
        throw new SentoError("try-later", message, `run \`sento owner add ${name}\` again then`)
      case "unreachable":
        throw new SentoError("unreachable", message, `run \`sento owner add ${name}\` again`)
      case "refused":
        throw new SentoError("refused", message, chatApps[name].ifRefused)
    }
  }
