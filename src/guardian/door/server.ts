/** The two local doors: unix sockets, one NDJSON request a connection. */
import { chmodSync, lstatSync, rmSync } from "node:fs"
import * as v from "valibot"
import { SentoError } from "../../protocol/errors.ts"
import { isDiskTrouble, isLocked } from "../../store/database.ts"
import { type HandsRequest, handsRequestSchema, mostHandsBytes } from "../terminal/hands-messages.ts"
import type { HandsLine } from "../terminal/remote-hands.ts"
import { type Distrusted, refuseDistrusted, refuseOther } from "./callers.ts"
import { fileDescriptor, peerOf, peerPid } from "./credentials.ts"
import { createGuests, type GuestRules, type Guests } from "./guests.ts"
import { type DoorEvent, type DoorName, type DoorRequest, readDoorRequest } from "./operations.ts"

/** What a handler knows of its caller, besides the request. */
export type DoorCall<Event = DoorEvent> = {
  readonly door: DoorName
  /** Aborted when the caller hangs up. */
  readonly gone: AbortSignal
  /** Tells the caller something before the result. */
  readonly emit: (event: Event) => void
}

export type DoorHandler = (request: DoorRequest, call: DoorCall) => Promise<unknown>

export type DoorOptions = {
  readonly path: string
  readonly door: DoorName
  readonly handle: DoorHandler
  /** Processes whose descendants the owner's door refuses. */
  readonly distrusted: () => Promise<Distrusted>
  /** At the agent's door: those of the user's other agents, from which nobody speaks as this one. */
  readonly others?: () => Promise<Distrusted>
  readonly onError: (error: unknown) => void
  /** Whether the Guardian is stopping: whoever comes now is hung up on, and asks the next one. */
  readonly isOver?: () => boolean
  /** At the door that the agent's user shares: takes its hands on, and resolves when they are gone. */
  readonly hands?: (request: HandsRequest, line: HandsLine) => Promise<void>
  /** Who is answered there, and how many. A door that users share has the mode 0660, others 0600. */
  readonly guests?: GuestRules
  /** How long a caller may take to say what it wants, and how many may be about to. */
  readonly patience?: { readonly milliseconds: number; readonly callers: number }
}

/**
 * A command sends its request as it connects. Where there are 1,024 descriptors, 512 are the network's, and each of
 * the three doors has 64 for those that are about to ask and 64 for those that have asked.
 */
const usualPatience = { milliseconds: 10_000, callers: 64 }

/** More than the longest text that `send` takes, as JSON. */
const mostRequestBytes = 1024 * 1024
/** So many can each of the callers hold that have not said theirs; the last words of a turn are the longest. */
const mostGuestBytes = 256 * 1024

type Caller = {
  bytes: Buffer[]
  length: number
  gone: AbortController
  isAsked: boolean
  outgoing: Buffer
  readonly guests: Guests | null
  /** Ends the wait for its request. */
  heard: () => void
  /** Ends its stay at a door with room for so many. */
  leave: () => void
  /** Until something more was read, at such a door; undefined where nothing waits to be read. */
  reading: ReturnType<typeof setTimeout> | undefined
  /** Takes what comes behind the request; null where nothing is to come. */
  more: ((chunk: Buffer) => void) | null
}
type DoorSocket = Bun.Socket<Caller>

/** Opens a door; a socket left by a dead Guardian is in the way and goes. Only to be called under the lock. */
export function openDoor(options: DoorOptions): { close(): void } {
  removeStaleSocket(options.path)
  const guests = options.guests === undefined ? null : createGuests(options.guests)
  const lobby = openLobby(options.patience ?? usualPatience)
  const server = Bun.listen<Caller>({
    unix: options.path,
    socket: {
      open: socket => {
        socket.data = {
          bytes: [],
          length: 0,
          gone: new AbortController(),
          isAsked: false,
          outgoing: Buffer.alloc(0),
          guests,
          heard: lobby(socket),
          leave: () => {},
          reading: undefined,
          more: null,
        }
      },
      data: (socket, chunk) => take(options, socket, chunk),
      drain: flush,
      close: socket => {
        leave(socket)
        socket.data.gone.abort()
      },
      error: (socket, error) => {
        options.onError(error)
        socket.data.gone.abort()
      },
    },
  })
  chmodSync(options.path, isShared(options) ? 0o660 : 0o600)
  return {
    close() {
      server.stop(true)
      rmSync(options.path, { force: true })
    },
  }
}

