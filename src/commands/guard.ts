/** `sento guard` and its subcommands; other commands start the Guardian through here too. */
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync } from "node:fs"
import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { pauseWords } from "../guardian/books/pauses.ts"
import { callDoor, HungUp, NoGuardian } from "../guardian/door/client.ts"
import type { Alive, GuardStatus, PausedAgent } from "../guardian/door/requests.ts"
import { ownCommand } from "../guardian/terminal/own-command.ts"
import { formatAddress } from "../protocol/addresses.ts"
import { guardianEnvironment } from "../protocol/environment.ts"
import { isErrorCode, SentoError } from "../protocol/errors.ts"
import { shellWord } from "../protocol/shell.ts"
import { makeFolder } from "../store/config.ts"
import { isDiskTrouble } from "../store/database.ts"
import { systemClock } from "../store/faults.ts"
import type { Paths } from "../store/paths.ts"
import { isAlive } from "../tmux/process.ts"
import { needConfig } from "./home.ts"
import { ago, print, printJson, tell } from "./terminal.ts"

/** What a Guardian that stands still does not keep its owner from saying. */
const answerMilliseconds = 15_000
const startMilliseconds = 10_000
const stopMilliseconds = 15_000
const otherMilliseconds = 1000
const lookMilliseconds = 15

/** The running Guardian, or null where none runs. @throws timed-out for one that does not answer */
export const runningGuardian = (paths: Paths, patience = answerMilliseconds): Promise<Alive | null> =>
  orNull(callDoor(paths, "agent", { op: "alive" }, { patience }))

/** The running Guardian's status, or null where none runs. @throws timed-out for one that does not answer */
export const guardStatus = (paths: Paths, patience = answerMilliseconds): Promise<GuardStatus | null> =>
  orNull(callDoor(paths, "agent", { op: "status" }, { patience }))

async function orNull<Value>(answer: Promise<Value>): Promise<Value | null> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof NoGuardian || error instanceof HungUp) return null
    throw error
  }
}

/** A Guardian that answers: the one that runs, or one started now. @throws what kept it from starting */
export async function ensureGuardian(paths: Paths): Promise<Alive & { readonly wasRunning: boolean }> {
  const running = await runningGuardian(paths)
  if (running !== null) return { ...running, wasRunning: true }
  if (paths.isAgentSide)
    throw new SentoError(
      "failed",
      `no Guardian answers at ${paths.agentSocket}`,
      "ask the owner to run `sento guard`",
    )
  needConfig(paths)
  return { ...(await startInBackground(paths)), wasRunning: false }
}

/** `sento guard` */
export async function guard(paths: Paths, isJson: boolean): Promise<number> {
  const { name, host, port, pid, wasRunning } = await ensureGuardian(paths)
  if (isJson) printJson(await callDoor<GuardStatus>(paths, "agent", { op: "status" }))
  else {
    const verb = wasRunning ? "already listens" : "listens"
    tell(`${name}'s Guardian ${verb} on ${formatAddress(host, port)} (pid ${pid})`)
    tell(`log: ${paths.log}`)
  }
  return 0
}

/** `sento guard --foreground`: until it is asked to stop, by its door or by a signal. */
export async function guardForeground(paths: Paths): Promise<number> {
  cleanEnvironment()
  const { startGuardian } = await import("../guardian/guardian.ts")
  needConfig(paths)
  const guardian = await startGuardian(paths, systemClock()).catch(error => throwPlainly(error, paths))
  const { promise: signalled, resolve } = Promise.withResolvers<void>()
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => resolve())
  await Promise.race([guardian.asked, signalled])
  await guardian.stop()
  return 0
}

/** Runs this very program again where its environment has more than a Guardian is given: Bun has read it by now. */
function cleanEnvironment(): void {
  const clean = guardianEnvironment(process.env)
  if (Object.keys(clean).length === Object.keys(process.env).length || process.execve === undefined) return
  process.execve(process.execPath, [...ownCommand(), ...process.argv.slice(2)], clean)
}

