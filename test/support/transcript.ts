/**
 * Transcripts: what is typed in a shell and what it prints. A line starts with
 *
 *     # a sentence: what the next commands show
 *     : a step of the stage: `home mira`, `init mira`, `guard mira`, `session mira`, `pair mira kai`; `user owner`: from
 *       here on a home directory of its own, in which several agents may live, and no variable that names one
 *     $ a command line for sh, in the home named last; `$work` is the folder with all homes
 *     > a line of stdout
 *     ! a line of stderr
 *     ? the exit status, where it is not 0
 *
 * A stdout that does not end with a line break shows as a last line `\ no line break`. Where output cannot be
 * the same twice, a placeholder stands for it: those of {@link placeholders}, and `<work>`.
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { finished, initAgent, pairAgents, plainEnvironment, setUpAgent, type World } from "./world.ts"

const placeholders = {
  pid: String.raw`\d+`,
  port: String.raw`\d{4,5}`,
  seconds: String.raw`\d+`,
  date: String.raw`\d{4}-\d\d-\d\d`,
  time: String.raw`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3}Z)?`,
  minute: String.raw`\d{4}-\d\d-\d\d \d\d:\d\d UTC`,
  clock: String.raw`\d\d:\d\d`,
  uuid: "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
  hex: "[0-9a-f]{32}",
  short: "[0-9a-hjkmnp-tv-z]{4}",
  code: "SENTO-[0-9A-HJKMNP-TV-Z]{4}",
  verifier: "[0-9A-Z]{5}-[0-9A-Z]{5}",
  ago: String.raw`\d+ seconds? ago`,
  version: String.raw`\d+\.\d+\.\d+(?:-source)?`,
  commit: "[0-9a-f]{40}|unknown",
  any: ".*",
} as const

const patienceMilliseconds = 60_000

/**
 * Plays a transcript.
 * @returns the transcript as it came out: equal to the one given when everything printed what it should
 */
export async function play(world: World, sento: readonly string[], transcript: string): Promise<string> {
  const stage: Stage = { home: "mira", isUser: false, path: installCommand(world, sento) }
  const lines = transcript.split("\n")
  const played: string[] = []
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? ""
    if (isOutput(line)) continue
    played.push(line)
    if (line.startsWith(": ")) await inTime(line, takeStep(world, stage, line.slice(2).split(" ")))
    if (!line.startsWith("$ ")) continue
    const after = lines.slice(at + 1)
    const end = after.findIndex(other => !isOutput(other))
    const expected = after.slice(0, end < 0 ? after.length : end)
    played.push(...asExpected(world, await run(world, stage, line.slice(2)), expected))
  }
  return played.join("\n")
}

const isOutput = (line: string): boolean => /^[>!?\\](?: |$)/.test(line)

type Stage = { home: string; isUser: boolean; readonly path: string }

/** A folder for PATH with nothing but `sento` in it. */
function installCommand(world: World, sento: readonly string[]): string {
  const folder = join(world.folder, "bin")
  mkdirSync(folder)
  const words = sento.map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(" ")
  writeFileSync(join(folder, "sento"), `#!/bin/sh\nexec ${words} "$@"\n`)
  chmodSync(join(folder, "sento"), 0o755)
  return folder
}

async function takeStep(world: World, stage: Stage, [step, ...words]: string[]): Promise<void> {
  const [first = "", second = ""] = words
  switch (step) {
    case "home":
    case "user":
      world.home(first)
      stage.home = first
      stage.isUser = step === "user"
      return
    case "init":
      initAgent(world, first)
      return
    case "session":
      return world.session(first, words.length > 1 ? words.slice(1) : ["cat"])
    case "guard":
      await setUpAgent(world, first)
      return
    case "pair":
      return pairAgents(world, first, second)
    default:
      throw new Error(`a transcript says ${JSON.stringify(step)}, which is no step`)
  }
}

async function run(world: World, stage: Stage, command: string): Promise<string[]> {
  const home = world.home(stage.home)
  const child = Bun.spawn(["/bin/sh", "-c", command], {
    cwd: home,
    env: {
      ...plainEnvironment,
      PATH: `${stage.path}:${plainEnvironment.PATH}`,
      ...(stage.isUser ? { HOME: home } : { HOME: world.folder, SENTO_HOME: home }),
      work: world.folder,
      socket: world.socket,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const ran = await inTime(command, finished(child))
  return [
    ...asLines(">", ran.stdout),
    ...asLines("!", ran.stderr),
    ...(ran.exit === 0 ? [] : [`? ${ran.exit}`]),
  ]
}

/** What hangs is named; `close` of the world ends what it can find. */
async function inTime<Value>(command: string, work: Promise<Value>): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`still runs: ${command}`)), patienceMilliseconds)
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

function asLines(mark: string, text: string): string[] {
  if (text === "") return []
  const lines = text.split("\n")
  const last = lines.pop()
  const shown = lines.map(line => (line === "" ? mark : `${mark} ${line}`))
  return last === "" ? shown : [...shown, `${mark} ${last}`, "\\ no line break"]
}

/** What came out, where each line that an expected one describes is written as it is there. */
function asExpected(world: World, actual: readonly string[], expected: readonly string[]): string[] {
  return actual.map((line, i) => {
    const bare = line.replaceAll(world.folder, "<work>")
    const wanted = expected[i]
    return wanted !== undefined && patternOf(wanted).test(bare) ? wanted : bare
  })
}

function patternOf(line: string): RegExp {
  const parts = line.split(/<([a-z]+)>/)
  const source = parts.map((part, i) => {
    if (i % 2 === 0) return part.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
    return Object.hasOwn(placeholders, part)
      ? `(?:${placeholders[part as keyof typeof placeholders]})`
      : `<${part}>`
  })
  return new RegExp(`^${source.join("")}$`, "u")
}
