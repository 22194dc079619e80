/**
 * `bun bench/prompts.ts claude|codex|gemini|opencode EXECUTABLE [--turns]`: what the program's hooks are told of a
 * message that is typed into its box, alone and with a person's words in it; with `--turns` of the ends of turns, with
 * the transcript at that moment (Gemini CLI). One line of JSON each, as test/hooks has them. The program itself, with
 * what `sento setup` writes, a temporary home, a made-up key, a stub of its model, no network.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { answerHint, excerpt, layOut, visibleText, wholeTextNote } from "../src/protocol/layout.ts"
import { profiles } from "../src/tmux/readiness.ts"
import { look } from "../src/tmux/snapshot.ts"
import {
  image,
  message,
  type PromptCase,
  promptCases,
  promptId,
  promptName,
} from "../test/hooks/prompt-cases.ts"
import { until } from "../test/support/world.ts"
import { isInNamespace, runInNamespace } from "./lab/namespace.ts"
import { hookTrust, type LabPlace, type LabProgram, labPrograms } from "./lab/programs.ts"
import { type LabSession, screen, startSession, untilState } from "./lab/session.ts"

/** Gemini CLI 0.61.0 takes a return that comes too soon for a line break, and its first paste for keys. */
const restMilliseconds = 500

/** Told by a hook, as the recorder wrote it. */
type Told = { readonly event: string; readonly input: object; readonly transcript?: string }

type Recording = { readonly session: LabSession; readonly told: () => Told[] }

/** A turn by its prompt, and the keys that are pressed once the screen shows something. */
type Turn = readonly [title: string, prompt: string, shown?: RegExp, ...keys: string[]]

const turns: readonly Turn[] = [
  ["plain", "what is open?"],
  ["in parts", "slow, please"],
  ["behind a tool call", "use tool", /Allow once/, "Enter"],
  ["words before a tool call", "use tool aloud", /Allow once/, "Enter"],
  ["refused a tool call", "use tool again", /Allow once/, "Escape"],
  ["interrupted", "slow, but not to its end", /word3/, "Escape"],
  ["a person's answer", "use the question", /Which one\?/, "swordfish", "Enter"],
  ["asked", "ask me"],
]

/** Of a transcript: its last lines, and no long words of the program's own. */
const mostLines = 12
const mostUnits = 400

function shortened({ transcript, ...told }: Told): Told {
  if (transcript === undefined) return told
  const lines = transcript.trimEnd().split("\n").slice(-mostLines)
  const short = (_: string, value: unknown): unknown =>
    typeof value === "string" && value.length > mostUnits ? `${value.slice(0, 40)} …` : value
  const records = lines.map(line => JSON.stringify(JSON.parse(line), short))
  return { ...told, transcript: `${records.join("\n")}\n` }
}

async function main([name, executable, option]: readonly string[]): Promise<number> {
  const program = labPrograms[name as LabProgram["name"]]
  if (program === undefined || executable === undefined)
    throw new Error("usage: bun bench/prompts.ts claude|codex|gemini|opencode EXECUTABLE [--turns]")
  if (!isInNamespace()) return runInNamespace()
  const places: LabPlace[] = []
  const prepare = (place: LabPlace): void => {
    program.prepare(place)
    places.push(place)
    setUp(program.name, place.home)
  }
  const tool = () => ({ command: () => "touch done", delayMilliseconds: () => 0 })
  const command = [executable, ...program.arguments, ...hookTrust(program.name)]
  await using session = await startSession({ ...program, prepare }, executable, tool, undefined, { command })
  await Bun.sleep(4 * restMilliseconds)
  const home = places[0]?.home ?? ""
  const recording = { session, told: () => linesOf(join(home, "hooks.jsonl")) }
  const root = dirname(home)
  // Claude Code names a folder after the whole path.
  const paths = [
    [home, "/home/mira"],
    [root, "/home/mira"],
    [root.replaceAll("/", "-"), "-home-mira"],
  ] as const
  const say = (line: object): void =>
    console.log(paths.reduce((text, [from, to]) => text.replaceAll(from, to), JSON.stringify(line)))
  if (option === "--turns")
    for (const turn of turns) for (const line of await endOf(recording, turn)) say(line)
  else for (const one of promptCases) say(await promptOf(recording, one))
  return 0
}

