/**
 * Stands in for an agent program in tmux: `double.ts SKIN LOG`. It draws the skin's composer, takes bracketed
 * pastes and keys as the program does, and appends what became of them to LOG as JSON lines.
 * Signals and keys steer it: SIGUSR1 opens a permission dialog, SIGUSR2 begins and ends work, Ctrl-Q asks a
 * question with choices, Ctrl-O opens and closes the transcript view, Ctrl-D quits.
 */
import { appendFileSync } from "node:fs"
import { type Scene, skins } from "./double-skins.ts"

const [skinName = "", log = ""] = process.argv.slice(2)
const skin = skins[skinName as keyof typeof skins]

let draft = ""
let pasting: string | null = null
let mode: Scene["mode"] = "idle"
let collapsedPaste: string | null = null
const conversation: string[] = []

/**
 * `approved`: a return answered the dialog. `answered`: it answered a question, or went into the transcript
 * view. `completed`: the completion ate it. `executed`: the text was a command of the program's own.
 */
export type DoubleEvent =
  | "ready"
  | "submitted"
  | "approved"
  | "denied"
  | "answered"
  | "completed"
  | "executed"
  | "dialog"

function record(kind: DoubleEvent, text: string): void {
  appendFileSync(log, `${JSON.stringify({ kind, text })}\n`)
}

function draw(): void {
  const shown = collapsedPaste ?? draft
  const frame = skin.frame({ conversation: conversation.slice(-2), draft: shown, mode, menu: completion() })
  const rows = frame.lines.map((line, row) => `\x1b[${row + 1};1H\x1b[2K${line}`).join("")
  const screen = skin.alternate ? "" : `\x1b[?1049${mode === "view" ? "h" : "l"}`
  process.stdout.write(
    `${screen}\x1b]2;${frame.title}\x07\x1b[H\x1b[J${rows}\x1b[${frame.y + 1};${frame.x + 1}H`,
  )
}

/** What the menu under the box offers: files for a final `@word`, commands for a box that is one `/word`. */
function completion(): string | null {
  if (/(^|\s)@\w*$/.test(draft)) return "@work/notes.md"
  return /^\/\w*$/.test(draft) ? "/effort" : null
}

function submit(): void {
  const chosen = completion()
  if (chosen !== null) {
    record("completed", draft)
    draft = `${draft.replace(/[@/]\w*$/, chosen)} `
    return
  }
  const text = draft.trimEnd()
  if (text === "") return
  record(/^[!/]/.test(text) ? "executed" : "submitted", text)
  conversation.push(text)
  clear()
}

function clear(): void {
  draft = ""
  collapsedPaste = null
}

/** Over a dialog, a question or the transcript a paste is lost, as in the real ones. */
function paste(text: string): void {
  if (mode !== "idle" && mode !== "busy") return
  draft += text
  const isLong = text.length > skin.collapsesAbove || text.split("\n").length > skin.collapsesLinesAbove
  if (isLong) collapsedPaste = skin.collapsed(text)
}

function key(character: string): void {
  if (character === "\x0f") mode = mode === "view" ? "idle" : "view"
  else if (character === "\x11") mode = "question"
  else if (mode === "dialog" || mode === "question" || mode === "view") answer(character)
  else if (character === "\r") submit()
  else if (character === "\x15") clear()
  else if (character === "\x7f") draft = draft.slice(0, -1)
  else if (character >= " ") draft += character
}

/** In a dialog Enter approves, Escape refuses, and every other key is lost. */
function answer(character: string): void {
  if (character === "\r") record(mode === "dialog" ? "approved" : "answered", mode)
  else if (character === "\x1b" && mode === "dialog") record("denied", "")
  else return
  if (mode !== "view") mode = "idle"
}

const token = /\x1b\[20[01]~|\x1b\[[\d;?]*[A-Za-z~]|[\s\S]/gu
let unfinished = ""

/** A long paste comes in several reads: a sequence may be cut in two. A lone Escape is a key. */
function take(input: string): void {
  const whole = unfinished + input
  unfinished = pasting === null && whole === "\x1b" ? "" : (/\x1b(\[[\d;?]*)?$/.exec(whole)?.[0] ?? "")
  const complete = whole.slice(0, whole.length - unfinished.length)
  for (const [one] of complete.matchAll(token)) takeToken(one)
  draw()
}

function takeToken(one: string): void {
  if (one === "\x1b[200~") pasting = ""
  else if (one === "\x1b[201~") {
    paste((pasting ?? "").replaceAll("\r", "\n"))
    pasting = null
  } else if (pasting !== null) pasting += one
  else if (one === "\x04") process.exit(0)
  else if (one === "\x1b" || !one.startsWith("\x1b")) key(one)
}

process.stdin.setRawMode(true)
process.stdin.setEncoding("utf8")
process.stdin.on("data", chunk => take(String(chunk)))
process.on("SIGUSR1", () => {
  mode = "dialog"
  draw()
  record("dialog", "")
})
process.on("SIGUSR2", () => {
  mode = mode === "busy" ? "idle" : "busy"
  draw()
})
process.stdout.write(`${skin.alternate ? "\x1b[?1049h" : ""}\x1b[?2004h`)
draw()
record("ready", "")
