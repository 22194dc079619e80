/** The side that types a code needs nothing open. */
async function joinWith(io: Io, paths: Paths, target: string, options: PairOptions): Promise<number> {
  if (options.close)
    throw new SentoError(
      "usage",
      "a code of another agent is not closed here",
      "`sento pair --close` closes this agent's own; `sento status` shows a join that waits, and how to withdraw it",
    )
  if (options.network === undefined && options.listen === undefined) return join(io, paths, target, options)
  throw new SentoError(
    "usage",
    "a side that types a code opens nothing",
    "leave --network and --listen away: they are for `sento pair` without a code, on the other side",
  )
}

/** `sento pair`: a code for the other owner, and the question when it was proved. */
import { callDoor } from "../guardian/door/client.ts"
import type { PairingEvent } from "../guardian/door/results.ts"
import { firstPort } from "../protocol/addresses.ts"
import { exitStatus, SentoError } from "../protocol/errors.ts"
import type { Paths } from "../store/paths.ts"
import { type AddCommand, command, type OptionsOf, type Program } from "./command.ts"
import { answerHere, answerWords, askOrDo, type Request, tellQuestion } from "./consent.ts"
import { needConfig } from "./home.ts"
import { eachOf } from "./init-options.ts"
import type { Io } from "./io.ts"
import { join } from "./join.ts"
import { openForOther } from "./opening.ts"
import { exitOf, interruption, isNotOwner, tellEnd, withoutUnused } from "./pairing-events.ts"
import { untilQuiet } from "./prompts.ts"
import { ensureReady } from "./ready.ts"
import { bold, dim, isPerson, print, printJson, tell } from "./terminal.ts"
import { unaskedOf } from "./unasked.ts"
import { tellWay } from "./way-words.ts"

const grammar = (program: Program) =>
  command(program, "pair", "print a pairing code, or join with one")
    .argument("[code...]", "CODE, CODE@HOST or CODE@HOST:PORT, from the other owner")
    .option("--long", "a code of eight symbols")
    .option("--network", "for another machine: opens this machine's private and VPN addresses, and stays so")
    .option("--listen <host>", "for another machine: opens this address; all: public ones too", eachOf)
    .option("--close", "close the code that is open: nobody can join by it any more")
    .option("--as <name>", "the name for the other agent here")
    .option("--replace", "end the pair that has this name now")

type PairOptions = OptionsOf<typeof grammar>

/** The words of `sento pair`. */
export const addPair: AddCommand = (program, { io, paths, finish }) =>
  grammar(program).action((words, options) =>
    finish(
      words.length === 0 ? pairHere(io, paths(), options) : joinWith(io, paths(), words.join(" "), options),
    ),
  )

const pairHere = (io: Io, paths: Paths, options: PairOptions): Promise<number> =>
  options.close ? closeCode(io, paths, options.json ?? false) : pair(io, paths, options)

/** `sento pair --close` */
async function closeCode(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  const { wasOpen } = await askOrDo(io, paths, { op: "close" }, ({ store, now }) => {
    const isOpen = store.codes.open(now()) !== null
    store.codes.close("expired")
    return { wasOpen: isOpen }
  })
  if (isJson) printJson(io, { closed: wasOpen })
  else tell(io, wasOpen ? "the code is closed: nobody can join by it any more" : "no code is open")
  return 0
}

/** `sento pair`: a code for the other owner, and the question when it was proved. */
async function pair(io: Io, paths: Paths, options: PairOptions): Promise<number> {
  const isJson = options.json ?? false
  await ensureReady(io, paths, isJson)
  if (!(await openForOther(io, paths, options))) return 0
  const stop = interruption()
  const unasked = isJson ? null : await unaskedOf(needConfig(io, paths))
  const asking: Asking = { withdrawals: new Map(), answers: new Set(), stop }
  const onEvent = (event: PairingEvent): void => {
    if (isJson) printJson(io, withoutUnused(event))
    else tellMinter(io, paths, event, unasked)
    if (event.event === "answered") asking.withdrawals.get(event.id)?.abort()
    if (event.event === "request" && isPerson(io, isJson)) askHere(io, paths, event, asking)
  }
  const request = { op: "pair", long: options.long ?? false } as const
  try {
    const end = await callDoor(paths, "owner", request, {
      onEvent,
      signal: stop.signal,
    })
    await Promise.allSettled(asking.answers)
    if (end?.event === "paired" && isPerson(io, isJson)) await tellWay(io, paths, end.name)
    return exitOf(end)
  } catch (error) {
    // Told already, with what answers the request later.
    if (stop.signal.reason === unanswered) return exitStatus.interrupted
    if (!isNotOwner(error)) throw error
    return pairForAgent(io, paths, request, onEvent, (error as SentoError).message)
  }
}

