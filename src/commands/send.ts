/** `sento send`, `sento reply`. */

import { pauseWords } from "../guardian/books/pauses.ts"
import { requireSendable } from "../guardian/books/requirements.ts"
import { callDoor, type DoorOptions, HungUp, NoGuardian } from "../guardian/door/client.ts"
import type { DoorEvent, DoorRequestInput, PauseEnd, SendResult } from "../guardian/door/requests.ts"
import { exitStatus, SentoError } from "../protocol/errors.ts"
import { layOut } from "../protocol/layout.ts"
import { mostBodyBytes } from "../protocol/messages.ts"
import { reasonWords } from "../protocol/receipts.ts"
import type { Paths } from "../store/paths.ts"
import { ensureGuardian } from "./guard.ts"
import { ensureReady } from "./ready.ts"
import { print, printJson, tell } from "./terminal.ts"

export type SendOptions = {
  readonly json?: boolean
  /** Seconds, or true for {@link defaultWaitSeconds}. */
  readonly wait?: string | true
  readonly replyTo?: string
}

/** Shell tools end a command after two minutes (Claude Code 2.1.332, OpenCode 1.18.33), and what it said is lost. */
const defaultWaitSeconds = 100
const mostWaitSeconds = 24 * 60 * 60
/** Guardians that may die under one request. */
const mostTries = 4

/** `sento send NAME TEXT` */
export async function send(
  paths: Paths,
  to: string,
  words: readonly string[],
  options: SendOptions,
): Promise<number> {
  const isJson = options.json ?? false
  if (words.length === 0)
    throw new SentoError("usage", "the text is missing", 'run `sento send NAME "TEXT"`, or `-` for stdin')
  const waitSeconds = readWait(options.wait)
  const text = await readText(words)
  await ensureReady(paths, isJson)
  const messageId = Bun.randomUUIDv7()
  const request = { op: "send", to, text, replyTo: options.replyTo ?? null, messageId } as const
  if (waitSeconds === null)
    return say(await askUntilAnswered<SendResult>(paths, request), isJson, tellArrived)
  return sendAndWait(paths, { ...request, wait: true }, waitSeconds, isJson)
}

/** Null: not at all. @throws usage */
function readWait(wait: string | true | undefined): number | null {
  if (wait === undefined) return null
  const seconds = wait === true ? defaultWaitSeconds : Number(wait)
  if (Number.isFinite(seconds) && seconds > 0 && seconds <= mostWaitSeconds) return seconds
  throw new SentoError(
    "usage",
    `${JSON.stringify(wait)} is no number of seconds`,
    "write `--wait 60`, and the text before it or after `--`",
  )
}

/** The answer goes to stdout; what happens meanwhile to stderr. */
async function sendAndWait(
  paths: Paths,
  request: DoorRequestInput & { readonly to: string; readonly messageId: string },
  seconds: number,
  isJson: boolean,
): Promise<number> {
  let sent: SendResult | null = null
  const onEvent = (event: DoorEvent): void => {
    if (event.event === "sent") sent = event.result
    if (isJson) return
    if (event.event === "sent" && event.result.status === "queued")
      tell(`queued for ${request.to}: ${event.result.reason}; waiting`)
    if (event.event === "news") tellNews(request.to, event.state, event.reason)
  }
  const inTime = AbortSignal.timeout(seconds * 1000)
  const interrupted = new AbortController()
  process.once("SIGINT", () => interrupted.abort())
  const signal = AbortSignal.any([inTime, interrupted.signal])
  try {
    const result = await askUntilAnswered<SendResult | null>(paths, request, { onEvent, signal })
    if (result?.reply === undefined) throw stopped(request.to)
    if (isJson) printJson(result)
    else {
      tell(`${result.to} answers (to go on: sento reply ${result.reply.id} TEXT):`)
      print(layOut(result.to, result.reply.id, result.reply.text))
    }
    return 0
  } catch (error) {
    if (!signal.aborted) throw error
    if (interrupted.signal.aborted) {
      noAnswer(request.to, sent, "stopped waiting", isJson)
      return exitStatus.interrupted
    }
    noAnswer(request.to, sent, `no answer within ${seconds} s`, isJson)
    return exitStatus["timed-out"]
  }
}

