/** What the agent's user can do to the Guardian at the door that they share, and another user who gets that far. */
import { afterEach, describe, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { guardStatus, runningGuardian } from "../../src/commands/running.ts"
import { findTarget } from "../../src/guardian/books/agent-pane.ts"
import { callDoor } from "../../src/guardian/door/client.ts"
import type { GuestLimits } from "../../src/guardian/door/guests.ts"
import type { PairingEvent } from "../../src/guardian/door/results.ts"
import { openDoor } from "../../src/guardian/door/server.ts"
import { handsCommand, hardeningSteps } from "../../src/guardian/door/shared-folder.ts"
import { openLog } from "../../src/guardian/log.ts"
import { handsVersion } from "../../src/guardian/terminal/hands-messages.ts"
import { createRemoteHands } from "../../src/guardian/terminal/remote-hands.ts"
import type { SentoError } from "../../src/protocol/errors.ts"
import { mostLastWords } from "../../src/protocol/hook-limits.ts"
import type { Config } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { openGuardian } from "../support/guardian.ts"
import { createTestStore } from "../support/store.ts"
import { createWorld, initAgent, until } from "../support/world.ts"

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close()
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sento-shared-"))
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const ownUid = process.getuid?.() ?? 0
const megabytes = 4
const patient: GuestLimits = { callers: 3, unreadBytes: 1024 * 1024, readMilliseconds: 60_000 }

/** A shared door: `send` is answered when its caller goes, `log` with a long answer, the rest at once. */
function openShared({ uid = ownUid, limits = patient }: { uid?: number; limits?: GuestLimits } = {}) {
  const path = join(newFolder(), "agent.sock")
  const refused: string[] = []
  const door = openDoor({
    path,
    door: "agent",
    guests: {
      uids: new Set([uid]),
      limits,
      refused: (reason, from) => refused.push(`${reason}, ${from}`),
    },
    distrusted: async () => new Map(),
    async handle({ op }, { gone }) {
      if (op === "send") await new Promise(resolve => gone.addEventListener("abort", resolve))
      return op === "log" ? "x".repeat(megabytes * 1024 * 1024) : "done"
    },
    onError: error => refused.push(String(error)),
  })
  closing.push(door.close)
  return { path, refused }
}

const waits = { op: "send", to: "kai", text: "hi", wait: true }
const log = { op: "log", limit: 1000 }
const alive = { op: "alive" }

/** A caller that says something and reads nothing, until it is told to. */
function knock(path: string, request: object): Socket {
  const socket = connect({ path, onread: undefined } as never)
  socket.pause()
  socket.on("error", () => {})
  socket.write(`${JSON.stringify(request)}\n`)
  closing.push(() => socket.destroy())
  return socket
}

/** All that it is told until the Guardian hangs up. */
function hear(socket: Socket): Promise<{ readonly error?: unknown; readonly result?: string } | null> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let text = ""
  socket.on("data", chunk => {
    text += chunk
  })
  socket.on("close", () => resolve(text))
  socket.resume()
  return promise.then(all => (all.endsWith("\n") ? JSON.parse(all) : null))
}

const ask = (path: string, request: object) => hear(knock(path, request))

