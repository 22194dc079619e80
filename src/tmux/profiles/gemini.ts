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

/** Gemini CLI 0.61.0: ` > ` (or ` * ` in YOLO mode) on a ground of its own, the cursor at the end of the text. */
export const gemini: Profile = {
  name: "gemini",
  // At 100 ms some returns became part of the paste, at 150 none (Gemini CLI 0.61.0).
  settleMilliseconds: 150,
  queueKey: null,
  collapsed: /^\[Pasted Text: \d+ (lines|chars)\]( #\d+)?$/,
  exactBox: true,
  read,
  adapt: endCompletion,
}

const dialog = /Allow execution of|Apply this change|Do you want to (proceed|allow)|[●○] \d+\. |\(esc\)│?$/

function read(snapshot: Snapshot): Reading {
  const { lines, cursor } = snapshot
  if (/Action Required/.test(snapshot.title) || lines.some(line => dialog.test(line.text))) {
    return reading("dialog", "Gemini CLI waits for an answer", null)
  }
  const top = lastLine(lines, /^ [>*!] /)
  if (top < 0 || cursor.y < top) return reading("other", "no box to type into is to be seen", null)
  if (lines[top]?.text.startsWith(" !") === true) return reading("draft", "the box is in shell mode", null)
  const box = lines.slice(top, cursor.y + 1)
  const text = boxText(box, /^ [>*] ?/, run => run.dim || run.colour === "38;5;248")
  return composerState(/^Type your message or @path\/to\/file$/.test(text) ? "" : text, isBusy(snapshot))
}

function isBusy(snapshot: Snapshot): boolean {
  return (
    snapshot.title.startsWith("✦") || snapshot.lines.some(line => /\(esc to cancel(, \w+)*\)/.test(line.text))
  )
}
