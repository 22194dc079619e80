import type { Line } from "../screen.ts"
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

/** Claude Code 2.1.197 and 2.1.330: a box between two rules, `❯` and a no-break space in front. */
export const claude: Profile = {
  name: "claude",
  settleMilliseconds: 100,
  queueKey: "\r",
  collapsed: /^\[Pasted text #\d+( \+\d+ lines)?\]$/,
  exactBox: true,
  read,
  adapt: endCompletion,
}

const rule = /^─{10,}/
const dialog = /\b(Esc|Enter) to (cancel|confirm|select|exit)\b|Do you want to |^ *❯ \d+\. /

function read(snapshot: Snapshot): Reading {
  // Its box looks ready. The alternate screen says nothing: 2.1.330 draws itself there from the start.
  if (/\bclaude agents$/.test(snapshot.title)) return reading("other", "the agents view is open", null)
  const box = findBox(snapshot.lines)
  if (box === null) return noBox(snapshot.lines)
  if (/^[!#]/.test(box[0]?.text ?? "")) return reading("draft", "the box is in shell mode", null)
  const text = boxText(box, /^❯[\s\u00a0]?/, run => run.dim)
  if (text === "describe a task for a new session") return reading("other", "the agents view is open", null)
  return composerState(text === "Press up to edit queued messages" ? "" : text, isBusy(snapshot))
}

/** Only the last two rules hold the box, and only with the cursor in it: a dialog moves it away. */
function findBox(lines: readonly Line[]): readonly Line[] | null {
  const bottom = lastLine(lines, rule)
  const top = lastLine(lines, rule, bottom)
  if (top < 0 || bottom - top < 2) return null
  if (lines.slice(bottom + 1).some(line => dialog.test(line.text))) return null
  const box = lines.slice(top + 1, bottom)
  return /^(❯([\s\u00a0]|$)|[!#])/.test(box[0]?.text ?? "") ? box : null
}

function noBox(lines: readonly Line[]): Reading {
  const asks = lines.some(line => dialog.test(line.text))
  return asks
    ? reading("dialog", "Claude Code waits for an answer", null)
    : reading("other", "no box to type into is to be seen", null)
}

/** The title's spinner is a braille letter; the footer names the interrupt key, except over a draft. */
function isBusy(snapshot: Snapshot): boolean {
  const footer = snapshot.lines.slice(lastLine(snapshot.lines, rule) + 1)
  return (
    /^[\u2800-\u28ff]/u.test(snapshot.title) ||
    footer.some(line => line.text.includes("esc to interrupt")) ||
    snapshot.lines.some(line => /^[✢✳✶✻✽·*] \S+… \(\d+s/.test(line.text))
  )
}
