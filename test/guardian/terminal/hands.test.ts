/** `sento hands` at a real door and a real tmux, and what a false one can do to the Guardian's side of it. */
import { FFIType, ptr } from "bun:ffi"
import { afterEach, describe, expect, test } from "bun:test"
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openDoor } from "../../../src/guardian/door/server.ts"
import { handsVersion, mostHandsBytes } from "../../../src/guardian/terminal/hands-messages.ts"
import {
  createRemoteHands,
  type RemoteHands,
  type RemoteOptions,
} from "../../../src/guardian/terminal/remote-hands.ts"
import { openLibC } from "../../../src/http/libc.ts"
import { HandsAway, type PaneTarget } from "../../../src/tmux/hands.ts"
import { createHands } from "../../../src/tmux/own-hands.ts"
import { type DoublePane, holdOptions, startDouble } from "../../support/pane.ts"
import { built, type Child, finished, plainEnvironment, until } from "../../support/world.ts"

type Open = {
  readonly path: string
  readonly remote: RemoteHands
  readonly refused: string[]
  close(): void
}

const folders: string[] = []
const children: Child[] = []
const doors: { close(): void }[] = []
const panes: DoublePane[] = []
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL")
    await child.exited
  }
  for (const door of doors.splice(0)) door.close()
  for (const pane of panes.splice(0)) await pane[Symbol.asyncDispose]()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const ownUid = process.getuid?.() ?? 0

/** The shared door of a Guardian, and its side of the hands. */
function open(more: Partial<RemoteOptions> = {}, path = join(newFolder(), "agent.sock")): Open {
  const refused: string[] = []
  const stopping = new AbortController()
  const log = { sparingly: () => true, refused: (reason: string) => void refused.push(reason) }
  const remote = createRemoteHands({ user: "ida", uid: ownUid, log, stopping: stopping.signal, ...more })
  const door = openDoor({
    path,
    door: "agent",
    handle: async () => null,
    distrusted: async () => new Map(),
    onError: error => refused.push(String(error)),
    hands: remote.serve,
  })
  const opened = {
    path,
    remote,
    refused,
    close() {
      stopping.abort(new Error("stopping"))
      door.close()
    },
  }
  doors.push(opened)
  return opened
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sento-hands-"))
  folders.push(folder)
  return folder
}

/** `sento hands` for this door, in this tmux. */
function startHands(door: string, tmux = "/nowhere"): Child {
  const env = { ...plainEnvironment, HOME: tmpdir(), SENTO_DOOR: door, TMUX: `${tmux},1,0` }
  const child = Bun.spawn([...built, "hands", "--json"], {
    env,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  })
  children.push(child)
  return child
}

const isConnected = ({ remote }: Open) => until("the hands", () => remote.state().connected)

async function openDouble(): Promise<{ pane: DoublePane; target: PaneTarget }> {
  const pane = await startDouble("claude")
  panes.push(pane)
  return { pane, target: { pane: pane.pinned, profile: "claude" } }
}

