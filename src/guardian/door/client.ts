/** A command's side of the Guardian's local doors. */

import { dirname } from "node:path"
import { isErrorCode, SentoError } from "../../protocol/errors.ts"
import { shellWord } from "../../protocol/shell.ts"
import { requireOwn } from "../../store/ownership.ts"
import type { Paths } from "../../store/paths.ts"
import { fileDescriptor, peerOf } from "./credentials.ts"
import type {
  DoorEvent,
  DoorName,
  DoorOf,
  DoorRequestInput,
  EventOf,
  OpName,
  ResultOf,
} from "./operations.ts"

/** One line of the Guardian's: a thing it tells meanwhile, or the end. */
type DoorWord<Op extends OpName> = {
  readonly event?: EventOf<Op>
  readonly result?: ResultOf<Op>
  readonly error?: DoorError
}

type DoorError = { readonly code: string; readonly message: string; readonly hint: string | null }

/** No Guardian answers at this home's doors. */
export class NoGuardian extends SentoError {
  constructor() {
    super("failed", "no Guardian runs for this home", "run `sento guard` to start it")
  }
}

/** Asked for by the agent's user in hardened mode. */
const notOwner = (): SentoError =>
  new SentoError(
    "not-owner",
    "only the owner may do this: SENTO_DOOR says that this is the agent's side",
    "the owner runs it as the user of the Guardian",
  )

/** The Guardian closed the connection before it answered: it is stopping. */
export class HungUp extends SentoError {
  constructor() {
    super("failed", "the Guardian stopped before it answered", "run the command again")
  }
}

export type DoorOptions<Event extends DoorEvent = DoorEvent> = {
  readonly onEvent?: (event: Event) => void
  readonly signal?: AbortSignal
  /** Milliseconds after which the Guardian counts as one that does not answer; without, it may take for ever. */
  readonly patience?: number
}

/** The Guardian has taken the connection, or its kernel has, and says nothing. @param pid - its process */
const doesNotAnswer = ({ isAgentSide }: Paths, pid: number, patience: number): SentoError =>
  new SentoError(
    "timed-out",
    `the Guardian (pid ${pid}) did not answer within ${patience / 1000} s`,
    isAgentSide
      ? "tell the owner"
      : `see \`sento guard logs\`; \`kill -9 ${pid}\` ends it, and loses nothing`,
  )

/**
 * Asks the Guardian one thing and passes on what it tells meanwhile.
 * @throws NoGuardian where none runs; HungUp; timed-out; config where the door is another user's; whatever SentoError the Guardian answers
 */
export async function callDoor<Op extends OpName>(
  paths: Paths,
  door: NoInfer<DoorOf<Op>>,
  request: { readonly op: Op } & NoInfer<DoorRequestInput<Op>>,
  options: DoorOptions<EventOf<Op>> = {},
): Promise<ResultOf<Op>> {
  const { promise, resolve, reject } = Promise.withResolvers<ResultOf<Op>>()
  // It may be rejected before anybody awaits it: the socket can close while this is still connecting.
  promise.catch(() => {})
  const takeLine = (text: string): void => {
    // The Guardian is of this build, or does not know the request: what it says is not checked again.
    const word: DoorWord<Op> = JSON.parse(text)
    if (word.event !== undefined) options.onEvent?.(word.event)
    else if (word.error !== undefined) reject(errorOf(word.error))
    else resolve(word.result as ResultOf<Op>)
  }
  const line = await openLine(paths, door, takeLine, () => reject(new HungUp()))
  const stop = (): void => {
    reject(new SentoError("interrupted", "stopped waiting"))
    line.end()
  }
  if (options.signal?.aborted) stop()
  else options.signal?.addEventListener("abort", stop)
  line.say(request)
  const { patience } = options
  const giveUp = (): void => reject(doesNotAnswer(paths, line.pid(), patience ?? 0))
  const timer = patience === undefined ? undefined : setTimeout(giveUp, patience)
  return promise.finally(() => {
    clearTimeout(timer)
    line.end()
  })
}

