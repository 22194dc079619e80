import {
  boxText,
  composerState,
  lastLine,
  noBox,
  type Reading,
  reading,
  withFinalSpace,
} from "../box-reading.ts"
import type { AgentProgram } from "../profile.ts"
import type { Line, Screen } from "../screen.ts"

/** Codex 0.169.0: `› ` with a dim placeholder; below the box a blank line and the footer. */
export const codex: AgentProgram<"codex"> = {
  name: "codex",
  settleMilliseconds: 100,
  // Return cancels what streams; Tab queues (Codex 0.169.0).
  queueKey: "\t",
  takeOutKeys: { kill: "\x15" },
  collapsed: /\[Pasted Content (?<characters>\d+) chars\]( #\d+)?/,
  exactBox: true,
  read,
  adapt: withFinalSpace,
  paths: [/(?:^|\/)@openai\/codex\/bin\/codex\.js$/],
  // Those that it sets itself (0.169.0): a person's own are `CODEX_HOME`, `CODEX_API_KEY` and more.
  variables: /^CODEX_(?:CI|THREAD_ID|SESSION_ID|(?:SANDBOX|MANAGED|NETWORK_PROXY)\w*)$/,
  // From its documentation and `--help`.
  unasked: {
    options: [
      "--dangerously-bypass-approvals-and-sandbox",
      "--yolo",
      "--ask-for-approval never",
      "-a never",
      "-c approval_policy=never",
      "--config approval_policy=never",
    ],
    modeIn: null,
  },
  // Started by the first one, from whose pane it descends as long as that one runs, with that one's variables (0.169.0).
  sharedServer: {
    name: "Codex' background server",
    isServer: words => words[1] === "app-server" && words.includes("--listen"),
    variables: ["HOME", "CODEX_HOME"],
    without: "--no-daemon",
    ownFile: /\/thread-writer-locks\/[^./][^/]*$/,
  },
}

const dialog = /[Pp]ress enter to (confirm|continue)|[Ee]nter to submit answer/

/**
 * The dialog's words count only where a message cannot bring them: a peer could hold the pane for good by
 * writing them. What lies above the box is conversation, what lies in it ends at the cursor.
 */
function read(snapshot: Screen): Reading {
  const { lines, cursor } = snapshot
  if (/Action Required/.test(snapshot.title)) return asks
  const top = lastLine(lines, /^›( |$)/)
  const isCursorInBox = top >= 0 && cursor.y >= top && cursor.x < snapshot.width
  const below = lines.slice(isCursorInBox ? cursor.y + 1 : Math.max(top, 0))
  const isMenu = /^› \d+\. /.test(lines[top]?.text ?? "")
  if (isMenu || below.some(line => dialog.test(line.text))) return asks
  if (!isCursorInBox) return noBox("Codex")
  const box = lines.slice(top, cursor.y + 1)
  const isCut = hasScrolled(box[0], snapshot.width)
  const shown = box.map((line, index) => (isCut && index === 0 ? withoutArrow(line) : line))
  const text = boxText(shown, /^› ?/, run => run.dim)
  if (text === "" && isStarting(below)) return reading("other", "Codex is still starting", null)
  return composerState({ text, rows: box.length, isCut }, isBusy(snapshot, top))
}

/**
 * Its box is drawn for seconds before it is read, and a dialog may come behind it (0.169.0: "Hooks need review"): the
 * model's name is not there yet.
 */
function isStarting(below: readonly Line[]): boolean {
  const shown = below.filter(line => line.text.trim() !== "")
  return shown.length === 1 && shown[0]?.text.trim() === "? for shortcuts"
}

/** Of a box that has scrolled, the first visible row ends in an arrow in the pane's last column (0.169.0). */
const hasScrolled = (first: Line | undefined, width: number): boolean =>
  first?.text.endsWith("↑") === true && Bun.stringWidth(first.text) === width

const withoutArrow = ({ runs }: Line): Pick<Line, "runs"> => ({
  runs: runs.map(run => ({ ...run, text: run.text.replace(/↑\s*$/, "") })),
})

const asks = reading("dialog", "Codex waits for an answer", null)

/** The status line stands right above the box: further up, an answer may have brought one. */
function isBusy({ title, lines }: Screen, top: number): boolean {
  const above = lines[lastLine(lines, /\S/, top)]?.text ?? ""
  return /^[\u2800-\u28ff]/u.test(title) || /^[•◦] [^([]*\(\d.*\besc to interrupt\)/.test(above)
}
