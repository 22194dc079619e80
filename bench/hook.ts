/**
 * `bun bench/hook.ts [COUNT]`: how long `sento hook` takes an agent program, next to `sento --version`, which loads
 * nothing. Both as whole processes, in turn, so that a busy machine slows both. Exits 1 where the median of one kind
 * is above {@link mostRatio}.
 */
import { rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createWorld, initAgent, type World } from "../test/support/world.ts"
import { printTable } from "./lab/table.ts"

const binary = join(import.meta.dir, "../dist/sento")
/** Against `--version`: what a hook may cost a program at every prompt. */
const mostRatio = 2.5
const count = Number(process.argv[2] ?? "40")
/** As a message begins: of any other prompt Gemini CLI's last words are not looked up. */
const message = "← agent mira [k7q2]: hello"
const prompt = JSON.stringify({ session_id: "s", prompt_id: "p", prompt: message })
const end = JSON.stringify({ session_id: "s", prompt_id: "p", last_assistant_message: "x".repeat(4000) })

/** As long as it is read, with a turn that begins at its end. */
const transcript = join(tmpdir(), `sento-transcript-${process.pid}.jsonl`)
const earlier = `${JSON.stringify({ id: "0", type: "gemini", content: "x".repeat(1000) })}\n`.repeat(4500)
const records = [
  { id: "1", type: "user", content: message },
  { id: "2", type: "gemini", content: "x".repeat(4000) },
]
const turn = records.map(record => `${JSON.stringify(record)}\n`).join("")
const told = { session_id: "s", prompt: message, prompt_response: "x".repeat(4000) }
const endOfGemini = JSON.stringify({ ...told, transcript_path: transcript })

const kinds: readonly (readonly [string, string, readonly string[], string])[] = [
  ["--version", "kai", ["--version"], ""],
  ["hook, no Guardian", "nobody", ["hook", "UserPromptSubmit"], prompt],
  ["hook, a prompt", "kai", ["hook", "UserPromptSubmit"], prompt],
  ["hook, the end of a turn", "kai", ["hook", "Stop"], end],
  ["hook, the end of Gemini CLI's", "kai", ["hook", "AfterAgent"], endOfGemini],
]

async function time(world: World, [, home, words, input]: (typeof kinds)[number]): Promise<number> {
  const before = performance.now()
  const child = Bun.spawn([binary, ...words], {
    env: { PATH: process.env.PATH ?? "", HOME: world.folder, SENTO_HOME: world.home(home) },
    stdin: new Blob([input]),
    stdout: "ignore",
    stderr: "ignore",
  })
  await child.exited
  return performance.now() - before
}

const world = createWorld([binary])
writeFileSync(transcript, earlier + turn)
try {
  await world.session("kai", ["cat"])
  initAgent(world, "kai")
  await world.guard("kai")
  const times = kinds.map((): number[] => [])
  for (let round = 0; round < count; round++)
    for (const [index, kind] of kinds.entries()) times[index]?.push(await time(world, kind))
  const medianOf = (all: readonly number[]): number => all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0
  const base = medianOf(times[0] ?? [])
  const ratios = times.map(all => medianOf(all) / base)
  const rows = kinds.map(([name], index) => {
    const all = times[index] ?? []
    const columns = [medianOf(all), Math.max(...all), ratios[index] ?? 0]
    return [name, ...columns.map(value => value.toFixed(1))]
  })
  printTable(["command", "median ms", "most ms", "against --version"], rows)
  if (ratios.some(ratio => ratio > mostRatio)) process.exitCode = 1
} finally {
  rmSync(transcript, { force: true })
  await world.close()
}
