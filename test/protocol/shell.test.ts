import { describe, expect, test } from "bun:test"
import { shellWord, shellWords } from "../../src/protocol/shell.ts"

const words = [
  ["plain", "/usr/bin/sento-1.0", "/usr/bin/sento-1.0"],
  ["every sign that needs no quotes", "aZ9_@%+=:,./-", "aZ9_@%+=:,./-"],
  ["nothing", "", "''"],
  ["a blank", "two words", "'two words'"],
  ["a quote", "it's", String.raw`'it'\''s'`],
  ["quotes alone", "''", String.raw`''\'''\'''`],
  ["what a shell would run", "$(touch x); `id`", "'$(touch x); `id`'"],
  ["a line break", "a\nb", "'a\nb'"],
] as const

describe("a word for sh", () => {
  test.each(words)("%s", (_, word, want) => expect(shellWord(word)).toBe(want))

  test.each(words)("is the same to a shell: %s", (_, word) => {
    const { stdout } = Bun.spawnSync(["sh", "-c", `printf %s ${shellWord(word)}`])
    expect(stdout.toString()).toBe(word)
  })
})

describe("a line of words", () => {
  test.each(words)("is read back: %s", (_, word) =>
    expect(shellWords(`sento ${shellWord(word)} x`)).toEqual(["sento", word, "x"]),
  )

  test.each([
    ["two blanks", "sento  hook"],
    ["a blank behind", "sento "],
    ["quotes that nobody needs", "'sento' hook"],
    ["an open quote", "sento 'hook"],
    ["double quotes", 'sento "a b"'],
    ["a variable", "sento $HOME"],
    ["a second command", "sento; id"],
    ["a blank alone", " "],
  ])("is none with %s", (_, line) => expect(shellWords(line)).toBeNull())
})