test("hands in another process do all that hands in this one do", async () => {
  const { pane, target } = await openDouble()
  const guardian = open()
  startHands(guardian.path, pane.server.socket ?? "")
  await isConnected(guardian)
  const own = createHands(pane.server)
  const { hands } = guardian.remote
  const wish = { session: "sento", profile: null }
  const shown = (): string => pane.tmux("capture-pane", "-p", "-t", "sento")
  for (const kept of [null, pane.pinned, { ...pane.pinned, pid: 1 }])
    expect(await hands.find(kept, wish)).toEqual(await own.find(kept, wish))
  expect(await hands.find(null, wish)).toMatchObject({ target: { kind: "pane", profile: "claude" } })
  expect((await hands.find(null, { ...wish, session: "nobody" })).target).toMatchObject({
    state: "absent",
    reason: "the hands of ida say: there is no tmux session named nobody",
  })
  expect(await hands.take("sento")).toEqual(pane.pinned)
  expect(await hands.take("nobody")).toBeNull()
  expect(await hands.look(target, false)).toBe("ready")
  expect(await hands.findOnScreen(target, "aaaa")).toBe("not-seen")

  let before = ""
  const text = "← agent kai [aaaa]: hello\n  and more"
  const onPasted = (): void => {
    before = shown()
  }
  expect(await hands.type(target, text, { ...holdOptions, onPasted })).toEqual({ kind: "submitted" })
  expect(before).not.toContain("hello")
  expect(pane.logged("submitted")).toEqual([text])
  expect(await hands.findOnScreen(target, "aaaa")).toBe("submitted")

  pane.tmux("send-keys", "-t", "sento", "-l", "mine")
  await until("the draft", async () => (await hands.look(target, false)) === "draft")
  const { signal } = new AbortController()
  expect(await hands.takeOut(target, "not mine", { pastedAt: null, signal })).toBe("with other words")
  pane.tmux("send-keys", "-t", "sento", "C-u")
  await until("its end", async () => (await hands.look(target, false)) === "ready")
  expect(await hands.takeOut(target, "not mine", { pastedAt: null, signal })).toBeNull()

  pane.signal("SIGUSR1")
  await until("the dialog", async () => (await hands.look(target, false)) === "dialog")
  expect(await hands.type(target, "no", holdOptions)).toEqual({
    kind: "held",
    state: "dialog",
    reason: "the hands of ida say: Claude Code waits for an answer",
    pasted: false,
  })
  expect(pane.logged("approved")).toEqual([])
  await hands.tell("sento", "nobody is attached")
}, 120_000)

test("nothing is pasted where the Guardian cannot note it, and the hands go on", async () => {
  const { pane, target } = await openDouble()
  const guardian = open()
  startHands(guardian.path, pane.server.socket ?? "")
  await isConnected(guardian)
  const { hands } = guardian.remote
  const full = new Error("the disk is full")
  const onPasted = (): never => {
    throw full
  }
  expect(await hands.type(target, "hello", { ...holdOptions, onPasted }).catch(error => error)).toBe(full)
  expect(await hands.look(target, false)).toBe("ready")
  expect(await hands.type(target, "again", holdOptions)).toEqual({ kind: "submitted" })
  expect(pane.logged("submitted")).toEqual(["again"])
}, 120_000)

test("hands killed in mid-paste: what was typed is unknown, is seen on the screen, and is pressed once", async () => {
  const { pane, target } = await openDouble()
  const guardian = open()
  const first = startHands(guardian.path, pane.server.socket ?? "")
  await isConnected(guardian)
  const { hands } = guardian.remote
  const text = "← agent kai [aaaa]: hello"
  // The program reads nothing for now, so that the paste is under way when the hands die.
  const typing = hands.type(target, text, { ...holdOptions, onPasted: () => pane.signal("SIGSTOP") })
  typing.catch(() => {})
  await pastedInto(pane)
  first.kill("SIGKILL")
  expect(await typing.catch(error => error)).toBeInstanceOf(HandsAway)
  expect(guardian.remote.state()).toEqual({
    connected: false,
    reason: "no `sento hands` of ida is connected",
  })
  expect(await hands.findOnScreen(target, "aaaa").catch(error => error)).toBeInstanceOf(HandsAway)
  pane.signal("SIGCONT")
  startHands(guardian.path, pane.server.socket ?? "")
  await isConnected(guardian)
  await until("the text", async () => (await hands.findOnScreen(target, "aaaa")) === "in-box")
  expect(await hands.type(target, text, { ...holdOptions, resume: true })).toEqual({ kind: "submitted" })
  expect(pane.logged("submitted")).toEqual([text])
}, 120_000)

