/** `sento owner pin`: sets, changes or takes away the PIN. */
import { leastPinLength, requireLength } from "../guardian/books/pin.ts"
import { callDoor } from "../guardian/door/client.ts"
import { SentoError } from "../protocol/errors.ts"
import type { Paths } from "../store/paths.ts"
import { command, type Group, type Run } from "./command.ts"
import { ensureConfig } from "./init.ts"
import type { Io } from "./io.ts"
import { askSecret } from "./prompts.ts"
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
  const pin = isSet ? await askSecret("The PIN until now") : null
  const next = await askSecret(
    isSet ? "New PIN (empty: none any more)" : `PIN, at least ${leastPinLength} characters`,
  )
  if (next === "" && !isSet) throw new SentoError("usage", "no PIN was typed", "run `sento owner pin` again")
  if (next !== "") requireLength(next)
  if (next !== "" && (await askSecret("Once more")) !== next)
    throw new SentoError("usage", "the two are not the same", "run `sento owner pin` again")
  await callDoor(paths, "owner", { op: "pin", pin, next: next === "" ? null : next })
  if (next === "") tell(io, "no PIN any more")
  else tell(io, "the PIN is set: every yes and every removal takes it")
  return 0
}