const isShared = ({ guests }: DoorOptions): boolean => guests !== undefined && guests.uids !== null

function leave({ data }: DoorSocket): void {
  data.heard()
  data.leave()
  clearTimeout(data.reading)
}

/** Those who have not said what they want: each for a while, and where there are too many, the first one goes. */
function openLobby({ milliseconds, callers }: typeof usualPatience): (socket: DoorSocket) => () => void {
  const waiting = new Map<DoorSocket, ReturnType<typeof setTimeout>>()
  const leave = (socket: DoorSocket): void => {
    clearTimeout(waiting.get(socket))
    waiting.delete(socket)
  }
  const turnAway = (socket: DoorSocket): void => {
    leave(socket)
    socket.terminate()
  }
  return socket => {
    const [first] = waiting.keys()
    if (first !== undefined && waiting.size >= callers) turnAway(first)
    waiting.set(socket, setTimeout(turnAway, milliseconds, socket))
    return () => leave(socket)
  }
}

function removeStaleSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket())
    throw new SentoError(
      "config",
      `${path} is in the way and is no socket`,
      "move it away, then run `sento guard`",
    )
  rmSync(path)
}

function take(options: DoorOptions, socket: DoorSocket, chunk: Buffer): void {
  const caller = socket.data
  if (caller.isAsked) {
    caller.more?.(chunk)
    return
  }
  caller.bytes.push(Buffer.from(chunk))
  caller.length += chunk.length
  const isWhole = chunk.includes(10)
  const most = isShared(options) ? mostGuestBytes : mostRequestBytes
  if (!isWhole && caller.length <= most) return
  caller.isAsked = true
  caller.heard()
  const line = Buffer.concat(caller.bytes)
  answer(options, socket, isWhole ? line.subarray(0, line.indexOf(10)) : null).catch(options.onError)
}

async function answer(options: DoorOptions, socket: DoorSocket, line: Buffer | null): Promise<void> {
  const say = (value: unknown): void => write(socket, `${JSON.stringify(value)}\n`)
  try {
    const { guests } = socket.data
    const uid = guests === null ? null : peerOf(fileDescriptor(socket)).uid
    if (guests !== null && uid !== null) guests.requireUser(uid)
    const request = readRequest(options.door, line)
    if (request.op === "hands") {
      await serveHands(options, socket, request)
      return socket.terminate()
    }
    if (guests !== null && uid !== null)
      socket.data.leave = guests.admit(uid, () => socket.data.outgoing.length, isLong(request))
    if (options.door === "owner") await requireOwner(options, fileDescriptor(socket))
    else if (options.others !== undefined && isSpoken(request))
      await refuseOthers(options.others, fileDescriptor(socket))
    if (options.isOver?.()) return socket.terminate()
    const call: DoorCall = {
      door: options.door,
      gone: socket.data.gone.signal,
      emit: event => say({ event }),
    }
    const result = await options.handle(request, call)
    say({ result: result ?? null })
  } catch (error) {
    if (!(error instanceof SentoError)) options.onError(error)
    say({ error: asJson(error) })
  }
  finish(socket)
}

/** Whether it waits for an owner, a peer or an address. */
function isLong(request: DoorRequest): boolean {
  if (request.op === "send" || request.op === "pair") return request.wait
  return ["join", "probe", "question", "attach"].includes(request.op)
}