describe("at the shared door", () => {
  test("of callers that wait no more are let in than there is room for, and one that goes makes room", async () => {
    const { path, refused } = openShared()
    const waiting = [1, 2, 3].map(() => knock(path, waits))
    await until("three that wait", async () => (await ask(path, alive))?.error !== undefined)
    expect(await ask(path, alive)).toEqual({
      error: {
        code: "failed",
        message: "nothing was done: 3 requests are under way at this door",
        hint: "let some of those that wait end, then run it again",
      },
    })
    expect(refused.at(-1)).toBe(
      `at the shared door: nothing was done: 3 requests are under way at this door, uid ${ownUid}`,
    )
    waiting[0]?.destroy()
    await until("room", async () => (await ask(path, alive))?.result === "done")
  })

  test("one long answer waits to be read, however many ask and do not read", async () => {
    const { path } = openShared()
    const first = knock(path, log)
    await until("its answer", async () => (await ask(path, alive))?.error !== undefined)
    for (let i = 0; i < 5; i += 1)
      expect(await ask(path, log)).toMatchObject({
        error: {
          code: "failed",
          message: "nothing was done: earlier callers have not read their answers yet",
        },
      })
    expect((await hear(first))?.result).toHaveLength(megabytes * 1024 * 1024)
    expect(await ask(path, alive)).toEqual({ result: "done" })
  })

  test("a caller that reads nothing of what is there for it is hung up on", async () => {
    // Long enough to be seen to hold the others up, on any machine.
    const { path } = openShared({ limits: { ...patient, readMilliseconds: 5000 } })
    const first = knock(path, log)
    await until("its answer", async () => (await ask(path, alive))?.error !== undefined)
    await until("its end", async () => (await ask(path, alive))?.result === "done")
    expect(await hear(first)).toBeNull()
  })

  test("half a request holds 256 KiB and no more", async () => {
    const { path } = openShared()
    const socket = connect(path)
    socket.on("error", () => {})
    socket.write("x".repeat(256 * 1024 + 1))
    closing.push(() => socket.destroy())
    expect(await hear(socket)).toMatchObject({ error: { code: "too-long" } })
    const words = { kind: "ended", turn: null, text: "\x01".repeat(mostLastWords), isContinued: false }
    const event = { ...words, hasBackground: false, digest: "0".repeat(64) }
    expect(await ask(path, { op: "turn", session: "s", event })).toEqual({ result: "done" })
  })

  test("a caller of a user that is neither the agent's nor the Guardian's is refused, whatever its group", async () => {
    const { path, refused } = openShared({ uid: ownUid + 1 })
    for (const request of [alive, log, waits, { op: "hands", version: handsVersion, tmux: null }])
      expect(await ask(path, request)).toMatchObject({
        error: { code: "refused", message: "this door is another user's" },
      })
    expect(refused).toEqual(
      Array.from({ length: 4 }, () => `at the shared door: this door is another user's, uid ${ownUid}`),
    )
  })
})

test("hands that name another pane each time turn no log over, and are typed into all the same", async () => {
  const folder = newFolder()
  const files = createTestStore()
  closing.push(() => files[Symbol.dispose]())
  const stopping = new AbortController()
  const kept = openLog(join(folder, "guardian.log"), () => 0)
  const remote = createRemoteHands({ user: "ida", uid: ownUid, log: kept, stopping: stopping.signal })
  const path = join(folder, "agent.sock")
  const [handle, distrusted] = [async () => null, async () => new Map()]
  const door = openDoor({ path, door: "agent", handle, distrusted, onError() {}, hands: remote.serve })
  closing.push(door.close, () => stopping.abort(new Error("stopping")))
  let answered = 0
  const liar = knock(path, { op: "hands", version: handsVersion, tmux: "3.3a" })
  let rest = ""
  liar.on("data", chunk => {
    const lines = (rest + chunk).split("\n")
    rest = lines.pop() ?? ""
    for (const { say, id } of lines.map(line => JSON.parse(line))) {
      if (say !== "do") continue
      answered += 1
      const pane = { pane: `%${answered}`, pid: answered, startTicks: answered }
      const answer = { pane, target: { kind: "pane", pane, profile: "claude" } }
      liar.write(`${JSON.stringify({ say: "done", id, answer })}\n`)
    }
  })
  liar.resume()
  await until("the hands", () => remote.state().connected)
  const current = { tmux: { session: "main", profile: null }, hardened: { folder, user: "ida" } }
  const config = { current: current as unknown as Config, update() {} }
  const books = { config, store: files.store, log: kept, hands: remote.hands, paths: pathsOf(folder) }
  for (let i = 1; i <= 300; i += 1)
    expect(await findTarget(books)).toMatchObject({ kind: "pane", pane: { pane: `%${i}` } })
  const lines = readFileSync(join(folder, "guardian.log"), "utf8").split("\n")
  expect(lines.filter(line => line.includes("attached to pane"))).toHaveLength(30)
})

test("turns that an agent opens without end are forgotten but for the last 64", async () => {
  await using guardian = await openGuardian({})
  const event = { kind: "prompt" as const, turn: null, tags: [], digest: null, author: null }
  const tell = (session: string) => callDoor(guardian.paths, "agent", { op: "turn", session, event })
  for (let i = 0; i < 80; i += 1) await tell(`session ${i}`)
  const { Database } = await import("bun:sqlite")
  const database = new Database(guardian.paths.database, { readonly: true })
  const rows = database.query<{ session: string }, []>("SELECT session FROM turns ORDER BY rowid").all()
  database.close()
  expect(rows.map(row => row.session)).toEqual(Array.from({ length: 64 }, (_, i) => `session ${i + 16}`))
})

