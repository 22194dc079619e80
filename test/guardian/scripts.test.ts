/** Texts of many scripts go the whole way, and come out letter for letter as they were sent. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathsOf } from "../../src/store/paths.ts"
import { doubleCommand, startDouble, typeUntilSettled } from "../support/pane.ts"
import { scriptTexts } from "../support/texts.ts"
import { tagged } from "../support/typing-suite.ts"
import { createWorld, finished, initAgent, pairAgents, until, type World } from "../support/world.ts"

const folder = mkdtempSync(join(tmpdir(), "sento-scripts-"))
const programs = { mira: "codex", kai: "claude" } as const
const doubles = {
  mira: doubleCommand(join(folder, "mira"), programs.mira),
  kai: doubleCommand(join(folder, "kai"), programs.kai),
}
type Name = keyof typeof doubles

/** Every second one goes the other way: ten a minute are what a peer takes. */
const ways = scriptTexts.map(
  ([script, text], i) => [script, text, i % 2 === 0 ? "mira" : "kai", i % 2 === 0 ? "kai" : "mira"] as const,
)
const everything = scriptTexts.map(([, text]) => text).join("\n")

let world: World

function submitted(name: Name): string[] {
  const { log } = doubles[name]
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n").filter(Boolean) : []
  const events = lines.map(line => JSON.parse(line) as { kind: string; text: string })
  return events.flatMap(({ kind, text }) => (kind === "submitted" ? [text] : []))
}

/** What a program was given, without the tag and the line that says how to answer. */
const wordsOf = (prompt: string): string =>
  prompt.replace(/^← agent \w+ \[\w{4}\]: /, "").replace(/\n\(to answer, run: .*\)$/, "")

async function open(name: Name): Promise<void> {
  await world.session(name, ["sh", "-c", doubles[name].command], name, [120, 40])
  initAgent(world, name)
  const { config } = pathsOf(world.home(name))
  const file = JSON.parse(readFileSync(config, "utf8"))
  writeFileSync(config, JSON.stringify({ ...file, tmux: { ...file.tmux, profile: programs[name] } }))
  await world.guard(name)
}

beforeAll(async () => {
  world = createWorld()
  await open("mira")
  await open("kai")
  await pairAgents(world, "mira", "kai")
  for (const [, text, from, to] of ways) await world.ask(from, "agent", { op: "send", to, text })
  const sum = (): number => submitted("mira").length + submitted("kai").length
  await until("all of them to be typed", () => sum() >= ways.length, 300_000)
}, 400_000)
afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true, force: true })
})

test.each(ways)("%s is typed as it was sent: %s", (_, text, _from, to) => {
  expect(submitted(to).map(wordsOf)).toContain(text)
})

test("nothing else was typed", () => {
  for (const name of ["mira", "kai"] as const)
    expect(submitted(name).map(wordsOf)).toEqual(
      ways.filter(([, , , to]) => to === name).map(([, text]) => text),
    )
})

test("all of them in a long text lie in a file of `inbox/`, and in an answer are printed by `--wait` and by `sento log`, as they were sent", async () => {
  const long = ["which scripts?", ...Array.from({ length: 30 }, () => everything)].join("\n")
  const asking = world.start("mira", ["send", "kai", "-", "--wait", "100"], { input: long })
  const question = await until("the question", () =>
    submitted("kai").find(text => text.includes("which scripts")),
  )
  const [, id = ""] = /\[(\w{4})\]/.exec(question) ?? []
  const [, path = ""] = /the whole text is in (.*)\)$/m.exec(question) ?? []
  const lines = long.split("\n").map(line => `  ${line}`)
  expect(readFileSync(path, "utf8").split("\n").slice(1)).toEqual([...lines, ""])
  const answered = await world.sento("kai", ["reply", ` [${id}]:`, "-"], { input: `${everything}\n` })
  expect(answered.exit).toBe(0)
  const { exit, stdout } = await finished(asking)
  const printed = everything.replaceAll("\n", "\n  ")
  expect([exit, stdout.replace(/^← agent kai \[\w{4}\]: /, "")]).toEqual([0, `${printed}\n`])
  for (const name of ["mira", "kai"] as const) {
    const log = (await world.sento(name, ["log"])).stdout
    const shown = (text: string): string =>
      `\n${`\n${text}`.replaceAll("\n", `\n${" ".repeat(7)}`).slice(1)}\n`
    expect(scriptTexts.filter(([, text]) => !log.includes(shown(text)))).toEqual([])
    expect(log).toContain(shown(everything))
  }
}, 120_000)

test.each(["gemini", "opencode"] as const)(
  "%s is given all of them as they were sent",
  async name => {
    await using pane = await startDouble(name)
    for (const text of [everything, ...scriptTexts.map(([, one]) => one).slice(0, 4)].map(tagged)) {
      expect(await typeUntilSettled(pane, name, text)).toEqual({ kind: "submitted" })
      expect(pane.logged("submitted").at(-1)).toBe(text)
    }
  },
  120_000,
)
