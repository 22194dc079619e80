/** The events of a pairing as `sento pair` tells them, with a code or without, and the exit status of their end. */
import type { PairingEvent } from "../guardian/door/results.ts"
import { isErrorCode, SentoError } from "../protocol/errors.ts"
import { isName, nameRule } from "../protocol/names.ts"
import { deniedWords, pairedWords } from "./consent.ts"
import type { Io } from "./io.ts"
import { tell } from "./terminal.ts"

export function tellEnd(io: Io, event: PairingEvent): void {
  const line = endLine(event)
  if (line !== null) tell(io, line)
}

function endLine(event: PairingEvent): string | null {
  switch (event.event) {
    case "paired":
      return pairedWords(event.name)
    case "denied":
      return deniedWords
    case "expired":
      return "Nobody answered in time. Run `sento pair` for a new code."
    case "closed":
      return "The code was closed with `sento pair --close`. Run `sento pair` for a new one."
    case "replaced":
      return "The code above is no longer good: another `sento pair` opened a new one in its place."
    case "burned":
      return `The code was burned: 3 wrong tries, the last from ${event.address}. Run \`sento pair\` for a new one.`
    default:
      return null
  }
}

/** The end of a wait as exit status. */
export function exitOf(end: PairingEvent | null): number {
  switch (end?.event) {
    case "paired":
      return 0
    case "denied":
    case "burned":
      return 77
    case "expired":
      return 124
    case "closed":
      return 1
    case "failed":
      throw new SentoError(isErrorCode(end.code) ? end.code : "failed", end.message, end.hint)
    default:
      throw new SentoError("failed", "the Guardian stopped", "run the command again: what waits is kept")
  }
}

/** The events as the contract has them: a null address says nothing. */
export function withoutUnused(event: PairingEvent): object {
  if (event.event !== "code" || event.address !== null) return event
  const { address: _, ...rest } = event
  return rest
}

/** Ctrl-C ends the wait. */
export function interruption(): AbortController {
  const stop = new AbortController()
  process.once("SIGINT", () => stop.abort())
  return stop
}

/** An agent may ask to join, because it was told to; its owner is asked first. */
export const isNotOwner = (error: unknown): boolean =>
  error instanceof SentoError && error.code === "not-owner"

/** @throws usage for an `--as` that is no name */
export function requireLocalName({ as }: { readonly as?: string }): void {
  if (as === undefined || isName(as)) return
  throw new SentoError(
    "usage",
    `${JSON.stringify(as)} is no name: ${nameRule}`,
    "give another one: `--as NAME`",
  )
}
