/** `sento ask ID`: one question, for the popup over the agent's session. */
import { callDoor, HungUp } from "../guardian/door/client.ts"
import type { PairingEvent } from "../guardian/door/results.ts"
import { exitStatus, SentoError } from "../protocol/errors.ts"
import type { Paths } from "../store/paths.ts"
import type { AddCommand } from "./command.ts"
import { answerHere, answerWords, tellQuestion } from "./consent.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { isPerson, tell } from "./terminal.ts"
import { unaskedOf } from "./unasked.ts"

/** The words of `sento ask`. */
export const addAsk: AddCommand = (program, { io, paths, finish }) =>
  program
    .command("ask", { hidden: true })
    .argument("<id>")
    .action(id => finish(askInPopup(io, paths(), id)))

/** How long the outcome stays before the popup goes. */
const readingMilliseconds = 2000

/**
 * `sento ask ID`: one question, for the popup over the agent's session. It ends with 0 only when the question is
 * answered or over, here or elsewhere.
 */
async function askInPopup(io: Io, paths: Paths, id: string): Promise<number> {
  if (!isPerson(io, false))
    throw new SentoError(
      "refused",
      "nobody can be asked here",
      `run \`sento approve ${id}\` in a terminal of your own`,
    )
  const unasked = await unaskedOf(needConfig(io, paths))
  const withdrawn = new AbortController()
  const { promise: here, resolve, reject } = Promise.withResolvers<string | null>()
  let isShown = false
  const onEvent = (event: PairingEvent): void => {
    if (event.event === "answered") withdrawn.abort()
    if (event.event !== "request") return
    isShown = true
    tellQuestion(io, paths, event, unasked)
    answerHere(io, paths, event, withdrawn.signal).then(
      answer => resolve(answer === null ? null : answerWords(answer)),
      reject,
    )
  }
  const request = { op: "question", id } as const
  const ended = callDoor(paths, "owner", request, { onEvent }).then(end => {
    if (end === null) throw new HungUp()
    return isShown ? here : null
  })
  try {
    tell(io, (await Promise.race([here, ended])) ?? "Answered elsewhere.")
    return 0
  } catch (error) {
    withdrawn.abort()
    if (!(error instanceof SentoError)) throw error
    if (error instanceof HungUp) tell(io, "The Guardian stopped; the question is asked again when it runs.")
    else if (error.code === "interrupted")
      tell(io, `Not answered; \`sento approve ${id}\` answers the request later.`)
    else tell(io, `sento: error: ${error.message}`)
    return exitStatus[error.code]
  } finally {
    await Bun.sleep(readingMilliseconds)
  }
}