/** A full disk is no bug. */
function throwPlainly(error: unknown, { folder }: Paths): never {
  if (!isDiskTrouble(error)) throw error
  throw new SentoError(
    "config",
    `cannot write in ${folder}: ${(error as Error).message}`,
    "free some space on its disk, then run `sento guard`",
  )
}

/** `sento guard stop` */
export async function guardStop(paths: Paths, isJson: boolean): Promise<number> {
  const running = await runningGuardian(paths)
  if (running !== null) await stopAndWait(paths, running.pid)
  if (isJson) printJson({ running: false, wasRunning: running !== null })
  else tell(running === null ? "no Guardian runs" : `${running.name}'s Guardian stopped`)
  return 0
}

/** `sento guard restart` */
export async function guardRestart(paths: Paths, isJson: boolean): Promise<number> {
  const running = await runningGuardian(paths)
  if (running !== null) await stopAndWait(paths, running.pid)
  return guard(paths, isJson)
}

/** `sento guard status`: exit 0 where it runs, 1 where not. */
export async function guardStatusCommand(paths: Paths, isJson: boolean): Promise<number> {
  const status = await guardStatus(paths)
  if (isJson) printJson(status ?? { running: false })
  else if (status === null) {
    tell("no Guardian runs")
    tell("sento: hint: run `sento guard` to start it")
  } else {
    const { name, host, port, pid, session, waiting } = status
    print(`${name}'s Guardian listens on ${formatAddress(host, port)} (pid ${pid})`)
    print(`session ${session.target}: ${session.state}`)
    if (status.hands !== undefined) print(`hands: ${handsLine(status.hands)}`)
    print(`waiting: ${waiting.inbox} to type, ${waiting.outbox} to send`)
    for (const one of status.paused ?? []) print(`paused: ${pausedWords(one)}`)
    if (status.held !== undefined) print(`held: ${heldWords(status.held, Date.now())}`)
  }
  return status === null ? 1 : 0
}

/** In hardened mode: who works at the terminal, for people. */
const handsLine = (hands: NonNullable<GuardStatus["hands"]>): string =>
  hands.connected ? `connected (tmux ${hands.tmux ?? "not found"})` : `${hands.reason}, messages wait`

/** An agent whose messages are kept and not typed, for people. */
export const pausedWords = (one: PausedAgent): string =>
  `${one.name} (${one.waiting} waiting) ${pauseWords(one)}`

/** Why the oldest message waits, for people. @param now - milliseconds since the epoch */
export function heldWords(
  { id, from, reason, since }: NonNullable<GuardStatus["held"]>,
  now: number,
): string {
  return `[${id}] from ${from} since ${since} (${ago(since, now)}): ${reason}`
}

/** `sento guard attach`: type into the session's active pane as it is now. */
export async function guardAttach(paths: Paths, isJson: boolean): Promise<number> {
  await ensureGuardian(paths)
  const { pane } = await callDoor<{ pane: string }>(paths, "owner", { op: "attach" })
  const { session } = needConfig(paths).tmux
  if (isJson) printJson({ session, pane })
  else tell(`messages are typed into pane ${pane} of session ${session} from now on`)
  return 0
}

/** `sento guard logs [-f]`: as it is written, or with `isJson` one object a line. */
export async function guardLogs(paths: Paths, follow: boolean, isJson: boolean): Promise<number> {
  if (!existsSync(paths.log))
    throw new SentoError("failed", `there is no ${paths.log} yet`, "run `sento guard` to start the Guardian")
  const show = (line: string): void => (isJson ? printJson(logLine(line)) : print(line))
  if (!follow) {
    for (const line of readLog(paths).trimEnd().split("\n")) show(line)
    return 0
  }
  const tail = Bun.spawn(["tail", "-n", "20", "-F", paths.log], { stdin: "ignore", stderr: "ignore" })
  process.once("exit", () => tail.kill())
  for await (const line of createInterface({ input: Readable.fromWeb(tail.stdout) })) show(line)
  return await tail.exited
}

