import { type Reading, reading } from "../box-reading.ts"
import type { Profile } from "../profile.ts"
import type { Screen } from "../screen.ts"

/**
 * Any program that reads lines and shows what is typed. Nothing tells its prompt from a half-written line, so
 * the gate only sees that it is alive and no shell; `box` is what stands left of the cursor. A text of several
 * lines becomes one line; a line above `mostLineBytes` is held where the terminal would cut it (terminal.ts).
 */
export const plain: Profile<"plain"> = {
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

function read(snapshot: Screen): Reading {
  if (snapshot.alternateScreen) return reading("other", "a full-screen program runs in the pane", null)
  const shown = snapshot.lines.slice(0, snapshot.cursor.y + 1).map(line => line.text)
  const text = snapshot.cursor.x === 0 ? "" : shown.join("\n")
  return reading("ready", "", { text, rows: 1, isCut: false })
}
