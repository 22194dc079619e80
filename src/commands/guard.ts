/** `sento guard` and its subcommands. */
import { existsSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { pauseWords } from "../guardian/books/pauses.ts"
import { callDoor } from "../guardian/door/client.ts"
import type { GuardStatus, PausedAgent } from "../guardian/door/results.ts"
import { SentoError } from "../protocol/errors.ts"
import { shellWord } from "../protocol/shell.ts"
import type { Paths } from "../store/paths.ts"
import { otherBuildWords } from "./builds.ts"
import { type AddCommand, command, group, isJson, refuseUnknown } from "./command.ts"
import { forEach } from "./each-agent.ts"
import { guardInstall, guardUninstall } from "./guard-install.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { ensureConfig } from "./ready.ts"
import { ensureGuardian, guardStatus, placesWords, runningGuardian, stopAndWait } from "./running.ts"
import { sessionHere } from "./session-here.ts"
import { sessionWords } from "./session-state.ts"
import { ago, print, printJson, tell } from "./terminal.ts"

/** The words of `sento guard`. */
export const addGuard: AddCommand = (program, { io, paths, finish }) => {
  const guarding = group(program, "guard", "start the Guardian, in the background")
    .option("--foreground", "stay in this terminal")
    .option("--all", ofAll)
  guarding.action(({ foreground, all, json = false }, self) => {
    refuseUnknown(self)
    if (all) return finish(forEach(io, agent => guard(io, agent, json)))
    return finish(foreground ? inForeground(io, paths()) : guardHere(io, paths(), json))
  })
  command(guarding, "start", "the same as `sento guard`", { hidden: true }).action((_, self) =>
    finish(
      isOfAll(self)
        ? forEach(io, agent => guard(io, agent, isJson(self)))
        : guardHere(io, paths(), isJson(self)),
    ),
  )
  const acts = {
    stop: guardStop,
    restart: guardRestart,
    status: guardStatusCommand,
    install: guardInstall,
    uninstall: guardUninstall,
  } as const
  const each = (act: keyof typeof acts, about: string) =>
    command(guarding, act, about)
      .option("--all", ofAll)
      .action((_, self) => {
        const one = (agent: Paths, name?: string): Promise<number> => acts[act](io, agent, isJson(self), name)
        return finish(isOfAll(self) ? forEach(io, one) : one(paths()))
      })
  each("stop", "stop the Guardian")
  each("restart", "stop the Guardian and start it again")
  command(guarding, "attach", "type into the session's active pane as it is now, or into another one")
    .argument("[pane]", "as tmux names it, %3; in that session itself: the other pane")
    .action((pane, _, self) => finish(guardAttach(io, paths(), pane ?? null, isJson(self))))
  each("install", "have the Guardian start with the machine, by systemd or cron")
  each("uninstall", "take that away again, and stop the Guardian")
  each("status", "whether the Guardian runs, where it listens, what waits")
  command(guarding, "logs", "what the Guardian wrote down")
    .option("-f, --follow", "go on as the Guardian writes")
    .option("-n, --lines <count>", "how many lines, the latest (all; with -f 20)")
    .action(({ follow = false, lines }, self) =>
      finish(
        guardLogs(io, paths(), { follow, most: lines === undefined ? null : readCount(lines) }, isJson(self)),
      ),
    )
}

const ofAll = "of all your agents on this machine"

/** `--all` given before or after a subcommand's name. */
const isOfAll = (subcommand: { optsWithGlobals(): { readonly all?: true | undefined } }): boolean =>
  subcommand.optsWithGlobals().all ?? false

/** The same as {@link guard}, and asks first where nothing is set up. */
async function guardHere(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  await ensureConfig(io, paths, isJson)
  return guard(io, paths, isJson)
}

/** @see guardForeground */
async function inForeground(io: Io, paths: Paths): Promise<number> {
  const { guardForeground } = await import("./guard-foreground.ts")
  return guardForeground(io, paths)
}

function tellOtherBuild(io: Io, running: Parameters<typeof otherBuildWords>[0]): void {
  const words = otherBuildWords(running)
  if (words !== null) tell(io, `sento: note: ${words}`)
}

/** `sento guard` */
export async function guard(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  const { name, pid, wasRunning, version, commit, ...place } = await ensureGuardian(io, paths)
  if (isJson) printJson(io, await callDoor(paths, "agent", { op: "status" }))
  else {
    const verb = wasRunning ? "already listens" : "listens"
    tell(io, `${name}'s Guardian ${verb} on ${placesWords(place)} (pid ${pid})`)
    tell(io, `log: ${paths.log}`)
    tellOtherBuild(io, { version, commit })
  }
  return 0
}

/** Which of several, in front of what says no name. */
const named = (name: string | undefined, words: string): string =>
  name === undefined ? words : `${name}: ${words}`

/** `sento guard stop` @param name - where several are stopped */
async function guardStop(io: Io, paths: Paths, isJson: boolean, name?: string): Promise<number> {
  const running = await runningGuardian(paths)
  if (running !== null) await stopAndWait(paths, running.pid)
  if (isJson) printJson(io, { ...(name && { name }), running: false, wasRunning: running !== null })
  else tell(io, running === null ? named(name, "no Guardian runs") : `${running.name}'s Guardian stopped`)
  return 0
}

/** `sento guard restart` */
async function guardRestart(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  const running = await runningGuardian(paths)
  if (running !== null) await stopAndWait(paths, running.pid)
  return guard(io, paths, isJson)
}

/** `sento guard status`: exit 0 where it runs, 1 where not. @param ofSeveral - its name, where several are asked */
export async function guardStatusCommand(
  io: Io,
  paths: Paths,
  isJson: boolean,
  ofSeveral?: string,
): Promise<number> {
  const status = await guardStatus(paths)
  if (isJson) printJson(io, status ?? { ...(ofSeveral && { name: ofSeveral }), running: false })
  else if (status === null) {
    tell(io, named(ofSeveral, "no Guardian runs"))
    tell(io, "sento: hint: run `sento guard` to start it")
  } else {
    const { name, pid, session, waiting } = status
    print(io, `${name}'s Guardian listens on ${placesWords(status)} (pid ${pid})`)
    print(io, `session ${session.target}: ${sessionWords[session.state]}`)
    if (status.hands !== undefined) print(io, `hands: ${handsLine(status.hands)}`)
    print(io, `waiting: ${waiting.inbox} to type, ${waiting.outbox} to send`)
    for (const one of status.paused ?? []) print(io, `paused: ${pausedWords(one)}`)
    if (status.held !== undefined) print(io, `held: ${heldWords(status.held, Date.now())}`)
    tellOtherBuild(io, status)
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
  return `[${id}] from ${from}, for ${ago(since, now).replace(" ago", "")}: ${reason}`
}

/** `sento guard attach [PANE]`: type into the session's active pane as it is now, or into another one. */
async function guardAttach(io: Io, paths: Paths, wish: string | null, isJson: boolean): Promise<number> {
  await ensureGuardian(io, paths)
  const { session } = needConfig(io, paths).tmux
  const { pane } = await callDoor(paths, "owner", {
    op: "attach",
    pane: wish ?? (await paneBeside(io, session)),
  })
  if (isJson) printJson(io, { session, pane })
  else tell(io, `messages are typed into pane ${pane} of session ${session} from now on`)
  return 0
}

/**
 * Whoever types this in the agent's session has its active pane, which is not the one they mean: the other one. Null
 * elsewhere, and where there is no other.
 * @throws usage where there are several
 */
async function paneBeside(io: Io, session: string): Promise<string | null> {
  const here = await sessionHere(io).catch(() => null)
  if (here?.session !== session) return null
  const [other = null, ...more] = here.beside
  if (more.length === 0) return other
  throw new SentoError(
    "usage",
    `the session ${session} has several panes beside this one: ${here.beside.join(", ")}`,
    `name the agent's: \`sento guard attach ${other}\` (\`tmux list-panes -s -F '#{pane_id} #{pane_current_command}'\` says what runs in each)`,
  )
}

/** @throws usage */
function readCount(text: string): number {
  const count = Number(text)
  if (/^\d{1,7}$/.test(text) && count > 0) return count
  throw new SentoError(
    "usage",
    `${JSON.stringify(text)} is no number of lines`,
    "run `sento guard logs -n 100`",
  )
}

/** `sento guard logs [-f] [-n COUNT]`: as it is written, or with `isJson` one object a line. */
async function guardLogs(
  io: Io,
  paths: Paths,
  { follow, most }: { readonly follow: boolean; readonly most: number | null },
  isJson: boolean,
): Promise<number> {
  if (!existsSync(paths.log))
    throw new SentoError("failed", `there is no ${paths.log} yet`, "run `sento guard` to start the Guardian")
  const show = (line: string): void => (isJson ? printJson(io, logLine(line)) : print(io, line))
  if (!follow) {
    for (const line of readLog(paths)
      .trimEnd()
      .split("\n")
      .slice(most === null ? 0 : -most))
      show(line)
    return 0
  }
  const tail = Bun.spawn(["tail", "-n", String(most ?? 20), "-F", paths.log], {
    stdin: "ignore",
    stderr: "ignore",
  })
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
