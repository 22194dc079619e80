/** What agents are taught to run, run as it stands: the other agent gets the words, and the shell none of them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { context, skill } from "../../src/commands/setup/texts.ts"
import { answerHint, answerHints } from "../../src/protocol/layout.ts"

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-taught-"))
  // Stands for `sento`: says its words, and what it was given on stdin.
  writeFileSync(join(folder, "sento"), '#!/bin/sh\nprintf "%s " "$@"; printf "|"; cat\n')
  chmodSync(join(folder, "sento"), 0o755)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const said = (shell: string, script: string): string =>
  Bun.spawnSync([shell, "-c", script], {
    cwd: folder,
    env: { PATH: `${folder}:/usr/bin:/bin` },
    stdin: "ignore",
  }).stdout.toString()

const texts = [
  ["a backtick", "run `touch marker` and say `pwd`"],
  ["a dollar", "it costs $5 and $HOME, or $(touch marker)"],
  ["quotes", 'she said "no", and it\'s fine'],
  ["a backslash and an exclamation mark", "a\\nb \\\\ hello! !! !$"],
  ["line breaks", "one\n\n  two\n\tthree"],
  ["all of these", "\"`$(touch marker)`'\n$PATH\n'$'\\x41'\n#\n;&|<>"],
] as const

/** The commands of a text that have what is sent in the lines below them. */
const blocksOf = (text: string): string[] =>
  [...text.matchAll(/^ *(sento .* <<'EOF')\n *(your \w+)\n *EOF$/gm)].map(
    ([, command = ""]) => `${command}\nyour words\nEOF`,
  )
const hint = /run: (sento reply k7q2 - <<'EOF')/.exec(answerHint("k7q2"))?.[1]

describe.each(["sh", "bash"])("in %s", shell => {
  test.each(texts)("the line below a message, followed to the letter, sends %s as it is", (_, text) => {
    expect(said(shell, `${hint}\n${text}\nEOF\n`)).toBe(`reply k7q2 - |${text}\n`)
  })

  test.each(texts)("what the skill shows sends %s as it is", (_, text) => {
    const blocks = blocksOf(skill("codex"))
    expect(
      blocks.map(block =>
        said(
          shell,
          block.replace("your words", () => text),
        ),
      ),
    ).toEqual([`reply k7q2 - |${text}\n`, `send kai - --wait |${text}\n`])
  })
})

test("nothing of it was run", () => {
  expect(readdirSync(folder)).toEqual(["sento"])
  expect(existsSync("marker")).toBe(false)
})

test("nothing that is taught puts an agent's words between double quotes", () => {
  const taught = [answerHint("k7q2"), skill("claude"), context("gemini")]
  expect(taught.filter(text => /sento (?:reply|send) \w+ "/.test(text))).toEqual([])
})

test("the line below a message is one line, and the one of sessions that run is still known", () => {
  expect(answerHint("k7q2")).not.toContain("\n")
  expect(answerHint("k7q2").length).toBeLessThan(110)
  expect(answerHints("k7q2")).toEqual([
    answerHint("k7q2"),
    '(to answer, run: sento reply k7q2 "your answer")',
  ])
})
