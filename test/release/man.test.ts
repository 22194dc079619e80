/** The man page: every command is in it, and formatters have nothing to say of it. */
import { beforeAll, describe, expect, test } from "bun:test"
import { manPage } from "../../release/man.ts"
import { processIo } from "../../src/commands/io.ts"
import { grammarOf } from "../../src/commands/program.ts"
import { exitStatus } from "../../src/protocol/errors.ts"

let page = ""
beforeAll(async () => {
  page = await manPage()
})

const format = (...words: string[]): { readonly text: string; readonly said: string } => {
  const { stdout, stderr } = Bun.spawnSync(words, {
    stdin: Buffer.from(page),
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  })
  return { text: stdout.toString(), said: stderr.toString() }
}

describe("sento(1)", () => {
  test.skipIf(Bun.which("groff") === null)("is formatted by groff without a warning", () => {
    const { text, said } = format("groff", "-man", "-ww", "-Tutf8", "-P-cbou")
    expect(said).toBe("")
    expect(text).toContain("SENTO(1)")
    expect(text).toMatch(
      / {3}sento agents pause <name> \[duration\]\n {7}Keep an agent's messages and type none of them\./,
    )
    expect(text).toMatch(/ {7}-n, --lines <count>\n {14}how many/)
  })

  test.skipIf(Bun.which("mandoc") === null)("and mandoc finds nothing in it", () => {
    const { text, said } = format("mandoc", "-T", "lint", "-W", "all")
    expect(text + said).toBe("")
  })

  test("has every command that `sento --help` lists, and every exit status", async () => {
    const program = await grammarOf(processIo())
    const names = program
      .createHelp()
      .visibleCommands(program)
      .map(one => one.name())
    expect(names.length).toBeGreaterThan(15)
    for (const name of names.filter(one => one !== "help"))
      expect(page).toMatch(new RegExp(`^\\.SS "sento ${name}[ "]`, "m"))
    const said = [...page.matchAll(/^\.TP\n\.B (\d+)$/gm)].map(([, status]) => Number(status))
    expect(said).toEqual([0, ...new Set(Object.values(exitStatus))])
  })
})
