/** Styles as `tmux capture-pane -e` tells them: what is dim is a placeholder, and a person's words are not. */
import { describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseScreen } from "../../src/tmux/screen.ts"

const plain = { dim: false, reverse: false, colour: null }
const styleOf = (parameters: string): unknown => {
  const [run] = parseScreen(`\x1b[${parameters}mwords`)[0]?.runs ?? []
  return { dim: run?.dim, reverse: run?.reverse, colour: run?.colour }
}

describe("of the parameters", () => {
  test.each([
    ["an underline's colour out of 256", "58;5;2", plain],
    ["an underline's colour in red, green and blue", "58;2;2;7;2", plain],
    ["the same with colons and a colour space", "58:2::2:7:2", plain],
    ["with colons, out of 256", "58:5:2", plain],
    ["an underline of two lines", "4:2", plain],
    ["no underline, which ends nothing else", "2;4:0", { ...plain, dim: true }],
    ["an underline of every kind, then dim", "4:3;58:5:7;2", { ...plain, dim: true }],
    ["dim before an underline's colour", "2;58;5;22", { ...plain, dim: true }],
    ["an underline's colour before the reverse", "58;5;27;7", { ...plain, reverse: true }],
    ["a ground out of 256", "48;5;2", plain],
    ["a ground with colons", "48:2::2:2:2", plain],
    ["a colour out of 256", "38;5;248", { ...plain, colour: "38;5;248" }],
    ["the same with colons", "38:5:248", { ...plain, colour: "38;5;248" }],
    ["a colour in red, green and blue", "38;2;100;2;2", { ...plain, colour: "38;2;100;2;2" }],
    ["the same with colons", "38:2:100:2:2", { ...plain, colour: "38;2;100;2;2" }],
    ["the same with a colour space", "38:2::100:2:2", { ...plain, colour: "38;2;100;2;2" }],
    ["a colour, and dim", "38;5;2;2", { dim: true, reverse: false, colour: "38;5;2" }],
    ["nothing at all", "", plain],
    ["a colour with colons that is cut short, then dim", "58:5;2", { ...plain, dim: true }],
    [
      "an underline's colour in red, green and blue, then reverse",
      "58;2;1;1;1;7",
      { ...plain, reverse: true },
    ],
    ["a ground in red, green and blue, then dim", "48;2;1;1;1;2", { ...plain, dim: true }],
    ["dim, and bold, which ends nothing", "2;1", { ...plain, dim: true }],
    ["reverse, and what is hidden", "7;8", { ...plain, reverse: true }],
    ["dim with a part, which no terminal has", "2:1", plain],
    ["reverse that is ended", "7;27", plain],
    ["a colour that is ended", "31;39", plain],
    ["dim that is ended", "2;22", plain],
    ["dim that is reset", "2;0", plain],
    ["dim that is reset by nothing", "2;", plain],
  ])("%s", (_, parameters, want) => expect(styleOf(parameters)).toEqual(want))

  test("an underline of any colour and kind, whatever it is written with, makes nothing dim, reverse or coloured", () => {
    for (let value = 0; value < 256; value += 1)
      for (const one of [
        `58;5;${value}`,
        `58:5:${value}`,
        `58;2;${value};${value};${value}`,
        `4:${value % 6}`,
      ])
        expect(styleOf(one)).toEqual(plain)
  })
})

test("links and changes of the character set are no text, and begin no run", () => {
  const [line] = parseScreen("a\x0eb\x0f\x1b]8;;http://x\x1b\\c\x1b]8;;\x1b\\d\x1b")
  expect([line?.text, line?.runs.map(run => run.text)]).toEqual(["abcd", ["a", "b", "c", "d"]])
})

test("the sixteen colours of words and of grounds, and no other code is one", () => {
  const coloured: number[] = []
  const grounded: number[] = []
  for (let code = 0; code < 120; code += 1) {
    // These have their colour behind them.
    if (code === 38 || code === 48) continue
    const [run] = parseScreen(`\x1b[${code}mwords`)[0]?.runs ?? []
    if (run?.colour === String(code)) coloured.push(code)
    if (run?.ground === String(code)) grounded.push(code)
  }
  const eight = (from: number) => Array.from({ length: 8 }, (_, i) => from + i)
  expect([coloured, grounded]).toEqual([
    [...eight(30), ...eight(90)],
    [...eight(40), ...eight(100)],
  ])
  const groundOf = (parameters: string) => parseScreen(`\x1b[${parameters}mwords`)[0]?.runs[0]?.ground
  expect([groundOf("41"), groundOf("41;49"), groundOf("48;5;7"), groundOf("31")]).toEqual([
    "41",
    null,
    "48;5;7",
    null,
  ])
})

test("tmux's own words for underlined text are no dim text", () => {
  const folder = mkdtempSync(join(tmpdir(), "sento-sgr-"))
  const tmux = (...words: string[]): string =>
    Bun.spawnSync(["tmux", "-u", "-S", join(folder, "tmux"), "-f", "/dev/null", ...words], {
      env: { PATH: process.env.PATH ?? "", TERM: "xterm-256color", LANG: "C.UTF-8" },
    }).stdout.toString()
  try {
    const drawn = String.raw`\033[58;5;2;4:3mone\033[0m \033[4:2mtwo\033[0m \033[58:2::2:2:2;4mthree\033[0m \033[2mfaint\033[0m`
    tmux("new-session", "-d", "-s", "x", "-x", "60", "-y", "4", `printf '${drawn}'; exec cat`)
    const deadline = Date.now() + 60_000
    let shown = ""
    while (!shown.includes("faint")) {
      if (Date.now() > deadline) throw new Error(`never drawn: ${shown}`)
      shown = tmux("capture-pane", "-e", "-p", "-t", "x")
    }
    const runs = parseScreen(shown)[0]?.runs ?? []
    const dim = runs.filter(run => run.dim).map(run => run.text)
    expect({ shown, dim }).toEqual({ shown, dim: ["faint"] })
  } finally {
    tmux("kill-server")
    rmSync(folder, { recursive: true, force: true })
  }
})