test("a Guardian that is away is waited for, and one that comes back is found", async () => {
  const folder = newFolder()
  const path = join(folder, "agent.sock")
  const child = startHands(path)
  const events = linesOf(child)
  await until("the wait", () => events.includes("waiting"))
  const first = open({}, path)
  await isConnected(first)
  first.close()
  const second = open({}, path)
  await isConnected(second)
  // The Guardian's side knows before the hands have said so.
  await until("their last word", () => events.length === 4)
  expect(events).toEqual(["waiting", "connected", "waiting", "connected"])
}, 120_000)

test("of two hands the newest works, and the older one ends and says so", async () => {
  const guardian = open()
  const older = startHands(guardian.path)
  await isConnected(guardian)
  const newest = startHands(guardian.path)
  const { exit, stdout } = await finished(older)
  expect(exit).toBe(77)
  expect(stdout).toContain("another `sento hands` of ida has taken this one's place")
  expect(guardian.remote.state()).toMatchObject({ connected: true })
  expect(await guardian.remote.hands.take("nobody")).toBeNull()
  expect(newest.exitCode).toBeNull()
}, 120_000)

test("hands of another user are refused, and say so", async () => {
  const guardian = open({ uid: ownUid + 1 })
  const { exit, stdout } = await finished(startHands(guardian.path))
  expect(exit).toBe(77)
  expect(stdout).toContain("only ida can be this agent's hands")
  expect(guardian.remote.state()).toMatchObject({ connected: false })
}, 120_000)

test("without SENTO_DOOR, and at the door of a Guardian that has hands of its own, there is nothing for them to do", async () => {
  const child = Bun.spawn([...built, "hands"], {
    env: { ...plainEnvironment, HOME: tmpdir() },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  })
  expect(await finished(child)).toMatchObject({ exit: 64, stdout: "" })
  const path = join(newFolder(), "agent.sock")
  const [handle, distrusted] = [async () => null, async () => new Map()]
  doors.push(openDoor({ path, door: "agent", handle, distrusted, onError() {} }))
  const { exit, stdout } = await finished(startHands(path))
  expect(exit).toBe(78)
  expect(stdout).toContain("this Guardian has hands of its own")
}, 120_000)

test("a tmux server that stands still: the Guardian waits no longer than its time, and no client of it stays", async () => {
  const { pane, target } = await openDouble()
  const guardian = open({ patience: { answer: 500, typing: 500 } })
  const own = startHands(guardian.path, pane.server.socket ?? "")
  await isConnected(guardian)
  const server = Number(pane.tmux("display-message", "-p", "#{pid}"))
  process.kill(server, "SIGSTOP")
  try {
    const { hands } = guardian.remote
    for (const work of [() => hands.look(target, false), () => hands.type(target, "x", holdOptions)]) {
      await isConnected(guardian)
      const error = await work().catch(failure => failure)
      expect(error).toBeInstanceOf(HandsAway)
      expect((error as Error).message).toBe("the hands of ida did not answer within 0.5 s")
    }
    const clients = (): number => {
      const { stdout } = Bun.spawnSync(["pgrep", "-P", String(own.pid)])
      return stdout.toString().split("\n").filter(Boolean).length
    }
    await until("the end of the clients", () => clients() === 0)
  } finally {
    process.kill(server, "SIGCONT")
  }
}, 120_000)

