import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { typeIntoPane } from "../../src/tmux/typing.ts"
import { type Delivered, deliver } from "./deliveries.ts"
import { laidOut, newShortId } from "./kinds.ts"
import type { LabProgram } from "./programs.ts"
import { type LabSession, startSession, untilState } from "./session.ts"

/** What the races with one program came to. */
export type RaceResult = {
  readonly mode: "hold" | "queue"
  /** races, pasted before the dialog, approved, lost, doubled, changed */
  readonly counts: readonly number[]
}

const toolFile = "approved"

/** Types at an open permission dialog, and says what came of it. */
export async function holdAtDialog(program: LabProgram, executable: string): Promise<string> {
  await using session = await startSession(
    program,
    executable,
    tool(() => 0),
  )
  await deliver(session, "please use tool", "hold")
  await untilState(session, "dialog", 10_000)
  const text = laidOut(newShortId(), "a message that must wait")
  const outcome = await typeIntoPane(session.server, session.pinned, program.name, text, {
    ...{ resume: false, deliver: "hold", allowShell: false },
  })
  await Bun.sleep(1000)
  const state = outcome.kind === "held" ? `held (${outcome.state}, pasted: ${outcome.pasted})` : outcome.kind
  return `${state}, approved: ${existsSync(join(session.work, toolFile)) ? "yes" : "no"}`
}

/**
 * Opens a dialog up to 300 ms before or after the moment at which a delivery begins, `count` times. A person
 * then answers it, and the delivery goes on.
 */
export async function raceDialogs(
  program: LabProgram,
  executable: string,
  mode: RaceResult["mode"],
  count: number,
): Promise<RaceResult> {
  let delay = 0
  await using session = await startSession(
    program,
    executable,
    tool(() => delay),
  )
  const races: Race[] = []
  for (let index = 0; index < count; index++) {
    const [dialogAt, deliveryAt] = moments(Math.random() * 600 - 300)
    delay = dialogAt
    races.push(await race(session, mode, index, deliveryAt))
  }
  for (const { delivered } of races)
    if (delivered.note !== null) console.error(`race, ${mode}: ${delivered.arrival}\n${delivered.note}`)
  const arrived = (arrival: string) => races.filter(({ delivered }) => delivered.arrival === arrival).length
  const counts = [
    ...[count, races.filter(one => one.pastedBefore).length, races.filter(one => one.approved).length],
    ...[arrived("lost"), arrived("doubled"), arrived("changed")],
  ]
  return { mode, counts }
}

type Race = { readonly delivered: Delivered; readonly approved: boolean; readonly pastedBefore: boolean }

/** When the model asks and when the delivery begins, after the prompt went out: `offset` apart, none negative. */
function moments(offset: number): [number, number] {
  return offset < 0 ? [0, -offset] : [offset, 0]
}

async function race(
  session: LabSession,
  mode: RaceResult["mode"],
  index: number,
  deliveryAt: number,
): Promise<Race> {
  await untilState(session, "ready", 20_000)
  await deliver(session, `please use tool for race ${index}`, "hold")
  await Bun.sleep(deliveryAt)
  let pastedBefore = false
  const delivery = deliver(session, `race ${index}, a message`, mode, () => {
    pastedBefore = true
  })
  await untilState(session, "dialog", 10_000)
  // Whatever the delivery pressed has had its effect by then.
  await Bun.sleep(600)
  const file = join(session.work, toolFile)
  const approved = existsSync(file)
  if (!approved) await answer(session)
  const delivered = await delivery
  rmSync(file, { force: true })
  return { delivered, approved, pastedBefore }
}

/** The person allows it. */
async function answer(session: LabSession): Promise<void> {
  session.tmux("send-keys", "-t", session.pinned.pane, "Enter")
}

function tool(delayMilliseconds: () => number) {
  return (work: string) => ({ command: () => `touch ${join(work, toolFile)}`, delayMilliseconds })
}