/** An agent may open a code, because its owner told it to; the yes stays with the owner. */
async function pairForAgent(
  io: Io,
  paths: Paths,
  request: { readonly op: "pair"; readonly long: boolean },
  onEvent: (event: PairingEvent) => void,
  reason: string,
): Promise<number> {
  await callDoor(paths, "agent", { ...request, wait: false }, { onEvent })
  const self = paths.isAgentSide ? "the agent" : needConfig(io, paths).name
  const why = reason.replace(/^only the owner may do this: /, "")
  tell(io, `Nobody is asked for a yes here, where ${self} itself may be at the keyboard: ${why}.`)
  tell(io, "Open another window (in tmux: Ctrl-b c), and run `sento pair` or `sento approve` there.")
  return 0
}

/** Why the wait ends: the question was closed without an answer. */
const unanswered = Symbol("unanswered")

/** The questions of one command: what withdraws each, the answers that are still out, and what ends the wait. */
type Asking = {
  readonly withdrawals: Map<string, AbortController>
  readonly answers: Set<Promise<void>>
  readonly stop: AbortController
}

/** Asks in this terminal; an answer given elsewhere withdraws the question. */
function askHere(io: Io, paths: Paths, request: Request, { withdrawals, answers, stop }: Asking): void {
  const withdrawn = new AbortController()
  withdrawals.set(request.id, withdrawn)
  // One prompt at a time: the keyboard is one.
  const before = [...answers]
  const answer = Promise.allSettled(before)
    .then(() => (withdrawn.signal.aborted ? null : answerHere(io, paths, request, withdrawn.signal)))
    .then(answer => {
      if (answer === null) return withdraw(io)
      if (request.kind === "join") tell(io, answerWords(answer))
    })
    .catch(error => {
      if (error instanceof SentoError && error.code === "interrupted") {
        tell(
          io,
          `Not answered; \`sento approve ${request.id}\` or \`sento deny ${request.id}\` answers the request later.`,
        )
        stop.abort(unanswered)
      } else tell(io, `sento: error: ${(error as Error).message}`)
    })
    .finally(() => answers.delete(answer))
  answers.add(answer)
}

/** What is being typed must not reach the shell: there `yes` is a program without an end. */
async function withdraw(io: Io): Promise<void> {
  tell(io, "answered elsewhere")
  await untilQuiet()
}

/** The first port is what a joiner tries by itself. */
const withoutPort = (address: string): string =>
  address.endsWith(`:${firstPort}`) ? address.slice(0, -`:${firstPort}`.length) : address

/** Which VPN both must be in; where it is none, something else. */
const over = (place: { readonly vpn: string | null } | undefined, otherwise: string): string =>
  place?.vpn == null ? otherwise : `, over the VPN ${place.vpn}`

function tellMinter(io: Io, paths: Paths, event: PairingEvent, unasked: string | null): void {
  if (event.event === "code") {
    print(io, event.code)
    tell(io)
    const addresses = event.addresses ?? [{ address: event.code, vpn: null }]
    const [first, ...others] = addresses.map(({ address, vpn }) => ({ address: withoutPort(address), vpn }))
    tell(
      io,
      `Tell the other agent's owner to run${over(first, "")}:  ${bold(io, `sento pair ${first?.address}`)}`,
    )
    for (const one of others)
      tell(io, `or${over(one, ", where that leads nowhere")}:  sento pair ${one.address}`)
    if (event.addresses === undefined && !isPerson(io, false))
      tell(io, "Only this machine can use this code: `sento pair --network` makes one for another machine.")
    tell(io, dim(io, "The code is good for 10 minutes, also where Ctrl-C ends this wait."))
  } else if (event.event === "request") {
    tellQuestion(io, paths, event, unasked)
    if (!isPerson(io, false))
      tell(io, `answer with \`sento approve ${event.id}\` or \`sento deny ${event.id}\``)
  } else tellEnd(io, event)
}
