/**
 * Stands in for an agent program in tmux: `double.ts SKIN LOG`. It draws the skin's composer, takes bracketed
 * pastes and keys as the program does, and appends what became of them to LOG as JSON lines.
 * Signals and keys steer it: SIGUSR1 opens a permission dialog, SIGUSR2 begins and ends work, Ctrl-Q asks a
 * question with choices, Ctrl-O opens and closes the transcript view, Ctrl-D quits. At the next paste: Ctrl-P
 * opens the dialog behind it, Ctrl-L before it, Ctrl-E quits, Ctrl-W keeps it unseen until the next key, Ctrl-B takes it for keys and
 * loses one, and clears the screen for a moment at the Ctrl-U behind it, as Gemini CLI does. Ctrl-G makes it deaf to returns, and ends that; Ctrl-R makes it read its box late, as OpenCode does under load: 300 ms after the next return, and what is typed for 150 ms behind its first prompt is lost.
 */
import { appendFileSync } from "node:fs"
import { rowsOf, type Scene, skins } from "./double-skins.ts"

const [skinName = "", log = ""] = process.argv.slice(2)
const skin = skins[skinName as keyof typeof skins]

let draft = ""
let pasting: string | null = null
let mode: Scene["mode"] = "idle"
let collapsedPaste: string | null = null
let atPaste: "nothing" | "dialog behind" | "dialog before" | "quit" | "late" | "garbled" = "nothing"
let isDeaf = false
let isLate = false
let isSwapping = false
let isGarbled = false
let isCleared = false
let latePaste: string | null = null
let openedAt = 0
/** While a dialog is open: for how long this process has stood still, on a machine with much else to do. */
let stoodStill = 0
let watching: Timer | undefined
let lastTick = 0
const tickMilliseconds = 20
let spinner = 0
const conversation: string[] = []

/**
 * `approved`: a return answered the dialog, so many milliseconds after it opened. `answered`: it answered a question, or went into the transcript
 * view. `completed`: the completion ate it. `executed`: the text was a command of the program's own, or named a file that it reads.
 * `cancelled`: it ended the work. `late`: a paste came and is not shown yet, or a return and the box is not read yet.
 */
export type DoubleEvent =
  | "ready"
  | "submitted"
  | "approved"
  | "denied"
  | "answered"
  | "completed"
  | "executed"
  | "cancelled"
  | "late"
  | "dialog"

function record(kind: DoubleEvent, text: string): void {
  appendFileSync(log, `${JSON.stringify({ kind, text })}\n`)
}

/** Line by line: tmux 3.3a keeps what is cleared as a whole, and the scrollback would fill with old boxes. */
function draw(): void {
  if (isCleared) return
  const shown = collapsedPaste ?? draft
  const { columns, rows: height } = process.stdout
  const size = { columns, rows: height }
  const frame = skin.frame({
    conversation: conversation.slice(-2),
    draft: shown,
    mode,
    menu: completion(),
    ...size,
  })
  const rows = Array.from(
    { length: height },
    (_, row) => `\x1b[${row + 1};1H\x1b[2K${frame.lines[row] ?? ""}`,
  ).join("")
  const screen = skin.alternate ? "" : `\x1b[?1049${mode === "view" ? "h" : "l"}`
  process.stdout.write(`${screen}\x1b]2;${spun(frame.title)}\x07${rows}\x1b[${frame.y + 1};${frame.x + 1}H`)
}

/** A title that begins with a braille letter turns while the program works. */
function spun(title: string): string {
  return title.replace(/^[\u2800-\u28ff]/u, () => ["⠂", "⠐", "⠈"][spinner % 3] ?? "⠂")
}

/** What the menu under the box offers: files for a final `@word`, commands for a box that is one `/word`. */
function completion(): string | null {
  if (/(^|\s)@\w*$/.test(draft)) return "@work/notes.md"
  return /^\/\w*$/.test(draft) ? "/effort" : null
}

function submit(): void {
  const chosen = completion()
  if (draft.endsWith("\\") && (skinName === "claude" || skinName === "gemini")) {
    draft = `${draft.slice(0, -1)}\n`
    return
  }
  if (chosen !== null) {
    record("completed", draft)
    draft = `${draft.replace(/[@/]\w*$/, chosen)} `
    return
  }
  const text = draft.trimEnd()
  if (text === "") return
  record(isCommand(text) ? "executed" : "submitted", text)
  conversation.push(text)
  clear()
}

function submitLate(): void {
  isLate = false
  record("late", "")
  const isFirst = conversation.length === 0
  setTimeout(() => {
    submit()
    // Before it can be seen.
    if (isFirst) {
      isSwapping = true
      setTimeout(() => {
        isSwapping = false
      }, 150)
    }
    draw()
  }, 300)
}

/** Gemini CLI 0.61.0 reads the file that stands behind any `@` without a backslash before it. */
const isCommand = (text: string): boolean =>
  /^[!/]/.test(text) || (skinName === "gemini" && /(?<!\\)@/.test(text))

