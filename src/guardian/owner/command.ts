/**
 * The owner's own command (`notify` in the config): it gets each event as one line of JSON on its stdin. One that
 * is asked a question may print `yes` or `no`, and is stopped when the question is answered elsewhere.
 */

import { guardianEnvironment } from "../../protocol/environment.ts"
import { formatTimestamp } from "../../protocol/freshness.ts"
import type { Question } from "../../protocol/questions.ts"
import { questionText, readYesNo } from "../../protocol/questions.ts"
import type { Context } from "../context.ts"
import type { QuestionEnd } from "../door/results.ts"
import type { Notice } from "../notices.ts"
import type { AnswerQuestion, Surface } from "./surfaces.ts"

/** What telling may take. */
const tellingMilliseconds = 60_000
/** How long it may go on once it was told to end. */
const patienceMilliseconds = 2000

/** None where the config names no command. */
export function createNotifySurface(context: Context, answer: AnswerQuestion): Surface[] {
  const { notify: command, name: self } = context.config.current
  if (command === undefined) return []
  const notify = command
  const asking = new Map<string, { readonly name: string; readonly ended: AbortController }>()
  const running = new Set<Promise<void>>()

  function ask(question: Question): void {
    const ended = new AbortController()
    const { id, kind, name, as, host, claimedHost, port, verifier, expiresAt } = question
    asking.set(id, { name, ended })
    const text = `${questionText(question, self)}\nIn a terminal: \`sento approve ${id}\` or \`sento deny ${id}\`.`
    const event = { event: "request", self, id, kind, name, as, host, claimedHost, port, verifier, text }
    track(
      run(context, notify, { ...event, expiresAt: formatTimestamp(expiresAt) }, ended.signal).then(said =>
        take(id, said),
      ),
    )
  }

  async function take(id: string, said: string | null): Promise<void> {
    const word = said === null || !asking.has(id) ? null : readYesNo(said)
    if (said !== null && said.trim() !== "" && word === null)
      context.log.write(`the notify command printed neither yes nor no to ${id}`)
    if (word === null) return
    const answered = await answer(id, word, "the notify command")
    if (answered.kind === "impossible") tell({ key: id, text: answered.text })
  }

  const tell = ({ text }: Notice): void => {
    track(run(context, notify, { event: "notice", self, text }, AbortSignal.timeout(tellingMilliseconds)))
  }

  function track(work: Promise<unknown>): void {
    const settled = work.then(
      () => {},
      error => context.log.write(`the notify command failed: ${(error as Error).message}`),
    )
    const tracked: Promise<void> = settled.finally(() => running.delete(tracked))
    running.add(tracked)
  }

  const surface: Surface = {
    name: "notify",
    ask,
    withdraw(id, how) {
      const asked = asking.get(id)
      if (asked === undefined) return
      asked.ended.abort()
      asking.delete(id)
      const text = `The question about ${asked.name} is over: ${endWords[how]}.`
      const event = { event: "withdrawn", self, id, how, text }
      track(run(context, notify, event, AbortSignal.timeout(tellingMilliseconds)))
    },
    tell,
    async stopped() {
      for (const { ended } of asking.values()) ended.abort()
      await Promise.allSettled(running)
    },
  }
  return [surface]
}

const endWords: Readonly<Record<QuestionEnd, string>> = {
  approved: "approved",
  denied: "denied",
  expired: "nobody answered in time",
  failed: "approved, and it failed",
}

/** @returns what it printed; null where it was stopped or failed */
async function run(
  context: Context,
  command: readonly string[],
  event: object,
  signal: AbortSignal,
): Promise<string | null> {
  const ended = AbortSignal.any([signal, context.stopping])
  // A group of its own, which is stopped as a whole: a script waits for what it started.
  const child = Bun.spawn([...command], {
    detached: true,
    cwd: context.paths.home,
    env: guardianEnvironment(process.env),
    stdin: new TextEncoder().encode(`${JSON.stringify(event)}\n`),
    stdout: "pipe",
    stderr: "ignore",
  })
  const stop = (): void => {
    killGroup(child.pid, "SIGTERM")
    setTimeout(() => killGroup(child.pid, "SIGKILL"), patienceMilliseconds).unref()
  }
  if (ended.aborted) stop()
  else ended.addEventListener("abort", stop, { once: true })
  const printed = new Response(child.stdout).text()
  const status = await child.exited
  ended.removeEventListener("abort", stop)
  if (ended.aborted) return null
  if (status !== 0) context.log.write(`the notify command ended with ${status}`)
  // A child of its own may hold its stdout open.
  const said = await Promise.race([printed, Bun.sleep(patienceMilliseconds).then(() => null)])
  return status === 0 ? said : null
}

function killGroup(leader: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-leader, signal)
  } catch {
    // All of it has ended.
  }
}
