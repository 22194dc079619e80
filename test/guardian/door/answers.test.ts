/** A door alone, in this process: what a caller is answered, who is not, and who may take its time. */
import { afterEach, expect, spyOn, test } from "bun:test"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as callers from "../../../src/guardian/door/callers.ts"
import * as credentials from "../../../src/guardian/door/credentials.ts"
import { type DoorHandler, type DoorOptions, openDoor } from "../../../src/guardian/door/server.ts"
import { SentoError } from "../../../src/protocol/errors.ts"
import { DatabaseLocked } from "../../../src/store/database.ts"
import { errorOf } from "../../support/errors.ts"
import { until } from "../../support/world.ts"

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close()
})

const ownUid = process.geteuid?.() ?? 0
const guestsOf = (
  more: { uids?: ReadonlySet<number> | null; callers?: number; readMilliseconds?: number } = {},
) => ({
  uids: more.uids ?? null,
  refused: () => {},
  limits: {
    callers: more.callers ?? 64,
    unreadBytes: 1024 ** 3,
    readMilliseconds: more.readMilliseconds ?? 60_000,
  },
})

function open(handle: DoorHandler, options: Partial<DoorOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "sento-answers-"))
  const path = join(folder, "door.sock")
  const errors: unknown[] = []
  const door = openDoor({
    ...{ path, door: "agent", handle, distrusted: async () => new Map() },
    onError: error => void errors.push(error),
    ...options,
  })
  closing.push(() => {
    door.close()
    rmSync(folder, { recursive: true })
  })
  return { path, errors }
}

function knock(path: string, text: string): Socket {
  const socket = connect(path)
  socket.on("error", () => {})
  socket.write(text)
  closing.push(() => socket.destroy())
  return socket
}

/** All lines until the door hangs up. */
function linesOf(socket: Socket): Promise<readonly unknown[]> {
  const { promise, resolve } = Promise.withResolvers<readonly unknown[]>()
  let text = ""
  socket.on("data", chunk => {
    text += chunk
  })
  socket.on("close", () =>
    resolve(
      text
        .split("\n")
        .filter(Boolean)
        .map(line => JSON.parse(line)),
    ),
  )
  return promise
}
const ask = (path: string, request: object) => linesOf(knock(path, `${JSON.stringify(request)}\n`))
const alive = { op: "alive" }
const send = { op: "send", to: "kai", text: "hi", wait: false }

test("a caller hears what comes before the result, the result, and a hang-up; nothing is null", async () => {
  const { path } = open(async (_, { emit, door }) => {
    emit({ event: "closed" } as never)
    return door === "agent" ? undefined : "?"
  })
  expect(await ask(path, alive)).toEqual([{ event: { event: "closed" } }, { result: null }])
})

const disk = Object.assign(new Error("no space left"), { code: "ENOSPC" })
test.each<readonly [string, Error, object, boolean]>([
  [
    "an error for people as it is",
    new SentoError("usage", "no", "try another"),
    { code: "usage", message: "no", hint: "try another" },
    false,
  ],
  ["one without a hint", new SentoError("usage", "no"), { code: "usage", message: "no", hint: null }, false],
  [
    "a locked database as that",
    new DatabaseLocked(),
    {
      code: "try-later",
      message: "another program has sento.db locked",
      hint: "`fuser -v` on that file shows which; end it, then run the command again",
    },
    true,
  ],
  [
    "trouble with the disk as that",
    disk,
    {
      code: "failed",
      message: "the Guardian failed: no space left",
      hint: "free some space on the disk of sento.db; see `sento guard logs`",
    },
    true,
  ],
  [
    "a bug without its words, which the log has",
    new Error("secret"),
    { code: "failed", message: "the Guardian failed", hint: "see `sento guard logs`" },
    true,
  ],
])("is told %s", async (_, error, told, isLogged) => {
  const { path, errors } = open(async () => {
    throw error
  })
  expect(await ask(path, alive)).toEqual([{ error: told }])
  expect(errors).toEqual(isLogged ? [error] : [])
})

test("a Guardian that stops answers nobody any more", async () => {
  let handled = 0
  const { path } = open(async () => (handled += 1), { isOver: () => handled === 1 })
  expect(await ask(path, alive)).toEqual([{ result: 1 }])
  expect(await ask(path, alive)).toEqual([])
  expect(handled).toBe(1)
})

