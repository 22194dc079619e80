/** The Guardian that runs for a home: found, started in the background, stopped. */
import { closeSync, openSync, readFileSync, renameSync, rmSync } from "node:fs"
import { callDoor, HungUp, NoGuardian } from "../guardian/door/client.ts"
import type { Alive, GuardStatus, ShutHost } from "../guardian/door/results.ts"
import { ownCommand } from "../guardian/terminal/own-command.ts"
import { formatAddress } from "../protocol/addresses.ts"
import { guardianEnvironment } from "../protocol/environment.ts"
import { isErrorCode, SentoError } from "../protocol/errors.ts"
import { makeFolder } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { isAlive } from "../tmux/process.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { mayRevive } from "./reviving.ts"
import { readUnit, startUnit } from "./service/systemd.ts"
import { unitName } from "./service/unit.ts"
import { userHomeOf } from "./which-agent.ts"

/** What a Guardian that stands still does not keep its owner from saying. */
const answerMilliseconds = 15_000
/** One that ends says so at once; a machine that is just up may take its time. */
const startMilliseconds = 30_000
/** One whose unit starts it does not say that it ended. */
const unitMilliseconds = 10_000
const stopMilliseconds = 15_000
const otherMilliseconds = 1000
const lookMilliseconds = 15

/** Every address at which others reach it; where there is none, loopback's. */
export const placesWords = ({ host, port, hosts = [host] }: Pick<Alive, "host" | "port" | "hosts">): string =>
  (hosts.length === 0 ? [host] : hosts).map(one => formatAddress(one, port)).join(", ")

/** Why nobody gets in at an address of ours. */
export function shutWords({ host, fault }: ShutHost, port: number): string {
  const where = formatAddress(host, port)
  switch (fault) {
    case "taken":
      return `cannot listen on ${where}: another program has that port there`
    case "absent":
      return `cannot listen on ${where}: this machine does not have that address now`
    case "unusable":
      return `cannot listen on ${where}: it is no address to listen on`
  }
}

/** What mends it. */
export const shutFix = ({ fault }: ShutHost, port: number): string =>
  fault === "taken"
    ? `stop that program (\`ss -ltnp 'sport = :${port}'\` names it), or take another port: \`sento init --port ${port + 1} && sento guard restart\``
    : "bring up the network or VPN that has it, or choose others: `sento init --listen network`"

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
export async function ensureGuardian(
  io: Io,
  paths: Paths,
): Promise<Alive & { readonly wasRunning: boolean }> {
  const running = await runningGuardian(paths)
  if (running !== null) return { ...running, wasRunning: true }
  if (paths.isAgentSide)
    throw new SentoError(
      "failed",
      `no Guardian answers at ${paths.agentSocket}`,
      "ask the owner to run `sento guard`",
    )
  needConfig(io, paths)
  return { ...(await startInBackground(io, paths)), wasRunning: false }
}

export async function stopAndWait(paths: Paths, pid: number): Promise<void> {
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
async function startInBackground(io: Io, paths: Paths): Promise<Alive> {
  makeFolder(paths)
  const isUnits = await startByUnit(io, paths)
  const started = await until(isUnits ? unitMilliseconds : startMilliseconds, () =>
    isUnits ? runningGuardian(paths) : startOnce(io, paths),
  )
  if (started !== null) return started
  throw new SentoError(
    "timed-out",
    "the Guardian did not start in time",
    `see \`sento guard logs\` and ${paths.folder}/guardian.out`,
  )
}

/** Where it is a unit's, the unit starts it; false where there is none, or systemd cannot be reached from here. */
async function startByUnit(io: Io, paths: Paths): Promise<boolean> {
  const name = unitName(paths.home, userHomeOf(io))
  return readUnit(io, name) !== null && startUnit(io, name)
}

/** Starts a Guardian that merely does not run. Whatever goes wrong is told by the next command. */
export async function revive(io: Io, paths: Paths): Promise<void> {
  if (mayRevive(paths)) await ensureGuardian(io, paths).catch(() => {})
}

/**
 * Starts the Guardian in a session of its own, and returns when its door answers. What it prints before it
 * has its own log goes to a file of this start's own, so that a failed start can say why.
 */
async function startOnce({ environment }: Io, paths: Paths): Promise<Alive | null> {
  const outputPath = `${paths.folder}/guardian.${process.pid}.out`
  const output = openSync(outputPath, "w", 0o600)
  const child = Bun.spawn([...ownCommand(), "guard", "--foreground", "--json"], {
    detached: true,
    stdio: ["ignore", output, output],
    cwd: "/",
    env: { ...guardianEnvironment(environment), SENTO_HOME: paths.home },
  })
  closeSync(output)
  child.unref()
  let isOurs = true
  try {
    const ended = (): boolean => child.exitCode !== null || child.signalCode !== null
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
