/**
 * Stands in for an agent program: `recorder.ts FILE` takes what is typed, as agent programs do in raw mode and
 * with bracketed paste, keeps every byte of it durably in FILE, and shows it. Raw, because a terminal in
 * canonical mode drops what is longer than 4095 bytes (termios(3)).
 */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs"

const enableBracketedPaste = "\x1b[?2004h"

const path = process.argv[2]
if (path === undefined) throw new Error("usage: recorder.ts FILE")
const file = openSync(path, "a", 0o600)
process.stdin.setRawMode(true)
process.stdout.write(`${enableBracketedPaste}ready\r\n`)

for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
  writeSync(file, chunk)
  fsyncSync(file)
  process.stdout.write(shown(chunk))
}
closeSync(file)

/** As the screen of an agent program shows it: no paste markers, a return starts a line. */
function shown(typed: Buffer): Buffer {
  const text = typed.toString("latin1").replace(/\x1b\[20[01]~/g, "")
  return Buffer.from(text.replace(/\r|\n/g, "\r\n"), "latin1")
}
