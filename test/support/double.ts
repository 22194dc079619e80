/**
 * Stands in for an agent program in tmux: `double.ts SKIN LOG`. It draws the skin's composer, takes bracketed
 * pastes and keys as the program does, and appends what was submitted and approved to LOG as JSON lines.
 * Signals steer it: SIGUSR1 opens a permission dialog, SIGUSR2 begins and ends work.
 */
import { appendFileSync } from "node:fs"
import { skins } from "./double-skins.ts"

const [skinName = "", log = ""] = process.argv.slice(2)
const skin = skins[skinName as keyof typeof skins]

let draft = ""
let pasting: string | null = null
let mode: "idle" | "busy" | "dialog" = "idle"
let collapsedPaste: string | null = null
const conversation: string[] = []

function record(kind: "submitted" | "approved" | "ready", text: string): void {
  appendFileSync(log, `${JSON.stringify({ kind, text })}\n`)
}

function draw(): void {
  const shown = collapsedPaste ?? draft
  const frame = skin.frame({ conversation: conversation.slice(-2), draft: shown, mode })
  const rows = frame.lines.map((line, row) => `\x1b[${row + 1};1H\x1b[2K${line}`).join("")
  process.stdout.write(`\x1b]2;${frame.title}\x07\x1b[H\x1b[J${rows}\x1b[${frame.y + 1};${frame.x + 1}H`)
}

function submit(): void {
  const text = draft.trimEnd()
  if (text === "") return
  record("submitted", text)
  conversation.push(text)
  draft = ""
  collapsedPaste = null
}

function paste(text: string): void {
  if (mode === "dialog") return
  draft += text
  const isLong = text.length > skin.collapsesAbove || text.split("\n").length > skin.collapsesLinesAbove
  if (isLong) collapsedPaste = skin.collapsed(text)
}

/** In a dialog Enter approves and every other key is lost, as in the real ones. */
function key(character: string): void {
  if (mode === "dialog") {
    if (character !== "\r") return
    record("approved", "")
    mode = "idle"
  } else if (character === "\r") submit()
  else if (character === "\x15") {
    draft = ""
    collapsedPaste = null
  } else if (character === "\x7f") draft = draft.slice(0, -1)
  else if (character >= " ") draft += character
}

function take(input: string): void {
  for (const [token] of input.matchAll(/\x1b\[20[01]~|\x1b\[[\d;?]*[A-Za-z~]|[\s\S]/gu)) {
    if (token === "\x1b[200~") pasting = ""
    else if (token === "\x1b[201~") {
      paste((pasting ?? "").replaceAll("\r", "\n"))
      pasting = null
    } else if (pasting !== null) pasting += token
    else if (token === "\x04") process.exit(0)
    else if (!token.startsWith("\x1b")) key(token)
  }
  draw()
}

process.stdin.setRawMode(true)
process.stdin.setEncoding("utf8")
process.stdin.on("data", chunk => take(String(chunk)))
process.on("SIGUSR1", () => {
  mode = "dialog"
  draw()
})
process.on("SIGUSR2", () => {
  mode = mode === "busy" ? "idle" : "busy"
  draw()
})
process.stdout.write(`${skin.alternate ? "\x1b[?1049h" : ""}\x1b[?2004h`)
draw()
record("ready", "")
