/** `sento pair`, `sento pair CODE`, `sento approve`, `sento deny`. */

import { callDoor } from "../guardian/door/client.ts"
import type { Answer, Candidate, PairingEvent } from "../guardian/door/requests.ts"
import { formatAddress, readAddress } from "../protocol/addresses.ts"
import { formatCode, readCode, readShortId } from "../protocol/codes.ts"
import { exitStatus, isErrorCode, SentoError } from "../protocol/errors.ts"
import { isName, nameRule } from "../protocol/names.ts"
import type { Paths } from "../store/paths.ts"
import {
  type Answered,
  answerHere,
  answerWords,
  approveWith,
  askYesNo,
  deniedWords,
  pairedWords,
  type Request,
  sayYes,
  tellQuestion,
  withPin,
} from "./consent.ts"
import { ensureGuardian } from "./guard.ts"
import { needConfig } from "./home.ts"
import { ensureReady } from "./ready.ts"
import { bold, choose, dim, isPerson, print, printJson, tell, untilQuiet } from "./terminal.ts"
import { unaskedOf } from "./unasked.ts"

export type PairOptions = {
  readonly long?: boolean
  readonly json?: boolean
  readonly as?: string
  readonly replace?: boolean
}

/** `sento pair`: a code for the other owner, and the question when it was proved. */
export async function pair(paths: Paths, options: PairOptions): Promise<number> {
  const isJson = options.json ?? false
  await ensureReady(paths, isJson)
  const stop = interruption()
  const unasked = isJson ? null : await unaskedOf(needConfig(paths))
  const prompts = new Map<string, AbortController>()
  const onEvent = (event: PairingEvent): void => {
    if (isJson) printJson(withoutUnused(event))
    else tellMinter(paths, event, unasked)
    if (event.event === "answered") prompts.get(event.id)?.abort()
    if (event.event === "request" && isPerson(isJson)) askHere(paths, event, prompts, stop)
  }
  const request = { op: "pair", long: options.long ?? false } as const
  try {
    const end = await callDoor<PairingEvent | null, PairingEvent>(paths, "owner", request, {
      onEvent,
      signal: stop.signal,
    })
    await Promise.allSettled(answering.values())
    return exitOf(end)
  } catch (error) {
    // Told already, with what answers it later.
    if (stop.signal.reason === unanswered) return exitStatus.interrupted
    if (!isNotOwner(error)) throw error
    return pairForAgent(paths, request, onEvent, (error as SentoError).message)
  }
}

/** An agent may open a code, because its owner told it to; the yes stays with the owner. */
async function pairForAgent(
  paths: Paths,
  request: { readonly op: "pair"; readonly long: boolean },
  onEvent: (event: PairingEvent) => void,
  reason: string,
): Promise<number> {
  await callDoor<null, PairingEvent>(paths, "agent", { ...request, wait: false }, { onEvent })
  tell(`The yes is not asked for here: ${reason}.`)
  tell("When the code is used this agent's owner is asked for a yes, in every place that is set up for it,")
  tell(
    "and can say it by `sento pair` or `sento approve` in a terminal of their own. An agent cannot say it.",
  )
  return 0
}

/** Why the wait ends: the question was closed without an answer. */
const unanswered = Symbol("unanswered")

const answering = new Set<Promise<void>>()

/** Asks in this terminal; an answer given elsewhere withdraws the question. */
function askHere(
  paths: Paths,
  request: Request,
  prompts: Map<string, AbortController>,
  stop: AbortController,
): void {
  const withdrawn = new AbortController()
  prompts.set(request.id, withdrawn)
  // One prompt at a time: the keyboard is one.
  const before = [...answering]
  const answer = Promise.allSettled(before)
    .then(() => (withdrawn.signal.aborted ? null : answerHere(paths, request, withdrawn.signal)))
    .then(answer => {
      if (answer === null) return withdraw()
      if (request.kind === "join") tell(answerWords(answer))
    })
    .catch(error => {
      if (error instanceof SentoError && error.code === "interrupted") {
        tell(
          `Not answered; \`sento approve ${request.id}\` or \`sento deny ${request.id}\` answers it later.`,
        )
        stop.abort(unanswered)
      } else tell(`sento: error: ${(error as Error).message}`)
    })
    .finally(() => answering.delete(answer))
  answering.add(answer)
}

