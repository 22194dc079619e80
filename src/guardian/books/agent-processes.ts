/** Whose descendants are not the owner: what runs in the panes of this agent, and of the user's others. */
import { SentoError } from "../../protocol/errors.ts"
import type { Config } from "../../store/config.ts"
import { homesBeside } from "../../store/homes.ts"
import type { Paths } from "../../store/paths.ts"
import { openReader } from "../../store/reader.ts"
import { readRegistered } from "../../store/registry.ts"
import { isRunning } from "../../tmux/hands.ts"
import type { OwnHands } from "../../tmux/own-hands.ts"
import type { PinnedPane } from "../../tmux/pane.ts"
import type { Context } from "../context.ts"
import type { Distrusted } from "../door/callers.ts"
import { ownTerminal } from "../terminal/own-terminal.ts"
import { pinnedIn } from "./pins.ts"

/**
 * The pinned pane's process, and those of the other agents of this user: a program in mira's pane is no more kai's
 * owner than mira's. Where the agent's pane is not there any more, or none is pinned yet, every pane of the session is
 * the agent's; and where there is no such session any more, every pane of the server, for it may have been given another
 * name. Of agents in hardened mode nobody: which processes are theirs is their own word there (it could name the
 * owner's), and none of their users' can reach the door.
 * @throws try-later where tmux hangs, and nobody can say which panes there are
 */
export async function agentProcesses({
  config,
  store,
  paths,
}: Pick<Context, "config" | "store" | "paths">): Promise<Distrusted> {
  const own = ownProcesses(config.current, pinnedIn(store.facts, config.current))
  // The own ones last: their words are the plainer ones.
  return merged(await Promise.all([processesOf(homesBeside(paths.home)), own]))
}

const merged = (all: readonly Distrusted[]): Distrusted => new Map(all.flatMap(found => [...found]))

/** Those of the other agents alone, as far as their tmux says: nobody speaks as this agent from there. */
export async function othersProcesses(own: Pick<Paths, "home">): Promise<Distrusted> {
  const found = await Promise.all(homesBeside(own.home).map(home => otherProcesses(home, soonMilliseconds)))
  return merged(found.filter(one => one !== null))
}

/** A hook, which asks as an agent, is waited for by its program, and gives up after two seconds. */
const soonMilliseconds = 1000

/** The same of given homes. @throws try-later where the tmux of one hangs */
export const processesOf = async (homes: readonly Paths[]): Promise<Distrusted> =>
  merged(await Promise.all(homes.map(home => otherProcesses(home).then(orHang(home)))))

/** Pids of the panes that other agents of this user keep to. */
export const othersPanes = (own: Pick<Paths, "home">): number[] =>
  homesBeside(own.home).flatMap(paths => {
    const pin = pinOf(paths)
    return pin !== null && isRunning(pin) ? [pin.pid] : []
  })

const orHang =
  (paths: Paths) =>
  (found: Distrusted | null): Distrusted => {
    if (found !== null) return found
    throw noPanes(`tmux does not say which pane is that of your agent ${readRegistered(paths).name}`)
  }

async function ownProcesses(config: Config, pin: PinnedPane | null): Promise<Distrusted> {
  const terminal = ownTerminal(config)
  if (terminal === null) return new Map()
  const own =
    pin !== null && isRunning(pin) ? [[pin.pid, "it was started in the agent's own pane"] as const] : []
  const panes = await panesOf(terminal, config)
  if (panes?.some(one => one.pane === pin?.pane && one.pid === pin.pid)) return new Map(own)
  if (panes?.length === 0 && pin !== null && own.length === 0) return allPanes(terminal)
  if (panes !== null)
    return new Map([...panes.map(one => [one.pid, "it was started in the agent's session"] as const), ...own])
  if (own.length > 0) return new Map(own)
  throw noPanes("tmux does not say which pane is the agent's")
}

/**
 * Another agent's; null where its tmux does not say. That its session is not there is usual for one that was not started
 * today, and makes nobody else's pane its own; nor does a session of one that never had a pane, which is anybody's.
 */
async function otherProcesses(paths: Paths, milliseconds?: number): Promise<Distrusted | null> {
  const pin = pinOf(paths)
  if (pin === null) return new Map()
  const { name, config } = readRegistered(paths)
  if (isRunning(pin)) return new Map([[pin.pid, `it was started in ${name}'s own pane`]])
  const terminal = config === null ? null : ownTerminal(config)
  if (terminal === null || config === null) return new Map()
  const panes = await panesOf(terminal, config, milliseconds).catch(noneOfOurs)
  return panes && new Map(panes.map(({ pid }) => [pid, `it was started in ${name}'s session`]))
}

/** A tmux server of another user's, which has none of our panes. */
function noneOfOurs(error: unknown): [] {
  if (error instanceof SentoError && error.code === "config") return []
  throw error
}

/**
 * The pane that an agent was given, without its Guardian; null where none is known. Books that are broken, locked or of
 * another build are no business of whoever looks.
 */
export function pinOf({ database }: Paths): PinnedPane | null {
  try {
    using reader = openReader(database, 0)
    return reader === null ? null : pinnedIn(reader.facts, {})
  } catch {
    return null
  }
}

const panesOf = (
  terminal: OwnHands,
  { tmux }: Config,
  milliseconds?: number,
): ReturnType<OwnHands["panes"]> => terminal.panes(tmux.session, milliseconds).catch(noneWithoutTmux)

const noPanes = (words: string): SentoError =>
  new SentoError("try-later", words, "see `sento guard status --all`")

async function allPanes(terminal: OwnHands): Promise<Distrusted> {
  const panes = await terminal.panes(null).catch(noneWithoutTmux)
  if (panes === null) throw noPanes("tmux does not say which pane is the agent's")
  const reason =
    "the agent's session is not there, and it was started in another one, which may be the agent's"
  return new Map(panes.map(one => [one.pid, reason]))
}

function noneWithoutTmux(error: unknown): [] {
  if (error instanceof SentoError && error.code === "no-tmux") return []
  throw error
}
