/**
 * Peers from which nothing comes while something waits for them: after ten minutes the owner is told once, with what
 * helps. In memory: after a restart the ten minutes begin anew.
 */
import { formatAddress } from "../../protocol/addresses.ts"
import { type Context, peerById } from "../context.ts"

export type Silence = ReturnType<typeof createSilence>

const patienceMilliseconds = 10 * 60 * 1000

export type SilenceParts = {
  /** Whether something is to be sent to a pair. */
  readonly hasWaiting: (pair: string) => boolean
  /** When something signed came from a pair, by the clock that nobody sets; null: not since this start. */
  readonly lastHeard: (pair: string) => number | null
  /** Whether what a pair has for us is fetched from it. */
  readonly isCollecting: (pair: string) => boolean
}

/** Since when a pair is silent, and since when something waits for it; null where nothing does. */
type Silent = { readonly since: number; readonly waitingSince: number | null }

export function createSilence(context: Context, { hasWaiting, lastHeard, isCollecting }: SilenceParts) {
  const { elapsed, store } = context
  const silent = new Map<string, Silent>()

  function note(pair: string, isFailing: boolean): void {
    const now = elapsed()
    const before = silent.get(pair)
    const isOver = before !== undefined && (lastHeard(pair) ?? Number.NEGATIVE_INFINITY) > before.since
    silent.delete(pair)
    const since = before === undefined || isOver ? (isFailing ? now : null) : before.since
    if (since === null) return
    const waitingSince = hasWaiting(pair) ? ((isOver ? null : before?.waitingSince) ?? now) : null
    silent.set(pair, { since, waitingSince })
    if (now - since >= patienceMilliseconds) tell(pair, now, waitingSince)
  }

  function tell(pair: string, now: number, waitingSince: number | null): void {
    const peer = peerById(context, pair)
    if (peer === null) return void silent.delete(pair)
    const where = formatAddress(peer.peer.host, peer.peer.port)
    if (waitingSince !== null && now - waitingSince >= patienceMilliseconds)
      context.notices.tell(
        `silent ${pair} ${store.peers.lastContacts().get(pair) ?? "never"}`,
        silentWords(peer.name, where),
      )
    else if (isCollecting(pair)) context.notices.tell(`gone ${pair} ${where}`, goneWords(peer.name, where))
  }

  return {
    /** An attempt to reach a pair brought nothing. */
    failed: (pair: string): void => note(pair, true),

    /** Time has passed. */
    look(): void {
      for (const pair of [...silent.keys()]) note(pair, false)
    },
  }
}

/** The three ways out of where neither side reaches the other. */
const silentWords = (name: string, where: string): string =>
  `nothing has come from ${name} for 10 minutes, and what is for it waits: its Guardian is off, or it is no longer at ${where} and cannot reach this machine either. Then one of three helps: a VPN on both machines (Tailscale, WireGuard), a tunnel by \`ssh -R\` or \`ssh -L\`, or a port forwarded by a router; \`sento agents address ${name} HOST:PORT\` says where it leads`

const goneWords = (name: string, where: string): string =>
  `what ${name} has for this agent is fetched from ${where}, and nothing has answered there for 10 minutes: it is off, or has moved. Where it has moved, ask its owner for the new address: sento agents address ${name} HOST:PORT`
