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
  await untilState(session, "dialog", 60_000)
  const text = laidOut(newShortId(), "a message that must wait")
  const outcome = await typeIntoPane(session.server, session.pinned, program.name, text, {
    ...{ resume: false, deliver: "hold", allowShell: false },
  })
  await Bun.sleep(1000)
  const state = outcome.kind === "held" ? `held (${outcome.state}, pasted: ${outcome.pasted})` : outcome.kind
  return `${state}, approved: ${existsSync(join(session.work, toolFile)) ? "yes" : "no"}`
}

/**
 * Opens a dialog, and begins a delivery up to 300 ms before or after it, `count` times. A person then answers
 * the dialog, and the delivery goes on.
 */
export async function raceDialogs(
  program: LabProgram,
  executable: string,
  mode: RaceResult["mode"],
  count: number,
): Promise<RaceResult> {
  await using session = await startSession(
    program,
    executable,
    tool(() => thinkMilliseconds),
  )
  const races: Race[] = []
  for (let index = 0; index < count; index++) {
    races.push(await race(session, mode, index))
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

/** Long enough for the loop to see its own submission before the dialog opens. */
const thinkMilliseconds = 600
/** From the beginning of a delivery to its paste: the gate's two looks. */
const gateMilliseconds = 90

async function race(session: LabSession, mode: RaceResult["mode"], index: number): Promise<Race> {
  await untilState(session, "ready", 20_000)
  await deliver(session, `please use tool for race ${index}`, "hold")
  const offset = Math.random() * 600 - 300
  await Bun.sleep(thinkMilliseconds + offset - gateMilliseconds)
  let wasPasted = false
  const delivery = deliver(session, `race ${index}, a message`, mode, () => {
    wasPasted = true
  })
  await untilState(session, "dialog", 60_000)
  const pastedBefore = wasPasted
  // Whatever the delivery pressed has had its effect by then.
  await Bun.sleep(600)
  const file = join(session.work, toolFile)
  const approved = existsSync(file)
  // The person allows it.
  if (!approved) session.tmux("send-keys", "-t", session.pinned.pane, "Enter")
  const delivered = await delivery
  rmSync(file, { force: true })
  return { delivered, approved, pastedBefore }
}

function tool(delayMilliseconds: () => number) {
  return (work: string) => ({ command: () => `touch ${join(work, toolFile)}`, delayMilliseconds })
}
