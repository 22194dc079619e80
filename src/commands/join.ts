/** `sento pair CODE`: joins the agent whose owner gave the code. */
import { callDoor } from "../guardian/door/client.ts"
import type { Candidate, PairingEvent } from "../guardian/door/results.ts"
import { formatAddress, isDestination, isLoopback, readAddress } from "../protocol/addresses.ts"
import { formatCode, readGivenCode } from "../protocol/codes.ts"
import { SentoError } from "../protocol/errors.ts"
import { readYesNo } from "../protocol/questions.ts"
import { readConfig } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { withPin } from "./consent.ts"
import type { Io } from "./io.ts"
import {
  exitOf,
  interruption,
  isNotOwner,
  requireLocalName,
  tellEnd,
  withoutUnused,
} from "./pairing-events.ts"
import { ask, choose } from "./prompts.ts"
import { ensureReady } from "./ready.ts"
import { bold, dim, isPerson, printJson, tell } from "./terminal.ts"
import { tellWay } from "./way-words.ts"

/** `--as` and `--replace`: what the other agent is to be called here. */
type JoinOptions = { readonly as?: string; readonly replace?: true; readonly json?: true }

/** `sento pair CODE[@HOST[:PORT]]` */
export async function join(io: Io, paths: Paths, target: string, options: JoinOptions): Promise<number> {
  const isJson = options.json ?? false
  const { isCertain, ...wish } = readTarget(target)
  requireLocalName(options)
  const isOther = !isCertain || isPaired(paths, target.trim().toLowerCase())
  if (isOther && !(await isMeant(io, target, wish, isJson))) return 0
  await ensureReady(io, paths, isJson)
  const found: Candidate[] = []
  try {
    return await joinAt(io, paths, wish, options, found)
  } catch (error) {
    if (found.length === 0 || !isPerson(io, isJson)) throw error
    const { host, port } = await pick(found)
    const heard = wish.host === null && !isLoopback(host)
    return joinAt(io, paths, { ...wish, host, port, heard }, options, [])
  }
}

async function pick(found: readonly Candidate[]): Promise<Candidate> {
  const isHere = found.every(one => isLoopback(one.host))
  const places = new Map(found.map(one => [formatAddress(one.host, one.port), one]))
  const chosen = await choose(
    "Several agents have an open code. Which one is it?",
    [...places].map(([value, { name, port }]) => ({
      value,
      label: isHere ? `${name} (port ${port})` : `${name} at ${value}`,
    })),
  )
  const candidate = places.get(chosen)
  if (candidate === undefined) throw new Error("what was chosen was not offered")
  return candidate
}

type Target = { readonly symbols: string; readonly host: string | null; readonly port: number | null }

const isPaired = (paths: Paths, name: string): boolean =>
  Object.hasOwn(readConfig(paths)?.config.agents ?? {}, name)

/**
 * Whether a word that may be something else is meant as a code: to try it costs its owner one of three tries.
 * @throws usage where nobody can be asked; interrupted
 */
async function isMeant(io: Io, given: string, { symbols }: Target, isJson: boolean): Promise<boolean> {
  const code = formatCode(symbols)
  if (!isPerson(io, isJson))
    throw new SentoError(
      "usage",
      `${JSON.stringify(given)} may be a word as well as a code`,
      `a code is written \`sento pair ${code}\`; what can be said here: \`sento pair --help\``,
    )
  const answer = await ask(`Is ${JSON.stringify(given)} a pairing code, ${code}? (yes/no)`, {
    check: text => (readYesNo(text) === null ? "yes or no" : undefined),
  })
  if (answer !== null && readYesNo(answer) === "yes") return true
  tell(io, "Not tried. What can be said here: `sento pair --help`")
  return false
}

/** @param found - takes the agents that have a code open, where there are several */
async function joinAt(
  io: Io,
  paths: Paths,
  wish: Target & { readonly heard?: boolean },
  options: JoinOptions,
  found: Candidate[],
): Promise<number> {
  const stop = interruption()
  const onEvent = (event: PairingEvent): void => {
    if (event.event === "several") found.push(...event.candidates)
    if (options.json) printJson(io, withoutUnused(event))
    else tellJoiner(io, event)
  }
  const request = { op: "join", ...wish, as: options.as ?? null, replace: options.replace ?? false } as const
  const call = (door: "owner" | "agent", pin: string | null) =>
    callDoor(paths, door, { ...request, pin }, { onEvent, signal: stop.signal })
  const end = await withPin(io, `to join ${formatCode(wish.symbols)}`, pin => call("owner", pin)).catch(
    error => (isNotOwner(error) ? call("agent", null) : Promise.reject(error)),
  )
  if (end?.event === "paired" && isPerson(io, options.json ?? false)) await tellWay(io, paths, end.name)
  return exitOf(end)
}

function tellJoiner(io: Io, event: PairingEvent): void {
  if (event.event === "request") {
    tell(
      io,
      `This agent's own owner is asked first (${event.id}); nothing that could pair is sent before the yes.`,
    )
    tell(
      io,
      `The owner answers where they are asked, or with \`sento approve ${event.id}\` in a terminal of their own.`,
    )
  } else if (event.event === "found") {
    tell(io, `Found ${bold(io, event.name)} at ${formatAddress(event.host, event.port)}.`)
  } else if (event.event === "verifier") {
    tell(io, `Verifier: ${bold(io, event.verifier)}; ${event.name}'s owner sees the same.`)
    tell(io, dim(io, `Waiting for ${event.name}'s owner to say yes; Ctrl-C stops the wait, not the request.`))
  } else tellEnd(io, event)
}

/** @throws usage for what is no code or no address */
function readTarget(target: string): Target & { readonly isCertain: boolean } {
  const at = target.indexOf("@")
  const code = at < 0 ? target : target.slice(0, at)
  const given = readGivenCode(code)
  if (given === null)
    throw new SentoError(
      "usage",
      `${JSON.stringify(code)} is no pairing code`,
      "a code looks like SENTO-4F2K: `sento pair SENTO-4F2K`",
    )
  const { symbols } = given
  if (at < 0) return { ...given, host: null, port: null }
  const address = readAddress(target.slice(at + 1))
  if (address !== null && !isDestination(address.host))
    throw new SentoError(
      "usage",
      `${JSON.stringify(address.host)} is every address of a machine, and none that leads to one`,
      "ask the other owner for the address: their `sento pair` prints it, and `sento guard status` does",
    )
  // No word has an address behind it.
  if (address !== null) return { symbols, isCertain: true, ...address }
  throw new SentoError(
    "usage",
    `${JSON.stringify(target.slice(at + 1))} is no address`,
    `run \`sento pair ${formatCode(symbols)}@HOST\` or \`…@HOST:PORT\`, with an IPv6 address in brackets`,
  )
}
