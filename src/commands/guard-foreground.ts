/**
 * `sento guard --foreground`: the Guardian in this process. Apart from the other commands, because what they need would be
 * in its memory all its life.
 */
import { ownCommand } from "../guardian/terminal/own-command.ts"
import { guardianEnvironment } from "../protocol/environment.ts"
import { SentoError } from "../protocol/errors.ts"
import { isDiskTrouble } from "../store/database.ts"
import { systemClock } from "../store/faults.ts"
import type { Paths } from "../store/paths.ts"
import { refuseAgentSide } from "./home.ts"
import type { Io } from "./io.ts"
import { tell } from "./terminal.ts"

/** Until it is asked to stop, by its door or by a signal. */
export async function guardForeground(io: Io, paths: Paths): Promise<number> {
  cleanEnvironment()
  const { startGuardian } = await import("../guardian/guardian.ts")
  refuseAgentSide(paths)
  const echo = io.isTerminal.stderr ? (line: string): void => tell(io, line) : undefined
  const starting = startGuardian(paths, systemClock(), undefined, echo)
  const guardian = await starting.catch(error => throwPlainly(error, paths))
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