function clear(): void {
  draft = ""
  collapsedPaste = null
}

function paste(text: string): void {
  const event = atPaste
  atPaste = "nothing"
  if (event === "quit") quit()
  if (event === "dialog before") openDialog()
  if (event === "late") {
    latePaste = text
    record("late", "")
    return
  }
  isGarbled = event === "garbled"
  insert(isGarbled ? text.replace("?", "") : text)
  if (event === "dialog behind") openDialog()
}

/** Over a dialog, a question or the transcript a paste is lost, as in the real ones. */
function insert(text: string): void {
  if (mode !== "idle" && mode !== "busy") return
  draft += text
  const isLong = text.length > skin.collapsesAbove || text.split("\n").length > skin.collapsesLinesAbove
  if (isLong) collapsedPaste = skin.collapsed(text)
}

function openDialog(): void {
  mode = "dialog"
  openedAt = performance.now()
  stoodStill = 0
  lastTick = openedAt
  clearInterval(watching)
  watching = setInterval(noteTick, tickMilliseconds)
  draw()
  record("dialog", "")
}

function noteTick(): void {
  const now = performance.now()
  stoodStill += Math.max(0, now - lastTick - 2 * tickMilliseconds)
  lastTick = now
}

function quit(): never {
  process.stdout.write(`\x1b[?2004l${skin.alternate ? "\x1b[?1049l" : ""}`)
  process.exit(0)
}

function key(character: string): void {
  if (isSwapping) return
  const late = latePaste
  latePaste = null
  if (late !== null) insert(late)
  if (character === "\x0f") mode = mode === "view" ? "idle" : "view"
  else if (character === "\x11") mode = "question"
  else if (character === "\x10") atPaste = "dialog behind"
  else if (character === "\x0c") atPaste = "dialog before"
  else if (character === "\x05") atPaste = "quit"
  else if (character === "\x17") atPaste = "late"
  else if (character === "\x02") atPaste = "garbled"
  else if (character === "\x07") isDeaf = !isDeaf
  else if (character === "\x12") isLate = true
  else if (character === "\r" && isDeaf) return
  else if (character === "\r" && isLate) submitLate()
  else if (mode === "dialog" || mode === "question" || mode === "view") answer(character)
  else if (mode === "busy" && skinName === "codex" && character === "\r") cancel()
  else if (character === "\r" || (character === "\t" && mode === "busy")) submit()
  else if (character === "\x15") kill()
  else if (character === "\x7f") erase()
  else if (character >= " ") draft += character
}

/**
 * Ctrl-U: Claude Code 2.1.332 kills to the beginning of the row, the others of the line; there, all but Gemini CLI
 * 0.61.0 take the line break before it. A collapsed paste goes whole.
 */
function kill(): void {
  if (isGarbled) clearScreen()
  const line = skinName === "claude" ? lastRow(draft) : (draft.split("\n").at(-1) ?? "")
  if (collapsedPaste !== null) clear()
  else if (line !== "") draft = draft.slice(0, -line.length)
  else if (skinName !== "gemini") draft = draft.slice(0, -1)
}

/** Gemini CLI 0.61.0, as its list of shortcuts goes: 26 to 37 ms. */
function clearScreen(): void {
  isGarbled = false
  isCleared = true
  process.stdout.write("\x1b[2J\x1b[H")
  setTimeout(() => {
    isCleared = false
    draw()
  }, 100)
}

const lastRow = (text: string): string => rowsOf(text, process.stdout.columns).at(-1) ?? ""

function erase(): void {
  if (collapsedPaste === null) draft = draft.slice(0, -1)
  else clear()
}

/** Enter ends what Codex streams; Tab queues. */
function cancel(): void {
  record("cancelled", "")
  mode = "idle"
}

/** In a dialog Enter approves, Escape refuses, and every other key is lost. */
function answer(character: string): void {
  noteTick()
  if (character === "\r" && mode === "dialog")
    record("approved", (performance.now() - openedAt - stoodStill).toFixed(1))
  else if (character === "\r") record("answered", mode)
  else if (character === "\x1b" && mode === "dialog") record("denied", "")
  else return
  clearInterval(watching)
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
  else if (one === "\x04") quit()
  else if (one === "\x1b" || !one.startsWith("\x1b")) key(one)
}

process.stdin.setRawMode(true)
process.stdin.setEncoding("utf8")
process.stdin.on("data", chunk => take(String(chunk)))
process.on("SIGUSR1", openDialog)
process.on("SIGUSR2", () => {
  mode = mode === "busy" ? "idle" : "busy"
  draw()
})
process.stdout.on("resize", () => {
  process.stdout.write("\x1b[2J")
  draw()
})
setInterval(() => {
  spinner++
  if (mode === "busy") draw()
}, 80)
process.stdout.write(`${skin.alternate ? "\x1b[?1049h" : ""}\x1b[?2004h`)
draw()
record("ready", "")
