/** `sento demo`: two agents in a temporary home and a private tmux server pair and talk; then all is gone. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ownCommand } from "../guardian/terminal/own-command.ts"
import { SentoError } from "../protocol/errors.ts"
import { pathsOf } from "../store/paths.ts"
import { isAlive } from "../tmux/process.ts"
import { runTmux, shellWords, type TmuxServer } from "../tmux/tmux.ts"
import type { AddCommand } from "./command.ts"
import type { Io } from "./io.ts"
import { runningGuardian } from "./running.ts"
import { bold, dim, print, printJson, tell } from "./terminal.ts"

/** The words of `sento demo`. */
export const addDemo: AddCommand = (program, { io, finish }) =>
  program
    .command("demo")
    .description("see two agents pair and talk, in a private place")
    .option("--json", "print the four terminals at the end, as JSON")
    .action(({ json = false }) => finish(demo(io, json)))

const question = "What tasks were mentioned this week?"
const answerText = "Two: book the venue, and send the draft to Blair."
/** For each step, also on a machine that is just up. */
const patienceMilliseconds = 60_000

type Stage = { readonly folder: string; readonly server: TmuxServer; readonly env: Record<string, string> }

async function demo(io: Io, isJson: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "sento-demo-"))
  const stage: Stage = {
    folder,
    server: { socket: join(folder, "tmux"), mayStart: true },
    env: plainEnvironment(io),
  }
  try {
    await play(io, stage, isJson)
    return 0
  } finally {
    await clear(stage)
  }
}

async function play(io: Io, stage: Stage, isJson: boolean): Promise<void> {
  tell(io, bold(io, "Two agents, mira and kai, each in a tmux session with a Guardian of its own"))
  await openSession(stage, "mira", [...ownCommand(), "demo-agent"])
  await openSession(stage, "kai", [...ownCommand(), "demo-agent", answerText])
  await setUp(stage, "mira")
  await setUp(stage, "kai")
  await pairBoth(io, stage)
  tell(io, bold(io, `\n3. mira asks kai:  sento send kai "${question}"`))
  await sento(stage, "mira", ["send", "kai", question])
  await untilShown(stage, "kai", `: ${question}`)
  await untilShown(stage, "mira", `: ${answerText}`)
  await untilShown(stage, "kai", "mira has your answer")
  if (isJson) return printJson(io, await screensOf(stage))
  for (const name of ["kai", "mira"]) {
    print(io, `\n── ${name}'s pane ${"─".repeat(60 - name.length)}`)
    print(io, (await screen(stage, name)).trimEnd())
  }
  tell(
    io,
    dim(
      io,
      "\nThat was the real thing: a PAKE from the code, signed and encrypted messages over HTTP, real panes.",
    ),
  )
}

/** All that each of the four terminals has shown, by its name. */
async function screensOf(stage: Stage): Promise<Record<string, string>> {
  const screens: Record<string, string> = {}
  for (const name of ["mira-owner", "kai-owner", "mira", "kai"])
    screens[name] = (await screen(stage, name, ["-S", "-"])).trimEnd()
  return screens
}

/** A shell's, once it waits; root's is another one. */
const prompt = /^[$#]\s*$/m

async function openShell(stage: Stage, name: string): Promise<void> {
  await openSession(stage, name, ["sh"])
  await untilShown(stage, name, prompt)
}

/** Each owner in a terminal of their own; the answer is typed. */
async function pairBoth(io: Io, stage: Stage): Promise<void> {
  tell(io, bold(io, "\n1. mira's owner runs:  sento pair"))
  await openShell(stage, "mira-owner")
  // What is said by a flag here is asked otherwise: where the other agent is.
  await type(stage, "mira-owner", `${shellCommand(stage, "mira")} pair --listen 127.0.0.1`)
  const code = (await untilShown(stage, "mira-owner", /SENTO-[0-9A-Z]{4}\b/))[0]
  tell(io, `   and gets ${bold(io, code)}`)
  tell(io, bold(io, `\n2. kai's owner runs:  sento pair ${code}`))
  await openShell(stage, "kai-owner")
  // With the address: another agent of this machine may have a code open, too.
  const port = (await runningGuardian(pathsOf(homeOf(stage, "mira"))))?.port
  await type(stage, "kai-owner", `${shellCommand(stage, "kai")} pair ${code}@127.0.0.1:${port}`)
  await untilShown(stage, "mira-owner", "Agent kai wants to pair. Approve? (yes/no)")
  tell(io, "   mira's owner is asked:  Agent kai wants to pair. Approve? (yes/no)")
  await type(stage, "mira-owner", "yes")
  for (const [name, other] of [
    ["mira-owner", "kai"],
    ["kai-owner", "mira"],
  ] as const) {
    await untilShown(stage, name, `Paired with ${other}.`)
    await untilShown(stage, name, prompt)
  }
  tell(io, "   and types yes: both sides are paired")
}

async function setUp(stage: Stage, name: string): Promise<void> {
  mkdirSync(homeOf(stage, name), { mode: 0o700 })
  const socket = stage.server.socket ?? ""
  await sento(stage, name, [
    "init",
    "--name",
    name,
    "--session",
    name,
    "--tmux-socket",
    socket,
    "--profile",
    "plain",
  ])
  await sento(stage, name, ["guard"])
}

const homeOf = (stage: Stage, name: string): string => join(stage.folder, name)

async function sento(stage: Stage, name: string, words: readonly string[]): Promise<void> {
  const child = Bun.spawn([...ownCommand(), ...words], {
    env: { ...stage.env, SENTO_HOME: homeOf(stage, name) },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  })
  const said = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) throw new SentoError("failed", `sento ${words[0]} failed: ${said.trim()}`)
}