function readLog({ log }: Paths): string {
  try {
    return readFileSync(log, "utf8")
  } catch (error) {
    throw new SentoError(
      "config",
      `cannot read ${log}: ${(error as { code?: string }).code}`,
      `see \`ls -ld ${shellWord(log)}\``,
    )
  }
}

/** A line of guardian.log as guardian/log.ts writes it. */
function logLine(line: string): { at: string; text: string } {
  const end = line.indexOf(" ")
  return { at: line.slice(0, end), text: line.slice(end + 1) }
}

async function stopAndWait(paths: Paths, pid: number): Promise<void> {
  try {
    await callDoor(paths, "owner", { op: "stop" }, { patience: answerMilliseconds })
  } catch (error) {
    if (!(error instanceof NoGuardian || error instanceof HungUp)) throw error
  }
  const isGone = await until(
    stopMilliseconds,
    async () => ((await runningGuardian(paths)) === null && !isAlive(pid)) || null,
  )
  if (isGone === null)
    throw new SentoError("timed-out", `the Guardian (pid ${pid}) did not stop`, "see `sento guard logs`")
}

/**
 * A Guardian that answers. Where another one holds the home and does not answer, it is starting or stopping:
 * it gets a second, then one is started again.
 */
async function startInBackground(paths: Paths): Promise<Alive> {
  makeFolder(paths)
  const started = await until(startMilliseconds, () => startOnce(paths))
  if (started !== null) return started
  throw new SentoError(
    "timed-out",
    "the Guardian did not start in time",
    `see \`sento guard logs\` and ${paths.folder}/guardian.out`,
  )
}

/**
 * Starts the Guardian in a session of its own, and returns when its door answers. What it prints before it
 * has its own log goes to a file of this start's own, so that a failed start can say why.
 */
async function startOnce(paths: Paths): Promise<Alive | null> {
  const outputPath = `${paths.folder}/guardian.${process.pid}.out`
  const output = openSync(outputPath, "w", 0o600)
  const child = Bun.spawn([...ownCommand(), "guard", "--foreground", "--json"], {
    detached: true,
    stdio: ["ignore", output, output],
    cwd: "/",
    env: { ...guardianEnvironment(process.env), SENTO_HOME: paths.home },
  })
  closeSync(output)
  child.unref()
  let isOurs = true
  try {
    const ended = (): boolean => child.exitCode !== null
    const found = await until(
      startMilliseconds,
      async () => (await runningGuardian(paths)) ?? (ended() || null),
    )
    isOurs = found === null || (found !== true && found.pid === child.pid)
    return found === true ? await startedByAnother(paths, outputPath) : found
  } finally {
    if (isOurs) renameSync(outputPath, `${paths.folder}/guardian.out`)
    else rmSync(outputPath, { force: true })
  }
}

/** Ours ended: because another was first, which is fine and may still be opening its doors, or for its error. */
function startedByAnother(paths: Paths, outputPath: string): Promise<Alive | null> {
  const failure = readFailure(outputPath)
  if (failure.code === "try-later") return until(otherMilliseconds, () => runningGuardian(paths))
  throw failure
}

function readFailure(outputPath: string): SentoError {
  const text = readFileSync(outputPath, "utf8").trim()
  if (text === "")
    return new SentoError(
      "failed",
      "the Guardian ended as it started, and could not say why",
      `see whether the disk of ${outputPath} is full, then run \`sento guard\``,
    )
  try {
    const { error } = JSON.parse(text.split("\n").at(-1) ?? "") as {
      error: { code: string; message: string; hint: string | null }
    }
    return new SentoError(isErrorCode(error.code) ? error.code : "failed", error.message, error.hint)
  } catch {
    return new SentoError(
      "failed",
      `the Guardian ended as it started: ${text.slice(0, 2000)}`,
      "see `sento guard logs`",
    )
  }
}

async function until<Value>(milliseconds: number, look: () => Promise<Value | null>): Promise<Value | null> {
  const deadline = Date.now() + milliseconds
  for (;;) {
    const value = await look()
    if (value !== null || Date.now() > deadline) return value
    await Bun.sleep(lookMilliseconds)
  }
}
