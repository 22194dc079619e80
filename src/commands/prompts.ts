/** What a person is asked in a terminal; Node's streams and the prompts are loaded where one is. */
import { SentoError } from "../protocol/errors.ts"

/** So long nothing must be typed before a question appears that was not asked for. */
const quietMilliseconds = 700
/** Ctrl-C, where the terminal passes it on as it is. */
const interruptByte = 3

/**
 * Drops what is typed until nothing was for a while: somebody who writes to the agent when the question appears
 * must not answer it by accident.
 * @throws interrupted on Ctrl-C
 */
export async function untilQuiet(): Promise<void> {
  const { stdin } = process
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let timer = setTimeout(resolve, quietMilliseconds)
  const restart = (typed: Buffer): void => {
    if (typed.includes(interruptByte)) reject(new SentoError("interrupted", "not answered"))
    clearTimeout(timer)
    timer = setTimeout(resolve, quietMilliseconds)
  }
  stdin.setRawMode(true)
  stdin.on("data", restart)
  stdin.resume()
  await promise.finally(() => {
    clearTimeout(timer)
    stdin.off("data", restart)
    stdin.pause()
    stdin.setRawMode(false)
  })
}

/**
 * Asks for one line.
 * @param options - `proposal`: what an empty answer stands for, and what is typed replaces; `check`: what is wrong with
 *   an answer, or undefined
 * @returns the answer; null where it was withdrawn by `signal`
 * @throws interrupted on Ctrl-C or Esc: unanswered is not no
 */
export async function ask(
  message: string,
  options: {
    readonly proposal?: string
    readonly check?: (answer: string) => string | undefined
    readonly signal?: AbortSignal
  },
): Promise<string | null> {
  const { text, isCancel } = await import("@clack/prompts")
  const { proposal, check, signal } = options
  const answer = await text({
    message,
    output: process.stderr,
    ...(proposal === undefined ? {} : { placeholder: proposal, defaultValue: proposal }),
    ...(signal === undefined ? {} : { signal }),
    validate: value => check?.(value?.trim() || (proposal ?? "")),
  })
  if (!isCancel(answer)) return answer.trim()
  if (signal?.aborted) return null
  throw new SentoError("interrupted", "not answered")
}

/** Asks for one line that is not shown. @throws interrupted, also where it was withdrawn by `signal` */
export async function askSecret(
  message: string,
  {
    check,
    signal = null,
  }: { check?: (answer: string) => string | undefined; signal?: AbortSignal | null } = {},
): Promise<string> {
  const { password, isCancel } = await import("@clack/prompts")
  const withdrawal = signal === null ? {} : { signal }
  const validation = check === undefined ? {} : { validate: (value?: string) => check(value ?? "") }
  const answer = await password({ message, output: process.stderr, ...withdrawal, ...validation })
  if (isCancel(answer)) throw new SentoError("interrupted", "not answered")
  return answer ?? ""
}

/** Lets a person pick one of several. @param first - the one that is proposed @throws interrupted */
export async function choose<Value extends string>(
  message: string,
  options: readonly { readonly value: Value; readonly label: string; readonly hint?: string }[],
  first: Value | undefined = options[0]?.value,
): Promise<Value> {
  const { select, isCancel } = await import("@clack/prompts")
  const proposal = first === undefined ? {} : { initialValue: first }
  const answer = await select<string>({
    message,
    options: [...options],
    ...proposal,
    output: process.stderr,
  })
  if (isCancel(answer)) throw new SentoError("interrupted", "not answered")
  return answer as Value
}
