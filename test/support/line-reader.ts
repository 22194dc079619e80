/**
 * Stands in for any program that reads lines: `line-reader.ts MODE LOG`. As `cooked` the terminal collects
 * its lines, as for `cat`; as `raw` it does so itself, and as `bracketed` it takes pastes as one piece.
 */
import { appendFileSync } from "node:fs"

const [mode = "cooked", log = ""] = process.argv.slice(2)
const submit = (text: string): void => appendFileSync(log, `${JSON.stringify({ kind: "submitted", text })}\n`)

let line = ""
let isPasting = false

/** The end of a line is a return, but for one inside a paste. */
function take(piece: string): void {
  if (piece === "\x1b[200~" || piece === "\x1b[201~") isPasting = piece === "\x1b[200~"
  else if ((piece === "\r" || piece === "\n") && !isPasting) {
    process.stdout.write("\r\n> ")
    submit(line)
    line = ""
  } else {
    process.stdout.write(piece)
    line += piece
  }
}

process.stdin.setEncoding("utf8")
if (mode === "cooked") {
  let rest = ""
  process.stdin.on("data", chunk => {
    const lines = (rest + String(chunk)).split("\n")
    rest = lines.pop() ?? ""
    for (const one of lines) submit(one)
  })
} else {
  process.stdin.setRawMode(true)
  process.stdin.on("data", chunk => {
    for (const [piece] of String(chunk).matchAll(/\x1b\[20[01]~|[\s\S]/gu)) take(piece)
  })
}
process.stdout.write(mode === "bracketed" ? "\x1b[?2004h> " : "> ")
appendFileSync(log, `${JSON.stringify({ kind: "ready", text: "" })}\n`)