/** Its owner stopped the Guardian, or it ended again and again: the message is kept, and said again would come twice. */
const stopped = (to: string): SentoError =>
  new SentoError(
    "failed",
    `the Guardian was stopped before ${to} answered`,
    `the message lives on: \`sento guard\` starts it again, and the answer will be typed into this session`,
  )

/**
 * Asks the Guardian, and where it dies without a word, another one the same thing: the message's id says that it
 * is the same message, which is kept once.
 */
async function askUntilAnswered<Result>(
  paths: Paths,
  request: DoorRequestInput & { readonly messageId: string },
  options: DoorOptions = {},
): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await callDoor<Result>(paths, "agent", request, options)
    } catch (error) {
      if (!(error instanceof HungUp || error instanceof NoGuardian)) throw error
      if (tries === mostTries) throw diedAgain(tries)
    }
    await ensureGuardian(paths)
  }
}

const diedAgain = (tries: number): SentoError =>
  new SentoError(
    "failed",
    `the Guardian ended ${tries} times without an answer`,
    "see `sento guard logs`; `sento log` says whether the message is kept: if it is, do not send it again",
  )

function noAnswer(to: string, sent: SendResult | null, reason: string, isJson: boolean): void {
  if (isJson) printJson({ ...(sent ?? { to, status: "queued" }), reason })
  else {
    tell(`${reason.replace("answer", `answer from ${to}`)}; the message lives on`)
    const answer =
      sent?.paused === undefined ? "an answer will be typed into this session" : keptWords(to, sent.paused)
    tell(
      `hint: do not send it again; go on, and ${answer} (\`sento log ${to}\` says what became of the message)`,
    )
  }
}

function tellNews(to: string, state: string, reason: string | null): void {
  const words: Readonly<Record<string, string>> = {
    accepted: `${to} has the message; waiting for the answer`,
    delivered: `typed into ${to}'s session`,
    uncertain: `${to}'s Guardian cannot tell whether the message was typed; ask again if no answer comes`,
    held: `${to}'s agent cannot take it now (${reason === null ? "held" : reasonWords(reason)}); held until it can`,
    loop: `${to}'s Guardian holds it: too many replies in a row, until ${to}'s owner says \`sento agents resume\``,
  }
  const isLoop = state === "held" && reason === "loop"
  const why = reason === null ? "" : ` (${reasonWords(reason)})`
  tell((isLoop ? words.loop : words[state]) ?? `${to}: ${state}${why}`)
}

/** `sento reply ID TEXT` */
export async function reply(
  paths: Paths,
  id: string,
  words: readonly string[],
  isJson: boolean,
): Promise<number> {
  const text = await readText(words)
  await ensureReady(paths, isJson)
  const request = { op: "reply", id, text, messageId: Bun.randomUUIDv7() } as const
  return say(await askUntilAnswered<SendResult>(paths, request), isJson, ({ to }) =>
    tell(`${to} has your answer; nothing more to do`),
  )
}

/** Said to a model as much as to a person: what happened, and what to do next. */
function tellArrived({ to, paused }: SendResult): void {
  tell(`${to} has the message`)
  tell(
    `hint: go on; ${paused === undefined ? `an answer will be typed into this session as \`← agent ${to} [id]: …\`` : keptWords(to, paused)}`,
  )
}

/** To whom its owner paused: what comes from there is not typed now. */
const keptWords = (to: string, until: PauseEnd): string =>
  `${to} is paused here, so an answer is kept ${pauseWords({ name: to, until, reason: "owner" })}`

function say(result: SendResult, isJson: boolean, tellArrived: (result: SendResult) => void): number {
  if (isJson) printJson(result)
  else if (result.status === "queued") {
    tell(`queued for ${result.to}: ${result.reason}`)
    tell(
      `hint: nothing to do; it is tried again for 24 hours, and \`sento log ${result.to}\` says what became of it`,
    )
  } else tellArrived(result)
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