async function serveHands({ hands }: DoorOptions, socket: DoorSocket, request: HandsRequest): Promise<void> {
  if (hands !== undefined) return hands(request, handsLine(socket))
  throw new SentoError(
    "config",
    "this Guardian has hands of its own: its agent does not run as a user of its own",
    "`sento init --hardened` prints the steps to that",
  )
}

/** Lines after the request, both ways. One that is too long ends the connection. */
function handsLine(socket: DoorSocket): HandsLine {
  let listener = (_: string): void => {}
  let rest = Buffer.alloc(0)
  socket.data.more = chunk => {
    rest = Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(10); end >= 0 && !socket.data.gone.signal.aborted; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end)
      rest = rest.subarray(end + 1)
      listener(line.toString())
    }
    if (rest.length > mostHandsBytes) socket.terminate()
  }
  const { uid, pid } = peerOf(fileDescriptor(socket))
  return {
    uid,
    pid,
    say: message => write(socket, `${JSON.stringify(message)}\n`),
    onLine: next => {
      listener = next
    },
    hangUp: () => socket.terminate(),
    gone: socket.data.gone.signal,
  }
}

function readRequest(door: DoorName, line: Buffer | null): DoorRequest | HandsRequest {
  if (line === null) throw new SentoError("too-long", "the request is too long to be one", "make it shorter")
  const value = tryJson(line.toString())
  if (door === "agent" && v.is(handsRequestSchema, value)) return value
  const request = readDoorRequest(door, value)
  if (request !== null) return request
  throw new SentoError(
    "usage",
    "the Guardian does not know this request",
    "run `sento guard restart` after an update",
  )
}

async function requireOwner(options: DoorOptions, descriptor: number): Promise<void> {
  const caller = peerPid(descriptor)
  refuseDistrusted(caller, await options.distrusted())
}

/** What is said or done in the agent's name. */
const isSpoken = ({ op }: DoorRequest): boolean =>
  ["send", "reply", "cancel", "turn", "pair", "join"].includes(op)

/** Whoever hangs up meanwhile may leave the descriptor to another caller. */
async function refuseOthers(others: () => Promise<Distrusted>, descriptor: number): Promise<void> {
  const { pid, uid } = peerOf(descriptor)
  const panes = await others()
  if (panes.size > 0 && uid === process.geteuid?.()) refuseOther(pid, panes)
}

function asJson(error: unknown): { code: string; message: string; hint: string | null } {
  if (error instanceof SentoError) return { code: error.code, message: error.message, hint: error.hint }
  if (isLocked(error))
    return {
      code: "try-later",
      message: "another program has sento.db locked",
      hint: "`fuser -v` on that file shows which; end it, then run the command again",
    }
  if (isDiskTrouble(error))
    return {
      code: "failed",
      message: `the Guardian failed: ${(error as Error).message}`,
      hint: "free some space on the disk of sento.db; see `sento guard logs`",
    }
  return { code: "failed", message: "the Guardian failed", hint: "see `sento guard logs`" }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A socket takes what fits; the rest follows when it drains. */
function write(socket: DoorSocket, text: string): void {
  socket.data.outgoing = Buffer.concat([socket.data.outgoing, Buffer.from(text)])
  flush(socket)
}

function flush(socket: DoorSocket): void {
  const written = socket.write(socket.data.outgoing)
  if (written > 0) socket.data.outgoing = socket.data.outgoing.subarray(written)
  awaitReading(socket, written > 0)
  if (socket.data.outgoing.length === 0 && isFinished.has(socket)) socket.end()
}

/** A guest that reads nothing of what there is for it goes; one that reads slowly may. */
function awaitReading(socket: DoorSocket, hasRead: boolean): void {
  const { data } = socket
  if (data.guests === null || (data.reading !== undefined && !hasRead)) return
  clearTimeout(data.reading)
  const isWaiting = data.outgoing.length > 0
  data.reading = isWaiting ? setTimeout(() => socket.terminate(), data.guests.readMilliseconds) : undefined
}

const isFinished = new WeakSet<DoorSocket>()

function finish(socket: DoorSocket): void {
  isFinished.add(socket)
  flush(socket)
}
