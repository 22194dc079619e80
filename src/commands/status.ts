/** `sento status`: only reads, and needs no Guardian. */
import type { GuardStatus, LoopThere, PausedAgent, SessionState } from "../guardian/door-requests.ts"
import { listLoopsThere, listPaused } from "../guardian/pauses.ts"
import { listQuestions } from "../guardian/questions.ts"
import type { Question } from "../guardian/surfaces.ts"
import { formatAddress } from "../protocol/addresses.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import type { Config } from "../store/config.ts"
import { readDatabase } from "../store/database.ts"
import { createJoins } from "../store/joins.ts"
import { createInbox, createOutbox } from "../store/messages.ts"
import type { Paths } from "../store/paths.ts"
import { createPeers } from "../store/peers.ts"
import { createRequests } from "../store/requests.ts"
import { findPane } from "../tmux/pane.ts"
import { detectProfile, keyboardOwner } from "../tmux/program.ts"
import { lookAtPane } from "../tmux/typing.ts"
import { heldThere } from "./agents.ts"
import { guardStatus, guardStatusCommand, heldWords, pausedWords } from "./guard.ts"
import { needConfig } from "./home.ts"
import { print, printJson } from "./terminal.ts"

type Kept = {
  readonly waiting: { readonly inbox: number; readonly outbox: number }
  readonly requests: readonly {
    readonly id: string
    readonly name: string
    readonly as: string
    readonly kind: Question["kind"]
    readonly host: string
    readonly verifier: string | null
  }[]
  readonly paused: readonly PausedAgent[]
  /** Agents whose Guardians hold a message of ours as one reply too many; absent where there are none. */
  readonly loopsThere?: readonly LoopThere[]
  readonly revoked: readonly { readonly name: string; readonly byUs: boolean; readonly at: string }[]
}

/** `sento status` */
export async function status(paths: Paths, isJson: boolean): Promise<number> {
  if (paths.isAgentSide) return guardStatusCommand(paths, isJson)
  const config = needConfig(paths)
  const running = await guardStatus(paths)
  const session = running?.session ?? { target: config.tmux.session, state: await sessionState(config) }
  const kept = readKept(paths, config)
  const agents = Object.keys(config.agents)
  if (isJson) printJson({ name: config.name, guardian: guardianOf(running), session, agents, ...kept })
  else for (const line of lines(config, running, session, kept)) print(line)
  return 0
}

const guardianOf = (running: GuardStatus | null): object =>
  running === null
    ? { running: false }
    : { running: true, pid: running.pid, host: running.host, port: running.port }

/** What the session's pane is now, looked at from here; absent where there is no tmux. */
export async function sessionState({ tmux }: Config): Promise<SessionState> {
  const server = { socket: tmux.socket }
  try {
    const pane = await findPane(server, tmux.session)
    if (pane === null) return "absent"
    const owner = keyboardOwner(pane.pid)
    const profile = tmux.profile ?? (owner === null ? null : detectProfile(owner))
    if (profile === null) return "other"
    return (await lookAtPane(server, pane, profile, tmux.allowShell ?? false)).state
  } catch {
    return "absent"
  }
}

function readKept(paths: Paths, config: Config): Kept {
  const database = readDatabase(paths.database)
  if (database === null) return { waiting: { inbox: 0, outbox: 0 }, requests: [], paused: [], revoked: [] }
  const noRandom = (): Uint8Array => new Uint8Array()
  const peers = createPeers(database)
  const loopsThere = listLoopsThere(config, createOutbox(database).loops())
  const kept = {
    waiting: {
      inbox: createInbox(database, noRandom).waitingCount(),
      outbox: createOutbox(database).waitingCount(),
    },
    requests: listQuestions(
      { requests: createRequests(database, noRandom), joins: createJoins(database, noRandom) },
      config,
    ).map(({ id, kind, name, as, host, verifier }) => ({ id, kind, name, as, host, verifier })),
    paused: listPaused(config, peers.pauses(Date.now()), peers.waiting()),
    ...(loopsThere.length === 0 ? {} : { loopsThere }),
    revoked: peers.revocations().map(({ name, byUs, at }) => ({ name, byUs, at: formatTimestamp(at) })),
  }
  database.close()
  return kept
}

function lines(
  config: Config,
  running: GuardStatus | null,
  session: GuardStatus["session"],
  { waiting, requests, paused, loopsThere = [], revoked }: Kept,
): string[] {
  const names = Object.keys(config.agents)
  return [
    `agent     ${config.name}`,
    running === null
      ? "guardian  does not run (`sento guard` starts it)"
      : `guardian  listens on ${formatAddress(running.host, running.port)} (pid ${running.pid})`,
    `session   ${session.target}: ${sessionWords[session.state]}`,
    `paired    ${names.length === 0 ? "with nobody (`sento pair`)" : names.join(", ")}`,
    `waiting   ${waiting.inbox} to type, ${waiting.outbox} to send`,
    ...paused.map(one => `paused    ${pausedWords(one)}`),
    ...loopsThere.map(one => `loop      ${heldThere(config.name, one)}`),
    ...(running?.held === undefined ? [] : [`held      ${heldWords(running.held, Date.now())}`]),
    ...requests.map(
      ({ id, kind, name, as, host, verifier }) =>
        `${kind === "join" ? `join      the agent asks to join ${name} at ${host}${as === name ? "" : `, to be called ${as} here`}` : `request   ${name} at ${host}, ${verifier}`}: \`sento approve ${id}\` or \`sento deny ${id}\``,
    ),
    ...revoked.map(({ name, byUs, at }) =>
      byUs
        ? `ended     ${name} (removed here, ${at.slice(0, 10)})`
        : `ended     revoked by ${name} (${at.slice(0, 10)})`,
    ),
  ]
}

/** The states of a session, for people. */
export const sessionWords: Readonly<Record<SessionState, string>> = {
  ready: "ready",
  busy: "busy, messages wait",
  dialog: "a dialog is open, messages wait",
  draft: "something is being typed, messages wait",
  shell: "a shell runs there, messages wait for the agent",
  "copy-mode": "its pane is in copy mode, messages wait",
  other: "what runs there cannot be typed into now, messages wait",
  absent: "there is no such tmux session, messages wait",
}
