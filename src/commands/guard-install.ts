/** `sento guard install` and `uninstall`: the Guardian, or the hands of hardened mode, start with the machine. */
import { SentoError } from "../protocol/errors.ts"
import type { Paths } from "../store/paths.ts"
import { requireOwner } from "./consent.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { choose } from "./prompts.ts"
import { ensureGuardian, runningGuardian, stopAndWait } from "./running.ts"
import { hasCron, setCronLine } from "./service/cron.ts"
import {
  enableLinger,
  enableUnit,
  hasUserBus,
  lingers,
  removeUnit,
  requireOwnUnit,
} from "./service/systemd.ts"
import { cronLine, type Service, unitName, unitText } from "./service/unit.ts"
import { lastingCommand } from "./setup.ts"
import { isPerson, printJson, tell } from "./terminal.ts"
import { userHomeOf } from "./which-agent.ts"

type Installed = { readonly name: string; readonly by: "systemd" | "cron"; readonly unit: string | null }

/** `sento guard install` @throws failed where there is neither systemd nor cron */
export async function guardInstall(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  if (!paths.isAgentSide) await requireOwner(io, paths)
  const service = serviceOf(io, paths)
  const installed = (await hasUserBus(io))
    ? await installUnit(io, paths, service)
    : await installCron(io, paths, service)
  if (isJson) printJson(io, installed)
  else await tellInstalled(io, installed)
  return 0
}

/** What starts it with the machine: a unit has little of the owner's environment, and is told what it needs. */
export function serviceOf(io: Io, paths: Paths): Service {
  const { PATH, LANG, TMUX_TMPDIR, TMUX } = io.environment
  const known = { PATH, LANG, TMUX_TMPDIR }
  const environment = Object.fromEntries(
    Object.entries(known).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  )
  if (paths.isAgentSide)
    return {
      name: "sento-hands",
      description: "Sentō's hands at the agent's terminal",
      command: [...lastingCommand(io), "hands"],
      environment: { ...environment, SENTO_DOOR: paths.agentSocket, ...(TMUX ? { TMUX } : {}) },
      isEndless: true,
    }
  return {
    name: unitName(paths.home, userHomeOf(io)),
    description: `${needConfig(io, paths).name}'s Guardian (Sentō)`,
    command: [...lastingCommand(io), "guard", "--foreground"],
    environment: { ...environment, SENTO_HOME: paths.home },
    isEndless: false,
  }
}

async function installUnit(io: Io, paths: Paths, service: Service): Promise<Installed> {
  // Before anything is stopped.
  requireOwnUnit(io, service.name)
  if (!paths.isAgentSide) await stopRunning(paths)
  await enableUnit(io, service.name, unitText(service))
  if (!paths.isAgentSide) await ensureGuardian(io, paths)
  return { name: service.description, by: "systemd", unit: `${service.name}.service` }
}

async function stopRunning(paths: Paths): Promise<void> {
  const running = await runningGuardian(paths)
  if (running !== null) await stopAndWait(paths, running.pid)
}

async function installCron(io: Io, paths: Paths, service: Service): Promise<Installed> {
  if (!hasCron())
    throw new SentoError(
      "failed",
      "neither systemd's user manager nor crontab is here to start it with the machine",
      `have your system run this as you at its start: ${service.command.join(" ")}`,
    )
  await setCronLine(
    keyOf(paths),
    cronLine({ ...service, command: service.command.filter(isNoFlag) }, keyOf(paths)),
  )
  if (!paths.isAgentSide) await ensureGuardian(io, paths)
  return { name: service.description, by: "cron", unit: null }
}

/** cron waits for nothing: what it starts goes into the background by itself. */
const isNoFlag = (word: string): boolean => word !== "--foreground"

const keyOf = ({ isAgentSide, agentSocket, home }: Paths): string => (isAgentSide ? agentSocket : home)

async function tellInstalled(io: Io, { name, by, unit }: Installed): Promise<void> {
  if (by === "cron") {
    tell(io, `${name} starts with the machine from now on (a line in your crontab), and runs now`)
    return tell(io, "`sento guard uninstall` takes that away again")
  }
  tell(io, `${name} is a unit of your systemd now, ${unit}, and runs`)
  tell(io, `see \`systemctl --user status ${unit}\`; \`sento guard uninstall\` takes it away again`)
  if ((await lingers()) !== false) return
  tell(io, "It starts when you log in, and ends when you have logged out everywhere.")
  if (!isPerson(io, false)) return tell(io, "`loginctl enable-linger` has it start with the machine instead.")
  const answer = await choose("Start it with the machine instead, without a login?", [
    { value: "yes", label: "yes", hint: "loginctl enable-linger" },
    { value: "no", label: "no" },
  ])
  if (answer === "no") return
  await enableLinger()
  tell(io, "your units start with the machine from now on (`loginctl disable-linger` takes that back)")
}

/** `sento guard uninstall`: no unit, no line, no process. */
export async function guardUninstall(io: Io, paths: Paths, isJson: boolean): Promise<number> {
  if (!paths.isAgentSide) await requireOwner(io, paths)
  const { unit, hadLine } = await removeService(io, paths)
  if (isJson) printJson(io, { removed: unit !== null || hadLine })
  else if (unit !== null || hadLine) tell(io, `stopped; ${unit ?? "the line in your crontab"} is gone`)
  else tell(io, "nothing was installed; the Guardian is stopped")
  return 0
}

/** What it does, for an owner who was asked already. `unit`: the one that was there, or null. */
export async function removeService(
  io: Io,
  paths: Paths,
): Promise<{ readonly unit: string | null; readonly hadLine: boolean }> {
  const name = paths.isAgentSide ? "sento-hands" : unitName(paths.home, userHomeOf(io))
  const hadUnit = await removeUnit(io, name)
  const hadLine = hasCron() && (await setCronLine(keyOf(paths), null))
  if (!paths.isAgentSide) await stopRunning(paths)
  return { unit: hadUnit ? `${name}.service` : null, hadLine }
}