test.each<readonly [string, Partial<DoorOptions>, number, number]>([
  ["own", {}, 1024 * 1024, 0o600],
  ["own, with limits", { guests: guestsOf() }, 1024 * 1024, 0o600],
  ["shared", { guests: guestsOf({ uids: new Set([ownUid]) }) }, 256 * 1024, 0o660],
])(
  "at a door of its %s a request may be so long, and the file has its mode",
  async (_, options, most, mode) => {
    const { path } = open(async () => "done", options)
    expect(statSync(path).mode & 0o777).toBe(mode)
    const early = linesOf(knock(path, "a".repeat(most)))
    const late = linesOf(knock(path, "a".repeat(most + 1)))
    expect(await late).toEqual([
      { error: { code: "too-long", message: "the request is too long to be one", hint: "make it shorter" } },
    ])
    expect(await Promise.race([early, "waits"])).toBe("waits")
  },
)

test("a request is taken from as many pieces as it comes in, and what comes behind it is nobody's", async () => {
  const ops: string[] = []
  const { path } = open(async ({ op }) => void ops.push(op))
  const socket = connect(path)
  closing.push(() => socket.destroy())
  const lines = linesOf(socket)
  await new Promise<void>(resolve => socket.write('{"op":"al', () => resolve()))
  socket.write('ive"}\n{"op":"requests"}\n')
  expect(await lines).toEqual([{ result: null }])
  expect(ops).toEqual(["alive"])
})

test("a caller that hangs up is gone for what it asked for", async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const { path } = open(async (_, { gone }) => {
    gone.addEventListener("abort", () => resolve("gone"))
    return promise
  })
  const socket = knock(path, `${JSON.stringify(alive)}\n`)
  socket.on("connect", () => socket.end())
  expect(await promise).toBe("gone")
})

test("what is in the way of a door is moved away by its owner, unless it is a door that is left", () => {
  const folder = mkdtempSync(join(tmpdir(), "sento-answers-"))
  closing.push(() => rmSync(folder, { recursive: true }))
  const path = join(folder, "door.sock")
  const options: DoorOptions = {
    ...{
      path,
      door: "agent",
      handle: async () => null,
      distrusted: async () => new Map(),
      onError: () => {},
    },
  }
  openDoor(options).close()
  writeFileSync(path, "mine")
  expect(errorOf(() => openDoor(options)).message).toBe(`${path} is in the way and is no socket`)
  rmSync(path)
  Bun.listen({ unix: path, socket: { data() {} } }).stop(true)
  openDoor(options).close()
})

test("the owner's door refuses whom the agent started, and answers nothing else", async () => {
  let isAgent = true
  const { path } = open(async () => "done", {
    door: "owner",
    distrusted: async () => new Map(isAgent ? [[process.pid, "it was started in the agent's pane"]] : []),
  })
  expect(await ask(path, { op: "requests" })).toMatchObject([
    {
      error: { code: "not-owner", message: "only the owner may do this: it was started in the agent's pane" },
    },
  ])
  isAgent = false
  const [answer] = await ask(path, { op: "requests" })
  // The one who runs these tests may be an agent.
  expect(JSON.stringify(answer)).not.toContain("in the agent's pane")
})

const spoken: readonly object[] = [
  send,
  { op: "reply", id: "k7q2", text: "hi" },
  { op: "cancel", id: "k7q2" },
  { op: "turn", session: "s", event: { kind: "gone" } },
  { op: "pair", wait: false },
  { op: "join", symbols: "4F2K", host: "127.0.0.1", port: 9876 },
]
test.each([...spoken.map(request => [request, true] as const), [alive, false], [{ op: "requests" }, false]])(
  "from another agent's pane nobody says %j in this one's name: %p",
  async (request, isSpoken) => {
    const others = async () => new Map([[process.pid, "it was started in kai's own pane"]])
    const { path } = open(async () => "done", { others })
    const [answer] = await ask(path, request)
    if (isSpoken)
      expect(answer).toMatchObject({
        error: {
          code: "refused",
          message: "one agent does not speak as another: it was started in kai's own pane",
        },
      })
    else expect(answer).toEqual({ result: "done" })
  },
)

test("who speaks is asked before the other panes are: whoever hangs up leaves the descriptor to somebody else", async () => {
  const order: string[] = []
  const peerOf = credentials.peerOf
  using _ = spyOn(credentials, "peerOf").mockImplementation(descriptor => {
    order.push("who")
    return peerOf(descriptor)
  })
  const others = async () => {
    order.push("panes")
    return new Map()
  }
  const { path } = open(async () => "done", { others })
  expect(await ask(path, send)).toEqual([{ result: "done" }])
  expect(order).toEqual(["who", "panes"])
})