/** What is being typed must not reach the shell: there `yes` is a program without an end. */
async function withdraw(): Promise<void> {
  tell("answered elsewhere")
  await untilQuiet()
}

function tellMinter(paths: Paths, event: PairingEvent, unasked: string | null): void {
  if (event.event === "code") {
    print(event.code)
    tell()
    tell(`Tell the other agent's owner to run:  ${bold(`sento pair ${event.address ?? event.code}`)}`)
    tell(dim("The code is good for 10 minutes; Ctrl-C stops the wait for the other side, not the code."))
  } else if (event.event === "request") {
    tellQuestion(paths, event, unasked)
    if (!isPerson(false)) tell(`answer with \`sento approve ${event.id}\` or \`sento deny ${event.id}\``)
  } else tellEnd(event)
}

function tellEnd(event: PairingEvent): void {
  const line = endLine(event)
  if (line !== null) tell(line)
}

function endLine(event: PairingEvent): string | null {
  switch (event.event) {
    case "paired":
      return pairedWords(event.name)
    case "denied":
      return deniedWords
    case "expired":
      return "Nobody answered in time. Run `sento pair` for a new code."
    case "replaced":
      return "The code above is no longer good: another `sento pair` opened a new one in its place."
    case "burned":
      return `The code was burned: 3 wrong tries, the last from ${event.address}. Run \`sento pair\` for a new one.`
    default:
      return null
  }
}

/** `sento pair CODE[@HOST[:PORT]]` */
export async function join(paths: Paths, target: string, options: PairOptions): Promise<number> {
  const isJson = options.json ?? false
  const wish = readTarget(target)
  requireLocalName(options)
  await ensureReady(paths, isJson)
  try {
    return await joinAt(paths, wish, options)
  } catch (error) {
    const candidates = found.splice(0)
    if (candidates.length === 0 || !isPerson(isJson)) throw error
    const port = await choose(
      "Several agents have an open code. Which one is it?",
      candidates.map(one => ({ value: String(one.port), label: `${one.name} (port ${one.port})` })),
    )
    return joinAt(paths, { ...wish, host: wish.host ?? "127.0.0.1", port: Number(port) }, options)
  }
}

const found: Candidate[] = []

type Target = { readonly symbols: string; readonly host: string | null; readonly port: number | null }

async function joinAt(paths: Paths, wish: Target, options: PairOptions): Promise<number> {
  const stop = interruption()
  const onEvent = (event: PairingEvent): void => {
    if (event.event === "several") found.push(...event.candidates)
    if (options.json) printJson(withoutUnused(event))
    else tellJoiner(event)
  }
  const request = { op: "join", ...wish, as: options.as ?? null, replace: options.replace ?? false } as const
  const call = (door: "owner" | "agent", pin: string | null) =>
    callDoor<PairingEvent | null, PairingEvent>(
      paths,
      door,
      { ...request, pin },
      { onEvent, signal: stop.signal },
    )
  return exitOf(
    await withPin(pin => call("owner", pin)).catch(error =>
      isNotOwner(error) ? call("agent", null) : Promise.reject(error),
    ),
  )
}

/** An agent may ask to join, because it was told to; its owner is asked first. */
const isNotOwner = (error: unknown): boolean => error instanceof SentoError && error.code === "not-owner"

function tellJoiner(event: PairingEvent): void {
  if (event.event === "request") {
    tell(
      `This agent's own owner is asked first (${event.id}); nothing that could pair is sent before the yes.`,
    )
    tell(
      `The owner answers where they are asked, or with \`sento approve ${event.id}\` in a terminal of their own.`,
    )
  } else if (event.event === "found") {
    tell(`Found ${bold(event.name)} at ${formatAddress(event.host, event.port)}.`)
  } else if (event.event === "verifier") {
    tell(`Verifier: ${bold(event.verifier)}; ${event.name}'s owner sees the same.`)
    tell(dim(`Waiting for ${event.name}'s owner to say yes; Ctrl-C stops the wait, not the request.`))
  } else tellEnd(event)
}

