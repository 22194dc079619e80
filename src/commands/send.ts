/** `sento send`, `sento reply`. */

import { pauseWords } from "../guardian/books/pauses.ts"
import { callDoor, type DoorOptions, HungUp, NoGuardian } from "../guardian/door/client.ts"
import type { DoorRequestInput, EventOf, ResultOf } from "../guardian/door/operations.ts"
import type { MessageEvent, PauseEnd, SendResult } from "../guardian/door/results.ts"
import { exitStatus, SentoError } from "../protocol/errors.ts"
import { layOut } from "../protocol/layout.ts"
import { reasonWords } from "../protocol/receipts.ts"
import type { Paths } from "../store/paths.ts"
import { type AddCommand, command, type OptionsOf, type Program } from "./command.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { readText } from "./message-text.ts"
import { ensureReady } from "./ready.ts"
import { hang } from "./rows.ts"
import { ensureGuardian } from "./running.ts"
import { isPerson, printJson, printRows, tell } from "./terminal.ts"

const grammar = (program: Program) =>
  command(program, "send", "send a message to a paired agent")
    .argument("<name>")
    .argument("[text...]", "the message, or - for stdin")
    .option("--wait [seconds]", "wait for the answer and print it (100 s)")
    .option("--reply-to <id>", "the message that this answers")

type SendOptions = OptionsOf<typeof grammar>

/** The words of `sento send`. */
export const addSend: AddCommand = (program, { io, paths, finish }) =>
  grammar(program).action((to, words, options) => finish(send(io, paths("agent"), to, words, options)))

/** Shell tools end a command after two minutes (Claude Code 2.1.332, OpenCode 1.18.33), and what it said is lost. */
const defaultWaitSeconds = 100
const mostWaitSeconds = 24 * 60 * 60
/** Guardians that may die under one request. */
const mostTries = 4

/** `sento send NAME TEXT` */
export async function send(
  io: Io,
  paths: Paths,
  to: string,
  words: readonly string[],
  options: SendOptions,
): Promise<number> {
  const isJson = options.json ?? false
  if (words.length === 0)
    throw new SentoError("usage", "the text is missing", 'run `sento send NAME "TEXT"`, or `-` for stdin')
  const waitSeconds = readWait(options.wait)
  const text = await readText(io, words)
  await ensureReady(io, paths, isJson)
  const messageId = Bun.randomUUIDv7()
  const request = { op: "send", to, text, replyTo: options.replyTo ?? null, messageId } as const
  if (waitSeconds === null) {
    const sent = await askUntilAnswered(io, paths, request)
    if (sent === null) throw stopped(to)
    return say(io, sent, isJson, (io, result) => tellArrived(io, paths, result))
  }
  return sendAndWait(io, paths, { ...request, wait: true }, waitSeconds, isJson)
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
  io: Io,
  paths: Paths,
  request: DoorRequestInput<"send"> & { readonly messageId: string },
  seconds: number,
  isJson: boolean,
): Promise<number> {
  let sent: SendResult | null = null
  const onEvent = (event: MessageEvent): void => {
    if (event.event === "sent") sent = event.result
    if (isJson) return
    if (event.event === "sent" && event.result.status === "queued")
      tell(io, `queued for ${request.to}: ${event.result.reason}; waiting`)
    if (event.event === "news") tellNews(io, request.to, event.state, event.reason)
  }
  const inTime = AbortSignal.timeout(seconds * 1000)
  const interrupted = new AbortController()
  process.once("SIGINT", () => interrupted.abort())
  const signal = AbortSignal.any([inTime, interrupted.signal])
  try {
    const result = await askUntilAnswered(io, paths, request, { onEvent, signal })
    if (result?.reply === undefined) throw stopped(request.to)
    if (isJson) printJson(io, result)
    else {
      tell(io, `${result.to} answers (to go on: sento reply ${result.reply.id} TEXT):`)
      const { columns } = io.sizeOf("stdout")
      const lines = layOut(result.to, result.reply.id, result.reply.text).split("\n")
      printRows(
        io,
        lines.flatMap(line => hang(line, columns, "  ")),
      )
    }
    return 0
  } catch (error) {
    if (!signal.aborted) throw error
    if (interrupted.signal.aborted) {
      noAnswer(io, paths, request.to, sent, "stopped waiting", isJson)
      return exitStatus.interrupted
    }
    noAnswer(io, paths, request.to, sent, `no answer within ${seconds} s`, isJson)
    return exitStatus["timed-out"]
  }
}

