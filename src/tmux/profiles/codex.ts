import type { Snapshot } from "../snapshot.ts"
import {
  boxText,
  composerState,
  endCompletion,
  lastLine,
  type Profile,
  type Reading,
  reading,
} from "./profile.ts"

/** Codex 0.169.0: `› ` with a dim placeholder; below the box a blank line and the footer. */
export const codex: Profile = {
  name: "codex",
  settleMilliseconds: 100,
  // Return cancels what streams; Tab queues (Codex 0.169.0).
  queueKey: "\t",
  collapsed: /^\[Pasted Content \d+ chars\]( #\d+)?$/,
  exactBox: true,
  read,
  // Codex trims the end, so the space costs nothing.
  adapt: endCompletion,
}

const dialog = /[Pp]ress enter to (confirm|continue)|^› \d+\. |[Ee]nter to submit answer/

function read(snapshot: Snapshot): Reading {
  const { lines, cursor } = snapshot
  if (/Action Required/.test(snapshot.title) || lines.some(line => dialog.test(line.text))) {
    return reading("dialog", "Codex waits for an answer", null)
  }
  const top = lastLine(lines, /^›( |$)/)
  if (top < 0 || cursor.y < top) return reading("other", "no box to type into is to be seen", null)
  // The cursor stands at the end of the text: what lies below it is the footer.
  const box = lines.slice(top, cursor.y + 1)
  return composerState(
    boxText(box, /^› ?/, run => run.dim),
    isBusy(snapshot),
  )
}

function isBusy(snapshot: Snapshot): boolean {
  return (
    /^[\u2800-\u28ff]/u.test(snapshot.title) ||
    snapshot.lines.some(line => /\(.*\besc to interrupt\)/.test(line.text))
  )
}