async function openSession(stage: Stage, name: string, command: readonly string[]): Promise<void> {
  const env = { ...stage.env, SENTO_HOME: homeOf(stage, name.replace("-owner", "")), PS1: "$ " }
  const settings = Object.entries(env).flatMap(([key, value]) => ["-e", `${key}=${value}`])
  const size = ["-x", "100", "-y", "14"]
  const answer = await runTmux(stage.server, [
    "-f",
    "/dev/null",
    "new-session",
    "-d",
    "-s",
    name,
    ...size,
    ...settings,
    ...command,
  ])
  if (answer.status !== 0) throw new SentoError("failed", `tmux: ${answer.stderr.trim()}`)
}

async function type(stage: Stage, name: string, text: string): Promise<void> {
  await runTmux(stage.server, [
    "send-keys",
    "-t",
    `=${name}:`,
    "-l",
    text,
    ";",
    "send-keys",
    "-t",
    `=${name}:`,
    "Enter",
  ])
}

/** `env SENTO_HOME=… sento` for a shell. */
function shellCommand(stage: Stage, name: string): string {
  return shellWords(["env", `SENTO_HOME=${homeOf(stage, name)}`, ...ownCommand()])
}

/** @param from - what of its history, in tmux' words; nothing: only what can be seen */
async function screen(stage: Stage, name: string, from: readonly string[] = []): Promise<string> {
  const answer = await runTmux(stage.server, ["capture-pane", "-p", "-J", ...from, "-t", `=${name}:`])
  return answer.status === 0 ? answer.stdout : `(no screen: ${answer.stderr.trim()})`
}

async function untilShown(stage: Stage, name: string, what: string | RegExp): Promise<[string]> {
  const deadline = Date.now() + patienceMilliseconds
  for (;;) {
    const shown = await screen(stage, name)
    const match = typeof what === "string" ? (shown.includes(what) ? [what] : null) : what.exec(shown)
    if (match !== null) return [match[0] ?? ""]
    if (Date.now() > deadline)
      throw new SentoError("timed-out", `${name}'s pane never showed ${what}; it shows:\n${shown.trimEnd()}`)
    await Bun.sleep(30)
  }
}

/** By signal, not by the owner's door: the demo may be run by an agent. */
async function clear(stage: Stage): Promise<void> {
  for (const name of ["mira", "kai"]) await stopGuardian(stage, name)
  await runTmux(stage.server, ["kill-server"])
  rmSync(stage.folder, { recursive: true, force: true })
}

async function stopGuardian(stage: Stage, name: string): Promise<void> {
  const running = await runningGuardian(pathsOf(homeOf(stage, name)))
  if (running === null) return
  process.kill(running.pid, "SIGTERM")
  const deadline = Date.now() + patienceMilliseconds
  while (Date.now() < deadline && isAlive(running.pid)) await Bun.sleep(20)
}

/** An agent program's variables would make the owners' commands refuse to ask. */
function plainEnvironment({ environment }: Io): Record<string, string> {
  const kept = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TERM", "TMPDIR"]
  return Object.fromEntries(kept.flatMap(name => (environment[name] ? [[name, environment[name]]] : [])))
}
