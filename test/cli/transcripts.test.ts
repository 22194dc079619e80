/** Every transcript beside this file, played with the built binary. */
import { afterEach, describe, expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { play } from "../support/transcript.ts"
import { built, createWorld, type World } from "../support/world.ts"

const names = [...new Bun.Glob("*.txt").scanSync(import.meta.dir)].sort()

let world: World
afterEach(() => world.close())

test.each(names)(
  "%s",
  async name => {
    world = createWorld()
    const path = join(import.meta.dir, name)
    const transcript = readFileSync(path, "utf8")
    const cameOut = await play(world, built, transcript)
    // `SENTO_UPDATE=1 bun test` writes down what came out, for a person to read and give placeholders.
    if (process.env.SENTO_UPDATE) writeFileSync(path, cameOut)
    else expect(cameOut).toBe(transcript)
  },
  120_000,
)

describe("the runner", () => {
  const echo = "$ echo one; echo two >&2; exit 3\n> one\n! two\n? 3\n"
  const wrong = [
    ["another stdout", echo.replace("> one", "> other"), "> one"],
    ["another stderr", echo.replace("! two", "! other"), "! two"],
    ["another exit status", echo.replace("? 3", "? 4"), "? 3"],
    ["a line too many expected", echo.replace("> one", "> one\n> more"), echo],
    ["a line too few expected", echo.replace("! two\n", ""), "! two"],
    ["an expected success", echo.replace("? 3\n", ""), "? 3"],
    ["a placeholder that does not fit", echo.replace("> one", "> <pid>"), "> one"],
    ["a missing line break", "$ printf one\n> one\n", "\\ no line break"],
  ] as const

  test.each(wrong)("shows %s as it came out", async (_, transcript, shown) => {
    world = createWorld()
    const played = await play(world, built, transcript)
    expect(played).not.toBe(transcript)
    expect(played).toContain(shown)
  })

  test("leaves a transcript that holds as it is, placeholders and all", async () => {
    world = createWorld()
    const transcript = `# a sentence\n${echo}\n$ echo $$ at $work\n> <pid> at <work>\n`
    expect(await play(world, built, transcript)).toBe(transcript)
  })

  test("refuses a step it does not know", async () => {
    world = createWorld()
    expect(play(world, built, ": dance\n")).rejects.toThrow('"dance", which is no step')
  })
})