/** @throws usage for an `--as` that is no name */
function requireLocalName({ as }: PairOptions): void {
  if (as === undefined || isName(as)) return
  throw new SentoError(
    "usage",
    `${JSON.stringify(as)} is no name: ${nameRule}`,
    "give another one: `--as NAME`",
  )
}

/** @throws usage for what is no code or no address */
function readTarget(target: string): Target {
  const at = target.indexOf("@")
  const code = at < 0 ? target : target.slice(0, at)
  const symbols = readCode(code)
  if (symbols === null)
    throw new SentoError(
      "usage",
      `${JSON.stringify(code)} is no pairing code`,
      "a code looks like SENTO-4F2K: `sento pair SENTO-4F2K`",
    )
  if (at < 0) return { symbols, host: null, port: null }
  const address = readAddress(target.slice(at + 1))
  if (address !== null) return { symbols, ...address }
  throw new SentoError(
    "usage",
    `${JSON.stringify(target.slice(at + 1))} is no address`,
    `run \`sento pair ${formatCode(symbols)}@HOST\` or \`…@HOST:PORT\`, with an IPv6 address in brackets`,
  )
}

/** `sento approve [ID]`: with an ID it is the yes; without one, a person is asked about the only one. */
export async function approve(paths: Paths, id: string | null, options: PairOptions): Promise<number> {
  requireLocalName(options)
  await ensureGuardian(paths)
  const asked = await requestFor(paths, id)
  if (asked !== null && !options.json) tellQuestion(paths, asked, await unaskedOf(needConfig(paths)))
  const answer = await answerOf(paths, asked, id, options)
  if (options.json) {
    const { outcome, ...result } = answer
    printJson({ event: outcome, ...result })
  } else tell(answerWords(answer))
  return answer.outcome === "denied" ? exitStatus.refused : 0
}

/** Where it is not clear which one is meant the Guardian says so; a PIN is never typed for one that is not shown. */
async function answerOf(
  paths: Paths,
  asked: Request | null,
  id: string | null,
  { as = null, replace = false, json = false }: { as?: string | null; replace?: boolean; json?: boolean },
): Promise<Answered> {
  const request = { op: "approve", id: asked?.id ?? id, as, replace } as const
  if (asked === null) return callDoor<Answer>(paths, "owner", request)
  if (!isPerson(json)) return approveWith(paths, request)
  const wish = as === null && !replace ? null : { as, replace }
  const never = new AbortController().signal
  return (await (id === null ? askYesNo : sayYes)(paths, asked, never, wish)) as Answered
}

/** The one that is meant, as it waits now; null for none, or several without an id. */
async function requestFor(paths: Paths, id: string | null): Promise<Request | null> {
  const waiting = await callDoor<Request[]>(paths, "owner", { op: "requests" })
  const [only] = waiting
  if (id === null) return waiting.length === 1 ? (only ?? null) : null
  return waiting.find(one => one.id === readShortId(id)) ?? null
}

/** `sento deny [ID]` */
export async function deny(paths: Paths, id: string | null, isJson: boolean): Promise<number> {
  await ensureGuardian(paths)
  const { name } = await callDoor<{ name: string }>(paths, "owner", { op: "deny", id })
  if (isJson) printJson({ event: "denied", name })
  else tell(`${name} was denied. Nothing is paired.`)
  return 0
}

/** Ctrl-C ends the wait. */
function interruption(): AbortController {
  const stop = new AbortController()
  process.once("SIGINT", () => stop.abort())
  return stop
}

/** The end of a wait as exit status. */
function exitOf(end: PairingEvent | null): number {
  switch (end?.event) {
    case "paired":
      return 0
    case "denied":
    case "burned":
      return 77
    case "expired":
      return 124
    case "failed":
      throw new SentoError(isErrorCode(end.code) ? end.code : "failed", end.message, end.hint)
    default:
      throw new SentoError("failed", "the Guardian stopped", "run the command again: what waits is kept")
  }
}

/** The events as the contract has them: a null address says nothing. */
function withoutUnused(event: PairingEvent): object {
  if (event.event !== "code" || event.address !== null) return event
  const { address: _, ...rest } = event
  return rest
}
