/** What `sento init` asks a person: in which tmux session the agent runs, what it is called, and whether to set its program up. */
import { SentoError } from "../protocol/errors.ts"
import { type AgentProgramName, isName, nameRule } from "../protocol/names.ts"
import { isSameFile } from "../store/links.ts"
import type { Registered } from "../store/registry.ts"
import { detectProfile, holdOf, keyboardOwner, programLabel } from "../tmux/keyboard-owner.ts"
import { ancestryOf } from "../tmux/process.ts"
import { sessionsOf } from "../tmux/sessions.ts"
import { socketPath } from "../tmux/socket-path.ts"
import { isSession } from "./init-options.ts"
import type { Io } from "./io.ts"
import { ask, choose } from "./prompts.ts"
import { sessionHere, tmuxPatience } from "./session-here.ts"
import { isSetUp, setup } from "./setup.ts"
import { tell } from "./terminal.ts"

/** A session that could be the agent's. */
type Candidate = {
  readonly session: string
  /** Null: of the user's usual server. */
  readonly socket: string | null
  /** What runs in its active pane, for people. */
  readonly label: string
  readonly program: AgentProgramName | null
}

const other = "other"

/**
 * Asks for the session among those there are, or for the name of one that is to come.
 * @param socket - of the server to look at; null: the usual one, and the one in which this runs
 * @param agents - the user's other ones, whose sessions are theirs
 * @throws interrupted
 */
export async function askSession(
  io: Io,
  socket: string | null,
  agents: readonly Registered[],
): Promise<{ readonly session: string; readonly socket: string | null }> {
  const candidates = await findCandidates(io, socket, agents)
  if (candidates.length === 0) {
    tell(io, "no tmux session runs yet that could be an agent's: name the one that you will start it in")
    return { session: await askNewSession(io), socket }
  }
  const width = Math.max(...candidates.map(({ session }) => Bun.stringWidth(session)))
  const options = candidates.map(({ session, label }, number) => ({
    value: String(number),
    label: `${session}${" ".repeat(width - Bun.stringWidth(session))}  ${label}`,
  }))
  const first = candidates.findIndex(({ program }) => program !== null)
  const picked = await choose(
    "In which tmux session does the agent run?",
    [...options, { value: other, label: "(another one, which is not there yet)" }],
    String(Math.max(0, first)),
  )
  const one = candidates[Number(picked)]
  return one === undefined ? { session: await askNewSession(io), socket } : one
}

/** A session with an agent program in it that is no agent's yet, or null. */
export const nextCandidate = async (io: Io, agents: readonly Registered[]): Promise<Candidate | null> =>
  (await findCandidates(io, null, agents)).find(({ program }) => program !== null) ?? null

async function askNewSession(io: Io): Promise<string> {
  const session = await ask("Its name", {
    check: text => (isSession(text) ? undefined : "a session's name has no `:` and no `.`"),
  })
  tell(io, `start it with \`tmux new -s ${session}\`, and the agent program in it; messages wait until then`)
  return session ?? ""
}

async function findCandidates(
  io: Io,
  socket: string | null,
  agents: readonly Registered[],
): Promise<Candidate[]> {
  const here = socket === null ? await sessionHere(io) : null
  const usual = await sessionsOf({ socket, signal: tmuxPatience() })
  // The server in which this runs may be the usual one: then its panes are the same processes.
  const known = new Set(usual.map(({ pid }) => pid))
  const others = here === null ? [] : await sessionsOf({ socket: here.socket, signal: tmuxPatience() })
  const added = others.filter(({ pid }) => !known.has(pid))
  return [
    ...usual.map(one => candidateOf(one, socket)),
    ...added.map(one => candidateOf(one, here?.socket ?? null)),
  ].filter(({ session, socket }) => isSession(session) && ownerOf(agents, session, socket) === null)
}

function candidateOf({ name, pid }: { name: string; pid: number }, socket: string | null): Candidate {
  const isOwn = [...ancestryOf(process.pid)].some(one => one.pid === pid)
  if (isOwn) return { session: name, socket, label: "this terminal", program: null }
  const program = keyboardOwner(pid)
  if (program === null) return { session: name, socket, label: "nothing runs there", program: null }
  const agent = detectProfile(program)
  if (agent !== null) return { session: name, socket, label: agent, program: agent }
  const label = holdOf(program)?.state === "shell" ? "a shell" : programLabel(program)
  return { session: name, socket, label, program: null }
}

/** The agent of this user that has a session already, or null. */
export const ownerOf = (
  agents: readonly Registered[],
  session: string,
  socket: string | null,
): Registered | null =>
  agents.find(
    ({ config }) =>
      config?.hardened === undefined &&
      config?.tmux.session === session &&
      isSameFile(socketPath(config.tmux.socket), socketPath(socket)),
  ) ?? null

/** Asks for the name; the session's own is proposed, as far as it can be one. @throws interrupted */
export async function askName(session: string, taken: readonly string[]): Promise<string> {
  const proposal = nameFrom(session)
  const check = (text: string): string | undefined => {
    if (!isName(text)) return nameRule
    return taken.includes(text) ? `another agent of yours is called ${text}` : undefined
  }
  const isFree = proposal !== null && !taken.includes(proposal)
  const answer = await ask("What is this agent called? Other agents will see it", {
    ...(isFree ? { proposal } : {}),
    check,
  })
  return answer ?? ""
}

/** `Mira (work)` as `mira-work`; null where nothing is left of it. */
export function nameFrom(text: string): string | null {
  const plain = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 32)
    .replace(/-+$/, "")
  return isName(plain) ? plain : null
}

/** The agent program that runs in a session, or null. */
export async function programIn(session: string, socket: string | null): Promise<AgentProgramName | null> {
  const found = (await sessionsOf({ socket, signal: tmuxPatience() })).find(({ name }) => name === session)
  const program = found === undefined ? null : keyboardOwner(found.pid)
  return program === null ? null : detectProfile(program)
}

/** Offers `sento setup` for the program, where it would change anything. @throws interrupted */
export async function offerSetup(io: Io, program: AgentProgramName): Promise<void> {
  try {
    if (isSetUp(io, program)) return
    const answer = await choose(`Tell ${program} of Sentō now, so that it can send and answer by itself?`, [
      { value: "yes", label: "yes", hint: `sento setup ${program}` },
      { value: "no", label: "not now" },
    ])
    if (answer === "yes") await setup(io, program, {})
  } catch (error) {
    if (!(error instanceof SentoError) || error.code === "interrupted") throw error
    tell(io, `sento: note: ${program} is not told of Sentō: ${error.message}; ${error.hint}`)
  }
}
