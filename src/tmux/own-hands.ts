/** Hands of this process, at a tmux server that it may be a client of. */
import { type Found, type Hands, isRunning, type PaneWish, type Target } from "./hands.ts"
import {
  detectProfile,
  holdOf,
  keyboardOwner,
  namedAgent,
  onlyDirectly,
  type Program,
  programLabel,
} from "./keyboard-owner.ts"
import { findPane, type PinnedPane, panesOf } from "./pane.ts"
import { attachedClients, type Client, isOwnServer, showPopup } from "./popup.ts"
import { processStat } from "./process.ts"
import { look } from "./snapshot.ts"
import { tellOwners } from "./status-line.ts"
import { runTmux, type TmuxServer } from "./tmux.ts"
import { findOnScreen, lookAtPane, takeOut, typeIntoPane } from "./typing.ts"
import { actsUnasked } from "./unasked.ts"

/** What only a process of the owner's can do, at a tmux server of the owner's own. */
export type OwnHands = Hands & {
  /** @see panesOf */
  panes(session: string | null, milliseconds?: number): ReturnType<typeof panesOf>
  clients(session: string): Promise<Client[]>
  isOwnServer(): Promise<boolean>
  /** @see showPopup */
  popup(client: Client, command: readonly string[]): Promise<number>
  /** What says that the agent program in the session's active pane acts without asking; null where nothing does. */
  unasked(session: string): Promise<string | null>
}

/** Works at a tmux server in this process. */
export function createHands(server: TmuxServer): OwnHands {
  return {
    find: (kept, wish) => find(server, kept, wish),
    take: (session, pane) => findPane(server, session, pane),
    look: async ({ pane, profile }, allowShell) =>
      (await lookAtPane(server, pane, profile, allowShell)).state,
    type: ({ pane, profile }, text, options) => typeIntoPane(server, pane, profile, text, options),
    takeOut: ({ pane, profile }, text, options) => takeOut(server, pane, profile, text, options),
    findOnScreen: ({ pane, profile }, shortId) => findOnScreen(server, pane, profile, shortId),
    tell: async (session, text) => void (await tellOwners(server, session, text)),
    panes: (session, milliseconds) => panesOf(server, session, milliseconds),
    clients: session => attachedClients(server, session),
    isOwnServer: () => isOwnServer(server),
    popup: (client, command) => showPopup(server, client, command),
    unasked: session => unaskedIn(server, session),
  }
}

async function unaskedIn(server: TmuxServer, session: string): Promise<string | null> {
  const pane = await findPane(server, session)
  const seen = pane === null ? null : await look(server, pane)
  if (seen?.kind !== "seen") return null
  const { program, lines } = seen.snapshot
  const profile = detectProfile(program)
  return profile === null ? null : actsUnasked(profile, program.arguments.slice(1), lines)
}

async function find(server: TmuxServer, kept: PinnedPane | null, wish: PaneWish): Promise<Found> {
  if (kept !== null && (await isSame(server, kept))) return { pane: kept, target: targetOf(kept, wish) }
  const active = await findPane(server, wish.session)
  if (active === null)
    return { pane: kept, target: none("absent", `there is no tmux session named ${wish.session}`) }
  const found = kept === null ? await findFirst(server, active, wish) : active
  if (wish.taken?.includes(found.pid))
    return { pane: kept, target: none("other", `its active pane in ${wish.session} is another agent's`) }
  if (kept === null || isKnown(found, wish)) return { pane: found, target: targetOf(found, wish) }
  const reason = `the session ${wish.session} is another one now; \`sento guard attach\` takes it as it is`
  return { pane: kept, target: { kind: "none", state: "other", reason, isAnew: true } }
}

/** The owner may look at another window just now: a pane that alone has the agent program in it is the agent's. */
async function findFirst(server: TmuxServer, active: PinnedPane, wish: PaneWish): Promise<PinnedPane> {
  const isFree = ({ pid }: PinnedPane): boolean => !wish.taken?.includes(pid)
  if (isFree(active) && isKnown(active, wish)) return active
  const others = ((await panesOf(server, wish.session)) ?? []).flatMap(one => {
    const stat = processStat(one.pid)
    return stat === null ? [] : [{ ...one, startTicks: stat.startTicks }]
  })
  const known = others.filter(one => isFree(one) && isKnown(one, wish))
  return known.length === 1 ? (known[0] ?? active) : active
}

/** Same id, same process: a pane that was respawned, or one of another server with the same id, is another. */
async function isSame(server: TmuxServer, pin: PinnedPane): Promise<boolean> {
  if (!isRunning(pin)) return false
  const answer = await runTmux(server, ["display-message", "-p", "-t", pin.pane, "#{pane_id} #{pane_pid}"])
  return answer.status === 0 && answer.stdout.trim() === `${pin.pane} ${pin.pid}`
}

/** Whether the agent program that belongs there runs in a pane. */
function isKnown({ pid }: PinnedPane, { profile }: PaneWish): boolean {
  const owner = keyboardOwner(pid)
  const detected = owner === null ? null : detectProfile(owner)
  return detected !== null && (profile === null || profile === detected)
}

function targetOf(pane: PinnedPane, wish: PaneWish): Target {
  if (wish.profile !== null) return { kind: "pane", pane, profile: wish.profile }
  const owner = keyboardOwner(pane.pid)
  if (owner === null) return none("absent", "the pane's program has ended")
  const profile = detectProfile(owner)
  if (profile !== null) return { kind: "pane", pane, profile }
  return { kind: "none", ...(holdOf(owner) ?? { state: "other", reason: unknownProgram(owner) }) }
}

/** `plain` is proposed only where nothing names a program that has a profile of its own. */
function unknownProgram(program: Program): string {
  const words = `${programLabel(program)} runs in the pane, which no profile knows`
  const agent = namedAgent(program)
  if (agent !== null) return `${words}; ${onlyDirectly(agent)}`
  return `${words}; \`sento init --profile plain\` lets it be typed into`
}

const none = (state: "absent" | "other", reason: string): Target => ({ kind: "none", state, reason })