test.each<readonly [object, boolean]>([
  [{ ...send, wait: true }, true],
  [send, false],
  [{ op: "pair", wait: true }, true],
  [{ op: "pair", wait: false }, false],
  [{ op: "join", symbols: "4F2K", host: null, port: null }, true],
  [{ op: "probe", name: "kai" }, true],
  [{ op: "question", id: "k7q2" }, true],
  [{ op: "attach", pane: null }, true],
  [{ op: "confirm", pin: null }, false],
  [{ op: "requests" }, false],
])("where all that can take long wait already, there is no room for %j: %p", async (request, isLong) => {
  using _ = spyOn(callers, "refuseDistrusted").mockImplementation(() => {})
  let waiting = 0
  const { promise, resolve } = Promise.withResolvers<string>()
  const { path } = open(
    async ({ op }) => {
      if (op !== "send" || waiting === 3) return "done"
      waiting += 1
      return promise
    },
    { guests: guestsOf({ callers: 4 }), door: "owner" },
  )
  for (let i = 0; i < 3; i += 1) knock(path, `${JSON.stringify({ ...send, wait: true })}\n`)
  await until("the three", () => waiting === 3)
  const [answer] = await ask(path, request)
  const words = JSON.stringify(answer)
  expect(words).not.toContain("does not know this request")
  expect(words.includes("3 requests are under way")).toBe(isLong)
  resolve("done")
})

test.each<readonly [string, Partial<DoorOptions>, object]>([
  [
    "not where the Guardian has hands of its own",
    {},
    {
      code: "config",
      message: "this Guardian has hands of its own: its agent does not run as a user of its own",
    },
  ],
  ["not at the owner's door", { door: "owner", hands: async () => {} }, { code: "usage" }],
])("hands are taken %s", async (_, options, error) => {
  const { path } = open(async () => "done", options)
  expect(await ask(path, { op: "hands", version: 1, tmux: null })).toMatchObject([{ error }])
})

test("hands are told lines and say lines, whole ones, as many as there are, and are hung up on in the end", async () => {
  const said: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const { path } = open(async () => "done", {
    async hands(request, line) {
      line.onLine(text => {
        said.push(text)
        if (said.length === 3) resolve()
      })
      line.say({ version: request.version, uid: line.uid, pid: line.pid } as never)
      await promise
      line.say({ last: true } as never)
    },
  })
  const socket = knock(path, `${JSON.stringify({ op: "hands", version: 1, tmux: null })}\n`)
  socket.once("data", () => socket.write("one\ntwo\nthr", () => socket.write("ee\n")))
  const [first] = await linesOf(socket)
  expect(first).toEqual({ version: 1, uid: ownUid, pid: process.pid })
  expect(said).toEqual(["one", "two", "three"])
})

test("a guest that reads may take its time, which begins anew with what it reads; one that reads nothing may not", async () => {
  const readMilliseconds = 77_777
  const timers: { act: () => void; isCleared: boolean }[] = []
  const [set, clear] = [globalThis.setTimeout, globalThis.clearTimeout]
  using _ = spyOn(globalThis, "setTimeout").mockImplementation(((
    act: () => void,
    wait: number,
    ...more: []
  ) => {
    if (wait !== readMilliseconds) return set(act, wait, ...more)
    const timer = { act, isCleared: false }
    timers.push(timer)
    return timer
  }) as never)
  using __ = spyOn(globalThis, "clearTimeout").mockImplementation(((timer: never) => {
    if (timers.includes(timer)) Object.assign(timer, { isCleared: true })
    else clear(timer)
  }) as never)
  const running = () => timers.filter(({ isCleared }) => !isCleared)
  const emits: (() => void)[] = []
  const long = "x".repeat(8 * 1024 * 1024)
  const { path } = open(
    async (_, { emit, gone }) => {
      emit(long as never)
      emits.push(() => emit("more" as never))
      await new Promise(resolve => gone.addEventListener("abort", resolve))
    },
    { guests: guestsOf({ readMilliseconds }) },
  )
  const slow = connect({ path, onread: undefined } as never)
  closing.push(() => slow.destroy())
  slow.pause()
  slow.write(`${JSON.stringify(alive)}\n`)
  await until("its time to begin", () => emits.length === 1 && running().length === 1)
  const first = running()
  emits[0]?.()
  expect(running()).toEqual(first)
  let heard = 0
  slow.on("data", chunk => {
    heard += chunk.length
  })
  slow.resume()
  await until("all to be read", () => heard > long.length && running().length === 0)
  expect(first[0]?.isCleared).toBe(true)
  const gone = Promise.withResolvers<void>()
  const deaf = connect({ path, onread: undefined } as never)
  closing.push(() => deaf.destroy())
  deaf.on("close", () => gone.resolve())
  deaf.on("error", () => {})
  deaf.pause()
  deaf.write(`${JSON.stringify(alive)}\n`)
  await until("its time to begin", () => running().length === 1)
  running()[0]?.act()
  deaf.resume()
  await gone.promise
  expect(running()).toEqual([])
})