/** A connection to a door, a JSON value a line both ways. */
export type DoorLine = {
  say(value: unknown): void
  end(): void
  /** Of the process at the other end. */
  pid(): number
}

/**
 * Opens one.
 * @param onClosed - called once the other side has hung up, perhaps before this resolves
 * @throws NoGuardian; config where the door is another user's; failed where it cannot be reached
 */
export async function openLine(
  paths: Paths,
  door: DoorName,
  onLine: (text: string) => void,
  onClosed: () => void,
): Promise<DoorLine> {
  let received = ""
  const decoder = new TextDecoder()
  const socket = await connect(pathOf(paths, door), {
    data(_, chunk) {
      const lines = (received + decoder.decode(chunk, { stream: true })).split("\n")
      received = lines.pop() ?? ""
      for (const line of lines) onLine(line)
    },
    close: onClosed,
    error: onClosed,
  })
  return {
    say: value => write(socket, `${JSON.stringify(value)}\n`),
    end: () => void socket.end(),
    pid: () => peerOf(fileDescriptor(socket)).pid,
  }
}

/** The agent's side knocks at a Guardian that is another user's, and knows it by SENTO_DOOR; any other at its own. */
function pathOf(paths: Paths, door: DoorName): string {
  if (door === "owner" && paths.isAgentSide) throw notOwner()
  const path = door === "owner" ? paths.ownerSocket : paths.agentSocket
  if (!paths.isAgentSide) for (const one of [paths.folder, path]) requireOwn(one)
  return path
}

type Handlers = {
  readonly data: (socket: Bun.Socket, chunk: Buffer) => void
  readonly close: () => void
  readonly error: (socket: Bun.Socket, error: Error) => void
}

async function connect(path: string, socket: Handlers): Promise<Bun.Socket> {
  try {
    return await Bun.connect({
      unix: path,
      socket: { ...socket, connectError: () => {}, drain: resumeWriting },
    })
  } catch (error) {
    const { code = "" } = error as { code?: string }
    if (code === "ECONNREFUSED" && (await areSocketsShut())) throw shutIn()
    if (["ENOENT", "ECONNREFUSED", "ECONNRESET"].includes(code)) throw new NoGuardian()
    throw new SentoError(
      "failed",
      `cannot reach the Guardian at ${path}: ${(error as Error).message}`,
      `see \`ls -ld ${shellWord(dirname(path))} ${shellWord(path)}\`: both must be yours to read, write and enter`,
    )
  }
}

/**
 * A sandbox refuses every Unix socket, be it there or not. Bun 1.4.5 calls its EPERM ECONNREFUSED, as it calls ENOTDIR;
 * of what nowhere is it says ENOENT.
 */
async function areSocketsShut(): Promise<boolean> {
  const socket = { data() {}, connectError() {} }
  const refusal = await Bun.connect({ unix: "/proc/none", socket }).catch((error: { code?: string }) => error)
  return "code" in refusal && refusal.code === "ECONNREFUSED"
}

const shutIn = (): SentoError =>
  new SentoError(
    "failed",
    "this command runs in a sandbox without Unix sockets, and does not reach the Guardian",
    "answer and send with the tools of sento's MCP server (`reply`, `send_message`); the owner sees more in `sento doctor`",
  )

const unwritten = new WeakMap<Bun.Socket, Buffer>()

/** A socket takes what fits; the rest goes when it drains. Not awaited: one that closes first never drains. */
function write(socket: Bun.Socket, text: string): void {
  unwritten.set(socket, Buffer.concat([unwritten.get(socket) ?? Buffer.alloc(0), Buffer.from(text)]))
  resumeWriting(socket)
}

function resumeWriting(socket: Bun.Socket): void {
  const rest = unwritten.get(socket)
  if (rest !== undefined && rest.length > 0)
    unwritten.set(socket, rest.subarray(Math.max(0, socket.write(rest))))
}

export function errorOf({ code, message, hint }: DoorError): SentoError {
  return new SentoError(isErrorCode(code) ? code : "failed", message, hint)
}
