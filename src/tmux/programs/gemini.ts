import {
  boxText,
  composerState,
  emptyBox,
  lastLine,
  noBox,
  type Reading,
  reading,
  withFinalSpace,
} from "../box-reading.ts"
import type { AgentProgram } from "../profile.ts"
import type { Run, Screen } from "../screen.ts"

/** Gemini CLI 0.61.0: ` > ` (or ` * ` in YOLO mode) on a ground of its own, the cursor at the end of the text. */
export const gemini: AgentProgram<"gemini"> = {
  name: "gemini",
  // At 100 ms some returns became part of the paste, at 150 none (Gemini CLI 0.61.0).
  settleMilliseconds: 150,
  queueKey: null,
  // At the beginning of a line Ctrl-U does nothing, and Backspace takes the line's end (Gemini CLI 0.61.0).
  takeOutKeys: { kill: "\x15", erase: "\x7f" },
  collapsed: /\[Pasted Text: ((?<lines>\d+) lines|(?<characters>\d+) chars)\]( #\d+)?/,
  exactBox: true,
  read,
  // It splits a text at every @ and reads what the word behind it names, also within a word (Gemini CLI 0.61.0).
  adapt: text => withFinalSpace(text.replaceAll("@", "＠")),
  paths: [
    // `gemini.js` is anybody's.
    /(?:^|\/)@google\/gemini-cli\/(?:(?:bundle|dist)\/)?(?:gemini|index)\.[jt]s$/,
    // nixpkgs: /nix/store/HASH-gemini-cli-bin-0.63.0/lib/gemini/gemini.js; a clone: gemini-cli/bundle/gemini.js.
    /\/(?:[a-z0-9]{32}-)?gemini-cli(?:-bin)?(?:-\d[\w.]*)?\/(?:(?:bundle|lib|lib\/gemini|lib\/gemini-cli)\/)?gemini\.js$/,
    /^npm:\/?@google\/gemini-cli(?:@[^/]+)?(?:\/gemini)?$/,
  ],
  variables: /^GEMINI_CLI$/,
  // From its documentation and `--help`; the screen as seen (0.61.0).
  unasked: {
    options: ["--yolo", "-y", "--approval-mode yolo"],
    modeIn: line => (/^ \* {3}|\bYOLO mode\b/.test(line) ? "YOLO mode" : null),
  },
}

const dialog = /Allow execution of|Apply this change|Do you want to (proceed|allow)|[●○] \d+\. |\(esc\)│?$/

/**
 * The dialog's words count only where a message cannot bring them: a peer could hold the pane for good by
 * writing them. What lies above the box is conversation, what lies in it ends at the cursor.
 */
function read(snapshot: Screen): Reading {
  const { lines, cursor } = snapshot
  if (/Action Required/.test(snapshot.title)) return asks
  const top = lastLine(lines, /^ [>*!] /)
  // A dialog parks the cursor in the first column, a box has it behind its prompt (Gemini CLI 0.61.0).
  const isCursorInBox = top >= 0 && cursor.y >= top && cursor.x > 0
  const below = lines.slice(isCursorInBox ? cursor.y + 1 : Math.max(top, 0))
  if (below.some(line => dialog.test(line.text))) return asks
  if (top < 0 && fillsScreen(snapshot)) {
    const text = boxText(lines.slice(0, cursor.y + 1), /^/, isFaint)
    return composerState({ text, rows: cursor.y + 1, isCut: true }, false)
  }
  if (!isCursorInBox) return noBox("Gemini CLI")
  if (lines[top]?.text.startsWith(" !") === true) return reading("draft", "the box is in shell mode", null)
  const box = lines.slice(top, cursor.y + 1)
  const text = boxText(box, /^ [>*] ?/, isFaint)
  const isPlaceholder = /^Type your message or @path\/to\/file$/.test(text)
  const shown = { text, rows: box.length, isCut: box.length >= mostRows }
  return composerState(isPlaceholder ? emptyBox : shown, isBusy(snapshot, top))
}

/** Of its box, at every size of pane. */
const mostRows = 10

const isFaint = (run: Run): boolean => run.dim || run.colour === "38;5;248"

/** A box higher than a pane of 10 rows: its first row is above the screen. */
const fillsScreen = ({ lines, cursor }: Screen): boolean =>
  cursor.x >= 3 && lines.slice(0, cursor.y + 1).every(line => /^( {3}|$)/.test(line.text))

const asks = reading("dialog", "Gemini CLI waits for an answer", null)

/**
 * The spinner's line, which no line of a message begins like. One that an answer stands below was left there: a box whose
 * signs are wider for tmux than for Gemini CLI is drawn over more rows than it takes away again (`क्षि`; 0.61.0).
 */
function isBusy({ title, lines }: Screen, top: number): boolean {
  const answer = lastLine(lines, /^✦ /, top)
  const below = lines.slice(answer + 1)
  return title.startsWith("✦") || below.some(line => spinner.test(line.text))
}

const spinner = /^ ?[\u2800-\u28ff] .*\(esc to cancel(, \w+)*\)/u
