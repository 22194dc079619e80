/** `sento doctor`: the agent program, its setup, its environment and its sandbox. No program is started to see them. */
import { ownCommand } from "../guardian/terminal/own-command.ts"
import { SentoError } from "../protocol/errors.ts"
import { agentProgramNames } from "../protocol/names.ts"
import { shellWord } from "../protocol/shell.ts"
import type { Config } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { agentProcessOf } from "./agent-process.ts"
import { checkEnvironment, pathFault } from "./doctor-environment.ts"
import type { Finding } from "./doctor-peer.ts"
import { checkSandbox } from "./doctor-sandbox.ts"
import { checkSetups, commandOf, hasTools, type SetupLook } from "./doctor-setup.ts"
import { checkSharedServer } from "./doctor-shared.ts"
import type { Io } from "./io.ts"
import type { Sento } from "./setup/texts.ts"
import { lastingCommand } from "./setup.ts"

/** Nothing in hardened mode, where the program and its files are another user's. */
export async function checkPrograms(io: Io, paths: Paths, config: Config): Promise<Finding[]> {
  if (config.hardened !== undefined) return []
  const running = await agentProcessOf(paths, config)
  const sento = sentoOf(io)
  const look: SetupLook = {
    environment: io.environment,
    cwd: io.cwd(),
    config,
    running,
    sento,
    said: saidBy(io, sento),
  }
  return [
    ...checkSetups(look),
    ...(running === null ? [] : checkEnvironment(running, paths, config.name, sento)),
    ...(running === null ? [] : await checkSharedServer(io, running)),
    ...sandboxOf(look),
  ]
}

/** Of the program that runs, or of the one that is to. */
function sandboxOf(look: SetupLook): Finding[] {
  const { running, config, environment } = look
  const name = running?.name ?? agentProgramNames.find(one => one === config.tmux.profile)
  if (name === undefined) return []
  const one = {
    name,
    arguments: [],
    directory: null,
    ...running,
    environment: running?.environment ?? environment,
  }
  return checkSandbox(one, hasTools(look), commandOf(look, name))
}

/** From a cache that is emptied nothing would be written down: then the file that runs. */
function sentoOf(io: Io): Sento {
  try {
    return lastingCommand(io)
  } catch (error) {
    if (error instanceof SentoError) return ownCommand() as unknown as Sento
    throw error
  }
}

/** `sento`, where that is what runs here. */
const saidBy = ({ environment }: Io, sento: Sento): string =>
  sento.length === 1 && pathFault(environment, sento) === null ? "sento" : sento.map(shellWord).join(" ")