/** Its owner stopped the Guardian, or it ended again and again: the message is kept, and said again would come twice. */
const stopped = (to: string): SentoError =>
  new SentoError(
    "failed",
    `the Guardian was stopped before ${to} answered`,
    `the message lives on: \`sento guard\` starts it again, and the answer will be typed into the agent's session`,
  )

/**
 * Asks the Guardian, and where it dies without a word, another one the same thing: the message's id says that it
 * is the same message, which is kept once.
 */
export async function askUntilAnswered<Op extends "send" | "reply">(
  io: Io,
  paths: Paths,
  request: { readonly op: Op; readonly messageId: string } & NoInfer<DoorRequestInput<Op>>,
  options: DoorOptions<EventOf<Op>> = {},
): Promise<ResultOf<Op>> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await callDoor(paths, "agent", request, options)
    } catch (error) {
      if (!(error instanceof HungUp || error instanceof NoGuardian)) throw error
      if (tries === mostTries) throw diedAgain(tries)
    }
    await ensureGuardian(io, paths)
  }
}

const diedAgain = (tries: number): SentoError =>
  new SentoError(
    "failed",
    `the Guardian ended ${tries} times without an answer`,
    "see `sento guard logs`; `sento log` says whether the message is kept: if it is, do not send it again",
  )

function noAnswer(
  io: Io,
  paths: Paths,
  to: string,
  sent: SendResult | null,
  reason: string,
  isJson: boolean,
): void {
  if (isJson) printJson(io, { ...(sent ?? { to, status: "queued" }), reason })
  else {
    tell(io, `${reason.replace("answer", `answer from ${to}`)}; the message lives on`)
    const answer =
      sent?.paused === undefined
        ? `an answer will be typed into ${sessionWords(io, paths)}`
        : keptWords(to, sent.paused)
    tell(
      io,
      `hint: do not send it again; go on, and ${answer} (\`sento log ${to}\` says what became of the message)`,
    )
  }
}

function tellNews(io: Io, to: string, state: string, reason: string | null): void {
  const words: Readonly<Record<string, string>> = {
    accepted: `${to} has the message; waiting for the answer`,
    delivered: `typed into ${to}'s session`,
    uncertain: `${to}'s Guardian cannot tell whether the message was typed; ask again if no answer comes`,
    held: `${to} has the message and cannot type it now (${reason === null ? "held" : reasonWords(reason)}); it is typed when it can be`,
    loop: `${to}'s Guardian holds the message: too many replies in a row, until ${to}'s owner says \`sento agents resume\``,
  }
  const isLoop = state === "held" && reason === "loop"
  const why = reason === null ? "" : ` (${reasonWords(reason)})`
  tell(io, (isLoop ? words.loop : words[state]) ?? `${to}: ${state}${why}`)
}

/** Said to a model as much as to a person: what happened, and what to do next. */
function tellArrived(io: Io, paths: Paths, { to, paused }: SendResult): void {
  tell(io, `${to} has the message`)
  const typed = `an answer will be typed into ${sessionWords(io, paths)} as \`← agent ${to} [id]: …\``
  tell(io, `hint: go on; ${paused === undefined ? typed : keptWords(to, paused)}`)
}

/** An agent is told of its own session; a person may sit at any terminal. */
const sessionWords = (io: Io, paths: Paths): string =>
  isPerson(io, false) && !paths.isAgentSide ? `${needConfig(io, paths).name}'s session` : "this session"

/** To whom its owner paused: what comes from there is not typed now. */
const keptWords = (to: string, until: PauseEnd): string =>
  `${to} is paused here, so an answer is kept ${pauseWords({ name: to, until, reason: "owner" })}`

export function say(
  io: Io,
  result: SendResult,
  isJson: boolean,
  tellArrived: (io: Io, result: SendResult) => void,
): number {
  if (isJson) printJson(io, result)
  else if (result.status === "queued") {
    tell(io, `queued for ${result.to}: ${result.reason}`)
    tell(
      io,
      `hint: nothing to do; the message is tried again for 24 hours, and \`sento log ${result.to}\` says what became of it; \`sento cancel ${result.shortId ?? result.id}\` takes it back`,
    )
  } else tellArrived(io, result)
  return result.status === "queued" ? exitStatus["try-later"] : 0
}
