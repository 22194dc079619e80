import { type Profile, type Reading, reading } from "../composer.ts"
import type { Snapshot } from "../snapshot.ts"

/**
 * Any program that reads lines and shows what is typed. Nothing tells its prompt from a half-written line, so
 * the gate only sees that it is alive and no shell; `box` is what stands left of the cursor. A text of several
 * lines becomes one line; a line above `mostLineBytes` is held where the terminal would cut it (terminal.ts).
 */
export const plain: Profile = {
  name: "plain",
  settleMilliseconds: 100,
  queueKey: null,
  takeOutKeys: {},
  collapsed: null,
  exactBox: false,
  read,
  // A line feed would submit each line as a message of its own.
  adapt: text => text.replace(/\n */g, " ⏎ "),
}

function read(snapshot: Snapshot): Reading {
  if (snapshot.alternateScreen) return reading("other", "a full-screen program runs in the pane", null)
  const shown = snapshot.lines.slice(0, snapshot.cursor.y + 1).map(line => line.text)
  const text = snapshot.cursor.x === 0 ? "" : shown.join("\n")
  return reading("ready", "", { text, rows: 1, isCut: false })
}