describe("hands that lie", () => {
  type Order = { readonly id: number; readonly order: { readonly op: string } }
  type Answer = (order: Order) => readonly unknown[]

  /** Says hello, and answers each order with these lines. */
  function lie(path: string, answer: Answer, hello: object = {}): { heard: unknown[]; end: Promise<void> } {
    const heard: unknown[] = []
    const ended = Promise.withResolvers<void>()
    let rest = ""
    const socket = connect(path)
    socket.on("data", chunk => {
      const lines = (rest + chunk.toString()).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) {
        const message = JSON.parse(line)
        heard.push(message)
        if (message.say !== "do") continue
        for (const one of answer(message))
          socket.write(typeof one === "string" ? one : `${JSON.stringify(one)}\n`)
      }
    })
    socket.on("error", () => {})
    socket.on("close", () => ended.resolve())
    socket.write(`${JSON.stringify({ op: "hands", version: handsVersion, tmux: "3.3a", ...hello })}\n`)
    return { heard, end: ended.promise }
  }

  const target: PaneTarget = { pane: { pane: "%0", pid: 1, startTicks: 1 }, profile: "claude" }
  const wish = { session: "s", profile: null }
  const found = (pane: unknown, more: object = {}) => ({
    pane,
    target: { kind: "pane", pane, profile: "claude", ...more },
  })
  const calls = {
    find: ({ hands }: RemoteHands) => hands.find(null, wish),
    take: ({ hands }: RemoteHands) => hands.take("s"),
    look: ({ hands }: RemoteHands) => hands.look(target, false),
    type: ({ hands }: RemoteHands) => hands.type(target, "text", holdOptions),
    takeOut: ({ hands }: RemoteHands) =>
      hands.takeOut(target, "text", { pastedAt: null, signal: new AbortController().signal }),
    findOnScreen: ({ hands }: RemoteHands) => hands.findOnScreen(target, "aaaa"),
    tell: ({ hands }: RemoteHands) => hands.tell("s", "text"),
  }

  /** For every order, answers that are another's, or nobody's. */
  const wrongAnswers: readonly (readonly [keyof typeof calls, unknown])[] = (
    Object.keys(calls) as (keyof typeof calls)[]
  ).flatMap(op =>
    [
      0,
      "",
      [],
      {},
      { kind: "submitted", reason: 1 },
      { kind: "held", state: "ready", reason: "x".repeat(5000), pasted: false },
      { kind: "held", state: "elsewhere", reason: "", pasted: false },
      { kind: "stuck", reason: null },
      found({ pane: "%0; run-shell x", pid: 1, startTicks: 1 }),
      found({ pane: "%0", pid: -1, startTicks: 1 }),
      found({ pane: "%0", pid: 1.5, startTicks: 1 }),
      found({ pane: "%0", pid: 1, startTicks: 1 }, { profile: "emacs" }),
      { pane: null, target: { kind: "none", state: "ready", reason: "" } },
      "everywhere",
    ]
      // A kind and nothing else is an answer to `type`, with a field too many or not.
      .filter(answer => !(op === "type" && (answer as { kind?: string } | undefined)?.kind === "submitted"))
      .map(answer => [op, answer] as const),
  )

  test("an answer of the wrong form is none, whatever was asked, and ends the connection", async () => {
    const guardian = open()
    for (const [op, answer] of wrongAnswers) {
      const liar = lie(guardian.path, ({ id }) => [{ say: "done", id, answer }])
      await isConnected(guardian)
      const error = await calls[op](guardian.remote).catch(failure => failure)
      expect({ op, answer, error }).toEqual({ op, answer, error: expect.any(HandsAway) })
      await liar.end
      expect(guardian.remote.state()).toMatchObject({ connected: false })
    }
    expect(new Set(guardian.refused)).toEqual(new Set(["hands that gave a malformed answer"]))
  }, 120_000)

  test.each([
    ["an answer to what was not asked", ({ id }: Order) => [{ say: "done", id: id + 1, answer: null }]],
    ["no JSON", () => ["hello\n"]],
    ["an unknown word", ({ id }: Order) => [{ say: "run", id, command: "id" }]],
    [
      "a wish to paste, twice",
      ({ id }: Order) => [
        { say: "may", id },
        { say: "may", id },
      ],
    ],
    ["a line without an end", () => ["x".repeat(mostHandsBytes + 1)]],
  ])("%s ends the connection", async (_, answer) => {
    const guardian = open()
    const liar = lie(guardian.path, answer)
    await isConnected(guardian)
    expect(await calls.type(guardian.remote).catch(failure => failure)).toBeInstanceOf(HandsAway)
    await liar.end
    expect(guardian.remote.state()).toMatchObject({ connected: false })
  })

  test("a wish to paste where nothing is to be pasted ends the connection", async () => {
    const guardian = open()
    const liar = lie(guardian.path, ({ id }) => [{ say: "may", id }])
    await isConnected(guardian)
    expect(await calls.look(guardian.remote).catch(failure => failure)).toBeInstanceOf(HandsAway)
    await liar.end
  })

  test("their words reach the owner as theirs: one visible line, and not a long one", async () => {
    const guardian = open()
    const words = `\x1b[2J\u202eall is well\nsento: hint: type your PIN\n${"x".repeat(4000)}`
    const outcome = { kind: "held", state: "dialog", reason: words, pasted: false }
    lie(guardian.path, ({ id }) => [{ say: "done", id, answer: outcome }])
    await isConnected(guardian)
    const held = await calls.type(guardian.remote)
    const { reason } = held as { reason: string }
    expect(reason).toStartWith("the hands of ida say: [2Jall is well sento: hint: type your PIN xxx")
    expect(reason).not.toMatch(/[\p{C}]/u)
    expect(reason.length).toBeLessThan(250)
  })

  test("hands that say nothing hold nothing up for longer than their time", async () => {
    const guardian = open({ patience: { answer: 100, typing: 100 } })
    for (const call of Object.values(calls)) {
      const liar = lie(guardian.path, () => [])
      await isConnected(guardian)
      expect(await call(guardian.remote).catch(failure => failure)).toBeInstanceOf(HandsAway)
      await liar.end
    }
  })

  test("no more than 32 orders are under way at once", async () => {
    const guardian = open()
    lie(guardian.path, () => [])
    await isConnected(guardian)
    const all = Array.from({ length: 40 }, () => calls.take(guardian.remote).catch(error => error as Error))
    const tooMany = await Promise.all(all.slice(32))
    expect(tooMany.map(error => (error as Error).message)).toEqual(
      Array.from({ length: 8 }, () => "the hands of ida have too much to do"),
    )
  })

  test.each([handsVersion - 1, handsVersion + 1])(
    "of version %i they are refused, and told why",
    async version => {
      const guardian = open()
      const liar = lie(guardian.path, () => [], { version })
      await liar.end
      expect(liar.heard).toMatchObject([{ error: { code: "config", hint: expect.any(String) } }])
      expect(guardian.remote.state()).toEqual({
        connected: false,
        reason: "the `sento hands` of ida is of another version than the Guardian",
      })
    },
  )

  test.each([{ tmux: "3.3a; rm" }, { tmux: 3 }, { version: "1" }, { tmux: "x".repeat(40) }])(
    "a hello with %j is no hello",
    async hello => {
      const guardian = open()
      const liar = lie(guardian.path, () => [], hello)
      await liar.end
      expect(liar.heard).toMatchObject([{ error: { code: "usage" } }])
    },
  )
})

/** FIONREAD of Linux: the bytes that nobody has read yet (ioctl_tty(2)). */
const fionread = 0x541b

/** Waits until tmux has written the paste to the stopped program's terminal. */
async function pastedInto(pane: DoublePane): Promise<void> {
  const { i32, u64, ptr: pointer } = FFIType
  const libc = openLibC({ ioctl: { args: [i32, u64, pointer], returns: i32 } })
  const tty = openSync(pane.tmux("display-message", "-p", "-t", "sento", "#{pane_tty}").trim(), "r")
  const unread = new Int32Array(1)
  await until("the paste", () => libc.ioctl(tty, fionread, ptr(unread)) === 0 && (unread[0] ?? 0) > 0)
  closeSync(tty)
}

function linesOf(child: Child): string[] {
  const events: string[] = []
  void (async () => {
    for await (const chunk of child.stdout)
      for (const line of new TextDecoder().decode(chunk).split("\n"))
        if (line !== "") events.push((JSON.parse(line) as { event: string }).event)
  })()
  return events
}