/** Whatever stands for `sento` in the program's settings is the recorder. */
function setUp(program: string, home: string): void {
  const recorder = join(import.meta.dir, "lab/recorder.ts")
  const environment = { PATH: process.env.PATH ?? "", HOME: home }
  const ran = Bun.spawnSync([process.execPath, recorder, "setup", program], { env: environment })
  if (!ran.success) throw new Error(`sento setup ${program}: ${ran.stderr}`)
}

/** Fills the box as the case says, submits it, and gives what the first hook was told. */
async function promptOf(recording: Recording, one: PromptCase): Promise<object> {
  const { session, told } = recording
  await untilState(session, "ready", 60_000)
  const before = told().length
  for (const step of one.steps)
    if (typeof step !== "string") await press(session, step.keys)
    else if (step === message) await paste(session, typed(session, one))
    else if (step === image) await paste(session, pictureIn(session.work))
    else await press(session, ["-l", step])
  await submit(recording, before)
  const hint = one.hasHint ? answerHint(promptId) : null
  return { case: one.title, typed: typed(session, one), hint, ...told()[before] }
}

/** A picture of one point, as its path. */
function pictureIn(work: string): string {
  const path = join(work, "point.png")
  const png =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
  writeFileSync(path, Buffer.from(png, "base64"))
  return path
}

/** As the Guardian types it. */
function typed({ program }: LabSession, { text: given, hasHint }: PromptCase): string {
  const text = visibleText(given)
  const isLong = text.length > 8000
  const lines = [layOut(promptName, promptId, isLong ? excerpt(text) : text)]
  if (isLong) lines.push(wholeTextNote(text.length, `/home/mira/.sento/inbox/${promptId}.txt`))
  if (hasHint) lines.push(answerHint(promptId))
  return profiles[program.name].adapt(lines.join("\n"))
}

async function endOf(recording: Recording, [title, prompt, shown, ...keys]: Turn): Promise<object[]> {
  const { session, told } = recording
  await untilState(session, "ready", 60_000)
  const before = told().length
  await paste(session, profiles[session.program.name].adapt(layOut(promptName, promptId, prompt)))
  await submit(recording, before, async () => {
    if (shown === undefined) return
    await until(`${shown}`, () => shown.test(screen(session)))
    for (const key of keys) await press(session, [key])
  })
  return told()
    .slice(before)
    .map(line => ({ case: title, ...shortened(line) }))
}

/** Presses return, and waits until the turn is over. */
async function submit(
  { session, told }: Recording,
  before: number,
  meanwhile: () => Promise<void> = async () => {},
): Promise<void> {
  await Bun.sleep(restMilliseconds)
  await press(session, ["Enter"])
  await meanwhile()
  try {
    await until("a hook", () => told().length > before, 30_000)
    await untilState(session, "ready", 60_000)
    await Bun.sleep(restMilliseconds)
    await untilState(session, "ready", 60_000)
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${screen(session)}`)
  }
}

async function press(session: LabSession, keys: readonly string[]): Promise<void> {
  session.tmux("send-keys", "-t", session.pinned.pane, ...keys)
  await Bun.sleep(restMilliseconds)
}

/** Pastes a text, and waits until the box shows something else. */
async function paste({ server, pinned, program, tmux }: LabSession, text: string): Promise<void> {
  const box = async (): Promise<string | null> => {
    const seen = await look(server, pinned)
    return seen.kind === "seen" ? JSON.stringify(profiles[program.name].read(seen.snapshot).box) : null
  }
  const before = await box()
  const load = ["tmux", "-S", server.socket ?? "", "load-buffer", "-b", "one", "-"]
  Bun.spawnSync(load, { stdin: Buffer.from(text) })
  tmux("paste-buffer", "-p", "-r", "-d", "-b", "one", "-t", pinned.pane)
  await until("the box", async () => (await box()) !== before)
  await Bun.sleep(restMilliseconds)
}

function linesOf(path: string): Told[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, "utf8").trimEnd().split("\n")
  return lines.map(line => JSON.parse(line) as Told)
}

process.exit(await main(process.argv.slice(2)))
