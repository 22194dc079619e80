/** What there is of Sentō's on this account, and what of it would go. Reads, and changes nothing. */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { setupsPath } from "../../store/homes.ts"
import { type Paths, pathsOf } from "../../store/paths.ts"
import { type Registered, readRegistered, readRegistry } from "../../store/registry.ts"
import type { Io } from "../io.ts"
import { readRecords, type SetupRecord } from "../setup/records.ts"
import { userHomeOf } from "../which-agent.ts"
import { findInstalled, type Installed, removeByHand } from "./installed.ts"
import { filesOf } from "./setups.ts"
import { short } from "./short-path.ts"

export type Plan = {
  readonly setups: readonly SetupRecord[]
  readonly agents: readonly Registered[]
  /** The hands of hardened mode, for the agent's user. */
  readonly service: Paths | null
  readonly everything: boolean
  /** What install.sh wrote, or null where something else did. */
  readonly installed: Installed | null
  /** What stays, and how it goes; a line each. */
  readonly kept: readonly string[]
}

/** @throws config where the list of setups cannot be read */
export function planOf(io: Io, everything: boolean): Plan {
  const { SENTO_HOME, SENTO_DOOR } = io.environment
  const agents = SENTO_DOOR ? [] : agentsOf(io, SENTO_HOME)
  const installed = findInstalled()
  const kept = [
    ...(everything ? [] : agents.map(keptOf)),
    ...agents.flatMap(({ config }) =>
      config?.hardened === undefined
        ? []
        : [`the user ${config.hardened.user} and ${config.hardened.folder} were made by hand, and stay`],
    ),
    ...(installed === null ? removeByHand() : []),
  ]
  const service = SENTO_DOOR ? pathsOf(SENTO_HOME, SENTO_DOOR) : null
  return { setups: readRecords(setupsPath(userHomeOf(io))), agents, service, everything, installed, kept }
}

/** All that are registered, and the one outside that SENTO_HOME names. */
function agentsOf(io: Io, named: string | undefined): Registered[] {
  const registered = readRegistry(userHomeOf(io))
  if (!named || registered.some(({ paths }) => paths.home === resolve(named))) return registered
  const paths = pathsOf(named)
  return existsSync(paths.config) ? [...registered, readRegistered(paths)] : registered
}

const keptOf = ({ name, paths }: Registered): string =>
  `kept: ${name}'s keys and messages, ${short(paths.config)} and ${short(paths.folder)}/ (\`sento uninstall --everything\` takes them too)`

/** For people: what goes, a line each. */
export function planWords({ setups, agents, service, everything, installed }: Plan): string[] {
  const peers = (one: Registered): string[] => Object.keys(one.config?.agents ?? {})
  return [
    ...setups.flatMap(one =>
      filesOf(one).map(({ path, goes }) => `${goes ? "removes" : "takes sento out of"} ${short(path)}`),
    ),
    ...agents.map(({ name }) => `stops ${name}'s Guardian, and takes away what starts it with the machine`),
    ...(service === null ? [] : ["takes away what starts the hands with the machine"]),
    ...(everything
      ? agents.flatMap(one =>
          peers(one).map(peer => `ends ${one.name}'s pair with ${peer}, and tells the other side`),
        )
      : []),
    ...(everything
      ? agents.map(
          ({ name, paths }) =>
            `removes ${name}'s keys and messages: ${short(paths.config)}, ${short(paths.folder)}/`,
        )
      : []),
    ...(installed === null ? [] : [`removes ${short(installed.command)}, its man page and completions`]),
  ]
}
