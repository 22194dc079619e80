/** `sento owner pin`: sets, changes or takes away the PIN. */
import { leastPinLength } from "../guardian/books/pin.ts"
import { callDoor } from "../guardian/door/client.ts"
import { SentoError } from "../protocol/errors.ts"
import { readYesNo } from "../protocol/questions.ts"
import type { Paths } from "../store/paths.ts"
import { command, type Group, type Run } from "./command.ts"
import { withPin } from "./consent.ts"
import type { Io } from "./io.ts"
import { ask, askSecret } from "./prompts.ts"
import { ensureConfig } from "./ready.ts"
import { ensureGuardian } from "./running.ts"
import { isPerson, tell } from "./terminal.ts"

/** The words of `sento owner pin`. */
export const addOwnerPin = (asking: Group, { io, paths, finish }: Run): void => {
  command(asking, "pin", "set, change or take away the PIN that a yes and a removal take").action(() =>
    finish(ownerPin(io, paths())),
  )
}

/** The PIN is typed, and nothing else: never an argument, which other processes can see. */
async function ownerPin(io: Io, paths: Paths): Promise<number> {
  if (!isPerson(io, false))
    throw new SentoError(
      "usage",
      "the PIN is asked for in a terminal",
      "run `sento owner pin` in one of your own",
    )
  const { owner } = await ensureConfig(io, paths, false)
  await ensureGuardian(io, paths)
  const isSet = owner?.pin !== undefined
  const pin = isSet ? await askOldPin(io, paths) : null
  const next = await askNewPin(isSet)
  if (next === null && !(await isMeant(io))) return 0
  await callDoor(paths, "owner", { op: "pin", pin, next })
  if (next === null) tell(io, "no PIN any more")
  else tell(io, "the PIN is set: every yes and every removal takes it")
  return 0
}

/** The PIN that holds until now, asked for again where it is wrong. */
const askOldPin = (io: Io, paths: Paths): Promise<string | null> =>
  withPin(io, "the one until now", async pin => {
    await callDoor(paths, "owner", { op: "confirm", pin })
    return pin
  })

/** Null: none any more. */
async function askNewPin(isSet: boolean): Promise<string | null> {
  const check = (pin: string): string | undefined => {
    if (pin.length >= leastPinLength || (pin === "" && isSet)) return undefined
    return `give at least ${leastPinLength} characters`
  }
  const what = `at least ${leastPinLength} characters`
  const next = await askSecret(isSet ? `New PIN, ${what} (empty: none any more)` : `PIN, ${what}`, { check })
  if (next === "") return null
  return askSecret("Once more", {
    check: again => (again === next ? undefined : "that is another one; Ctrl-C gives up"),
  })
}

/** Without a PIN whoever can type into a terminal of the owner's can say yes. */
async function isMeant(io: Io): Promise<boolean> {
  const answer = await ask("Take the PIN away, so that no yes needs one? (yes/no)", {
    check: text => (readYesNo(text) === null ? "type yes or no" : undefined),
  })
  if (answer !== null && readYesNo(answer) === "yes") return true
  tell(io, "the PIN stays as it is")
  return false
}