test("an agent can neither close the code that its owner has open nor see it, and the owner hears of another one", async () => {
  const world = createWorld()
  try {
    initAgent(world, "mira")
    await world.guard("mira")
    const events: PairingEvent[] = []
    void world.ask("mira", "owner", { op: "pair" }, event => events.push(event)).catch(() => {})
    await until("the code", () => events.length > 0)
    for (const long of [false, true]) {
      const seen: PairingEvent[] = []
      const asked = world.ask("mira", "agent", { op: "pair", long, wait: false }, event => seen.push(event))
      const error = await asked.then(
        () => null,
        error => error as SentoError,
      )
      expect(error).toMatchObject({ code: "try-later" })
      expect(error?.message).toStartWith("a code that the owner may have passed on is open until ")
      expect(seen).toEqual([])
    }
    const again: PairingEvent[] = []
    await world.ask("mira", "owner", { op: "pair", wait: false }, event => again.push(event))
    expect(again).toEqual(events)
    await world.ask("mira", "owner", { op: "pair", long: true, wait: false }, event => again.push(event))
    expect(again.at(-1)).toMatchObject({ event: "code", code: expect.stringMatching(/^SENTO-\w{4}-\w{4}$/) })
    await until("the word to who waits", () => events.length > 1)
    expect(events.slice(1)).toEqual([{ event: "replaced" }])
  } finally {
    await world.close()
  }
})

test("an agent's own short code is shown to it again, and it gets no long one in its place", async () => {
  const world = createWorld()
  try {
    initAgent(world, "mira")
    await world.guard("mira")
    const events: PairingEvent[] = []
    const pair = (door: "agent" | "owner", long: boolean) =>
      world.ask("mira", door, { op: "pair", long, wait: false }, event => events.push(event))
    await pair("agent", false)
    await pair("agent", false)
    await pair("owner", false)
    expect(new Set(events.map(event => JSON.stringify(event))).size).toBe(1)
    const error = await pair("agent", true).then(
      () => null,
      error => error as SentoError,
    )
    expect(error?.message).toStartWith("a short code is open until ")
    await pair("owner", false)
    expect(events.at(-1)).toEqual(events[0] as PairingEvent)
  } finally {
    await world.close()
  }
})

test("a Guardian that stands still keeps its owner no longer than its time, and is named", async () => {
  const world = createWorld()
  try {
    initAgent(world, "mira")
    const { pid } = await world.guard("mira")
    const paths = pathsOf(world.home("mira"))
    process.kill(pid, "SIGSTOP")
    for (const look of [runningGuardian, guardStatus])
      expect(await look(paths, 100).catch(error => error)).toMatchObject({
        code: "timed-out",
        message: `the Guardian (pid ${pid}) did not answer within 0.1 s`,
        hint: `see \`sento guard logs\`; \`kill -9 ${pid}\` ends it, and loses nothing`,
      })
    process.kill(pid, "SIGCONT")
    expect(await runningGuardian(paths)).toMatchObject({ pid })
  } finally {
    await world.close()
  }
})

test("a session's name runs nothing in the steps that a person pastes", async () => {
  const folder = newFolder()
  const characters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))
  const names = [...characters.filter(one => !":.".includes(one)).map(one => `a${one}b`), "it's; id >x $(id)"]
  const wish = { name: "mira", owner: "olga", user: "ida", program: "/opt/sento" }
  const told = 'for word; do printf "%s\\n" "$word"; done; echo .'
  const lines = names.flatMap(session =>
    hardeningSteps({ ...wish, session })
      .filter(line => / -s |--session /.test(line) && !line.includes("hands-"))
      .concat(
        hardeningSteps({ ...wish, session }).flatMap(
          line => /: ((?:ssh|sudo) .*)$/.exec(line)?.slice(1) ?? [],
        ),
      ),
  )
  const script = `tmux() { ${told}; }; sento() { ${told}; }; ssh() { shift 4; eval "$1"; }; sudo() { shift 2; "$@"; }\n${lines.join("\n")}`
  const ran = Bun.spawnSync(["sh", "-c", script], { cwd: folder, stderr: "pipe" })
  expect(ran.stderr.toString()).toBe("")
  const socket = "SENTO_DOOR=/srv/sento/mira/door/agent.sock"
  expect(
    ran.stdout
      .toString()
      .split("\n.\n")
      .slice(0, -1)
      .map(words => words.split("\n")),
  ).toEqual(
    names.flatMap(session => [
      ["init", "--name", "mira", "--session", session, "--agent-user", "ida"],
      ["new-session", "-d", "-s", session, "-e", socket],
      ["attach", "-t", `=${session}`],
      ["attach", "-t", `=${session}`],
    ]),
  )
  expect(handsCommand("bob", "/srv/sento/mira/door")).toBe(
    `tmux new-session -d -s hands-bob -e ${socket} sento hands`,
  )
})
