/** What is made of tmux' answers: panes, sessions, clients, looks. A false tmux; real ones: own-hands.test.ts, sessions.test.ts. */
import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as owners from "../../src/tmux/keyboard-owner.ts"
import { createHands } from "../../src/tmux/own-hands.ts"
import { findPane, panesOf } from "../../src/tmux/pane.ts"
import { attachedClients, isOwnServer, showPopup } from "../../src/tmux/popup.ts"
import { processStat } from "../../src/tmux/process.ts"
import { sessionsOf } from "../../src/tmux/sessions.ts"
import { look } from "../../src/tmux/snapshot.ts"
import { mostLineBytes, terminalCollectsLines } from "../../src/tmux/terminal.ts"
import {
  exactSession,
  runTmux,
  socketOfEnvironment,
  spawnTmux,
  type TmuxServer,
} from "../../src/tmux/tmux.ts"
import { falsePane, type Idle, startIdle } from "../support/false-pane.ts"

const pid = process.pid
const startTicks = processStat(pid)?.startTicks ?? 0
/** A pid that no process has. */
const nobody = 2 ** 30

/** A server that answers each call with this; `asked` are the words of the calls. */
const answering = (stdout: string, status = 0, stderr = ""): TmuxServer & { asked: string[] } => {
  const asked: string[] = []
  const run = async (words: readonly string[]) => {
    asked.push(words.join(" "))
    return { status, stdout, stderr }
  }
  return { socket: null, asked, run }
}

describe("the active pane of a session", () => {
  test("is its first process, and when that started; a name may have blanks", async () => {
    const server = answering(`%3 ${pid} my agent\n`)
    expect(await findPane(server, "my agent")).toEqual({ pane: "%3", pid, startTicks })
    expect(server.asked).toEqual(["display-message -p -t =my agent: #{pane_id} #{pane_pid} #{session_name}"])
  })

  test.each([
    ["of another session", `%3 ${pid} sento2\n`, 0],
    ["where tmux failed", `%3 ${pid} sento\n`, 1],
    ["where it says nothing", "\n", 0],
    ["without an id", ` ${pid} sento`, 0],
    ["whose process is gone", `%3 ${nobody} sento\n`, 0],
  ] as const)("is none %s", async (_, stdout, status) => {
    expect(await findPane(answering(stdout, status), "sento")).toBeNull()
  })

  test("of an id is one of that session's", async () => {
    const server = answering(`%2 ${nobody}\n%3 ${pid}\n%4 1\n`)
    expect(await findPane(server, "sento", "%3")).toEqual({ pane: "%3", pid, startTicks })
    expect([await findPane(server, "sento", "%2"), await findPane(server, "sento", "%9")]).toEqual([
      null,
      null,
    ])
    expect(server.asked[0]).toBe("list-panes -s -t =sento: -F #{pane_id} #{pane_pid}")
  })
})

describe("the panes", () => {
  test("of one session, and of all", async () => {
    const server = answering("%2 20\n%3 30\n")
    const two = [
      { pane: "%2", pid: 20 },
      { pane: "%3", pid: 30 },
    ]
    expect([await panesOf(server, "sento"), await panesOf(server, null)]).toEqual([two, two])
    expect(server.asked.map(words => words.split(" -F")[0])).toEqual([
      "list-panes -s -t =sento:",
      "list-panes -a",
    ])
  })

  test("are none where tmux failed, and nobody knows where it says nothing", async () => {
    expect(await panesOf(answering("%2 20\n", 1), null)).toEqual([])
    using sleep = spyOn(Bun, "sleep").mockResolvedValue(undefined)
    expect(await panesOf({ socket: null, run: () => new Promise(() => {}) }, null)).toBeNull()
    expect(sleep.mock.calls).toEqual([[5000]])
  })
})

test("the sessions are the active panes of active windows, the oldest first; none where tmux failed", async () => {
  const lines = [
    "11 1 30 late",
    "01 2 30 late",
    "10 3 5 none",
    "11 4 10 two words",
    "11 5 20 middle",
    "",
  ].join("\n")
  expect(await sessionsOf(answering(lines))).toEqual([
    { name: "two words", pid: 4 },
    { name: "middle", pid: 5 },
    { name: "late", pid: 1 },
  ])
  expect(await sessionsOf(answering(lines, 1))).toEqual([])
})

describe("the clients", () => {
  const client = { name: "/dev/pts/1", pid: 7, canType: true, columns: 80, rows: 24 }
  test("can type but for those that read only, or are programs", async () => {
    const lines = [
      "7 00 80 24 /dev/pts/1",
      "8 10 81 25 /dev/pts/2",
      "9 01 82 26 client-9",
      "no client",
      "",
    ].join("\n")
    expect(await attachedClients(answering(lines), "sento")).toEqual([
      client,
      { name: "/dev/pts/2", pid: 8, canType: false, columns: 81, rows: 25 },
      { name: "client-9", pid: 9, canType: false, columns: 82, rows: 26 },
    ])
    expect(await attachedClients(answering(lines, 1), "sento")).toEqual([])
  })

  test.each([
    [200, 50, "-w 84 -h 20"],
    [84, 20, "-w 84 -h 20"],
    [83, 19, "-w 83 -h 19"],
  ])("of %i×%i get a popup of %s", async (columns, rows, size) => {
    using spawn = spyOn(Bun, "spawn").mockReturnValue({ exited: Promise.resolve(3) } as never)
    expect(await showPopup({ socket: null }, { ...client, columns, rows }, ["sento", "a b"])).toBe(3)
    const [words] = spawn.mock.calls[0] as unknown as [string[]]
    expect(words.join(" ")).toBe(`tmux -u display-popup -c /dev/pts/1 ${size} -E sento 'a b'`)
  })

  test("are this user's where the server's socket is", async () => {
    const folder = fs.mkdtempSync(join(tmpdir(), "sento-panes-"))
    expect(await isOwnServer(answering(`${folder}\n`))).toBe(true)
    expect(await isOwnServer(answering(`${folder}\n`, 1))).toBe(false)
    fs.rmSync(folder, { recursive: true })
    expect(await isOwnServer(answering(`${folder}\n`))).toBe(false)
  })
})

describe("a look", () => {
  let idle: Idle
  beforeAll(async () => {
    idle = await startIdle("claude")
  })
  afterAll(() => idle[Symbol.dispose]())

  type Said = { numbers?: string; place?: string; clients?: readonly string[] }
  const pinned = () => falsePane(idle).pinned
  const said = ({ numbers = "0 3 4 0 0 80 24", place = "@1 10", clients = [] }: Said): TmuxServer => {
    const { pane, pid: own } = pinned()
    const head = [`${pane} ${own} ${numbers}`, place, "node", "a title", "5 6 "]
    return answering([...head, ...clients, "end of clients", "first row", "second row", ""].join("\n"))
  }
  const seen = async (what: Said) => {
    const found = await look(said(what), pinned())
    if (found.kind === "absent") throw new Error(found.reason)
    return found.snapshot
  }

  test("tells all of the pane", async () => {
    expect(await seen({})).toMatchObject({
      ...{ cursor: { x: 3, y: 4 }, title: "a title", command: "node", sessionKeys: "5 6 " },
      ...{ copyMode: false, alternateScreen: false, width: 80, height: 24, lastKeyAt: null, keyboards: [] },
      program: { arguments: ["claude", "1000"] },
    })
    expect((await seen({})).lines.map(({ text }) => text)).toEqual(["first row", "second row"])
    expect(await seen({ numbers: "0 3 4 1 1 80 24" })).toMatchObject({
      copyMode: true,
      alternateScreen: true,
    })
    expect(await seen({ numbers: "0 3 4 2 0 80 24" })).toMatchObject({ copyMode: true })
  })

  test("reads as much of the scrollback as is asked for", async () => {
    const server = answering("", 1)
    for (const history of [undefined, 0, 1, 2000]) await look(server, pinned(), history)
    const starts = server.asked.map(words => / -S (\S+)/.exec(words)?.[1])
    expect(starts).toEqual([undefined, undefined, "-1", "-2000"])
  })

  test.each([
    ["one that shows the window", ["5 @1 0 attached /dev/pts/1"], "10", 5000],
    [
      "the one that had a key last",
      ["5 @1 0  /dev/pts/1", "9 @1 0  /dev/pts/2", "7 @1 0  /dev/pts/3"],
      "10",
      9000,
    ],
    ["one that shows another window", ["5 @2 0  /dev/pts/1"], "10", null],
    ["one that only reads", ["5 @1 1  /dev/pts/1"], "10", null],
    ["one whose keys go to another pane", ["5 @1 0 attached /dev/pts/1"], "00", null],
    ["one that has chosen its pane itself", ["5 @1 0 attached,active-pane /dev/pts/1"], "00", 5000],
    ["one whose keys go to all panes", ["5 @1 0  /dev/pts/1"], "01", 5000],
  ] as const)("counts the keys of a client: %s", async (_, clients, flags, want) => {
    const { lastKeyAt, keyboards } = await seen({ place: `@1 ${flags}`, clients })
    expect(lastKeyAt).toBe(want)
    expect(keyboards).toEqual(want === null ? [] : clients.map(one => one.split(" ").at(-1) ?? ""))
  })

  test.each([
    ["another pane", { pane: "%8" }, "0", "another program was started in the pane"],
    ["another process", { pid: 1 }, "0", "another program was started in the pane"],
    ["a program that ended", {}, "1", "the program in the pane ended"],
    ["a pid that was used again", { startTicks: 1 }, "0", "the process in the pane is another one"],
  ] as const)("at %s finds none", async (_, change, dead, reason) => {
    const found = await look(said({ numbers: `${dead} 3 4 0 0 80 24` }), { ...pinned(), ...change })
    expect(found).toEqual({ kind: "absent", reason })
  })

  test.each([
    ["no server running on /tmp/x", "the tmux server is not running"],
    ["error connecting to /tmp/x (No such file)", "the tmux server is not running"],
    ["lost server", "the tmux server is not running"],
    ["server exited unexpectedly", "the tmux server is not running"],
    ["can't find pane: %7", "the pane was closed"],
    ["unknown command\n", "tmux says: unknown command"],
  ])("that tmux answers with %j finds none", async (stderr, reason) => {
    const { pane, pid: own } = pinned()
    const whole = `${pane} ${own} 0 3 4 0 0 80 24\n@1 10\n\n\n\nend of clients\n`
    expect(await look(answering(whole, 1, stderr), pinned())).toEqual({ kind: "absent", reason })
  })

  test("at a program that ended meanwhile finds none", async () => {
    using _ = spyOn(owners, "keyboardOwner").mockReturnValue(null)
    const reason = "the program in the pane ended"
    expect(await look(said({}), pinned())).toEqual({ kind: "absent", reason })
  })

  test("whether its terminal collects lines is not to be seen where tmux or stty says nothing", async () => {
    expect(mostLineBytes).toBe(4000)
    for (const server of [answering("/dev/null\n", 1), answering("\n"), answering("/dev/null\n")])
      expect(await terminalCollectsLines(server, pinned())).toBe(true)
  })

  test.each([
    [0, "speed 38400 baud; -icanon -echo", "/dev/pts/1\n", 0, false],
    [0, "-icanon", "/dev/pts/1\n", 0, false],
    [0, "icanon -echo", "/dev/pts/1\n", 0, true],
    [0, "x-icanon", "/dev/pts/1\n", 0, true],
    [1, "-icanon", "/dev/pts/1\n", 0, true],
    [0, "-icanon", "/dev/pts/1\n", 1, true],
    [0, "-icanon", "\n", 0, true],
  ])(
    "stty ends with %i and says %j of %j, tmux ends with %i: lines are collected: %p",
    async (exit, modes, path, status, want) => {
      const stty = { stdout: new Blob([modes]).stream(), exited: Promise.resolve(exit) }
      const at = pinned()
      using _ = spyOn(Bun, "spawn").mockReturnValue(stty as never)
      expect(await terminalCollectsLines(answering(path, status), at)).toBe(want)
    },
  )

  test("hands find the pane, and say what is in one that is no agent program's", async () => {
    const found = pinned()
    const server = answering(`${found.pane} ${found.pid} sento\n`)
    const target = { kind: "pane", pane: found, profile: "claude" } as const
    const hands = createHands(server)
    expect(await hands.find(null, { session: "sento", profile: null })).toEqual({ pane: found, target })
    using other = await startIdle("chat")
    const chat = falsePane(other).pinned
    const { target: none } = await createHands(answering(`%7 ${chat.pid} sento\n`)).find(null, {
      ...{ session: "sento", profile: null },
    })
    expect(none).toMatchObject({ kind: "none", state: "shell" })
  })

  test("hands keep to the same pane as long as tmux says so", async () => {
    const kept = pinned()
    const wish = { session: "sento", profile: "codex" } as const
    const find = (stdout: string, status = 0) => createHands(answering(stdout, status)).find(kept, wish)
    const same = { pane: kept, target: { kind: "pane", pane: kept, profile: "codex" } } as const
    expect(await find(`${kept.pane} ${kept.pid}\n`)).toEqual(same)
    expect((await find(`${kept.pane} ${kept.pid}\n`, 1)).target.kind).toBe("none")
    expect((await find(`%8 ${kept.pid}\n`)).target.kind).toBe("none")
  })
})

describe("a tmux process", () => {
  const folder = fs.mkdtempSync(join(tmpdir(), "sento-panes-"))
  const socket = join(folder, "socket")
  fs.writeFileSync(socket, "")
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

  const spawned = (server: TmuxServer, input: string | null = null) => {
    using spawn = spyOn(Bun, "spawn").mockReturnValue({} as never)
    spawnTmux(server, ["ls"], input)
    const [words, options] = spawn.mock.calls[0] as unknown as [
      string[],
      { stdio: unknown[]; signal?: unknown; killSignal?: unknown },
    ]
    return { words: words.join(" "), ...options }
  }

  test.each([
    ["where none is named", { socket: null }, "tmux -u ls"],
    ["that is not there", { socket: "/nowhere/socket" }, "tmux -u -S /dev/null/no-tmux ls"],
    ["that may be started", { socket: "/nowhere/socket", mayStart: true }, "tmux -u -S /nowhere/socket ls"],
    ["that is there", { socket }, "tmux -u -S /proc/self/fd/3 ls"],
  ] as const)("is a client of a server %s", (_, server, want) => expect(spawned(server).words).toBe(want))

  test("has what it is given as its input, and the socket that was looked at, which is closed behind it", () => {
    expect(spawned({ socket: null }).stdio).toEqual(["ignore", "pipe", "pipe"])
    expect(spawned({ socket: null }, "é").stdio[0]).toEqual(new TextEncoder().encode("é"))
    expect(spawned({ socket: null }, "").stdio[0]).toEqual(new Uint8Array())
    const [, , , held] = spawned({ socket }).stdio
    expect(held).toBeNumber()
    expect(() => fs.fstatSync(held as number)).toThrow("EBADF")
  })

  test.each([
    [1000, true],
    [0, true],
    [1001, false],
    [1, false],
  ])("of the user 1000 reaches a socket of the user %i: %p", (uid, isReached) => {
    using _user = spyOn(process, "geteuid").mockReturnValue(1000)
    const held: number[] = []
    using _file = spyOn(fs, "fstatSync").mockImplementation(((descriptor: number) => {
      held.push(descriptor)
      return { uid }
    }) as never)
    const reach = () => spawned({ socket }).words
    if (isReached) expect(reach()).toContain("/proc/self/fd/3")
    else expect(reach).toThrow(`the tmux socket ${socket} is another user's (uid ${uid})`)
    expect(() => fs.closeSync(held[0] ?? 0)).toThrow("EBADF")
  })

  test("ends with the signal of its server", () => {
    const { signal } = new AbortController()
    expect(spawned({ socket: null, signal })).toMatchObject({ signal, killSignal: "SIGKILL" })
    expect(Object.keys(spawned({ socket: null }))).not.toContain("killSignal")
  })

  test("is not there to be started where tmux is not installed; another error is told as it is", async () => {
    const failing = (code: string) => {
      using _ = spyOn(Bun, "spawn").mockImplementation(() => {
        throw Object.assign(new Error("spawn"), { code })
      })
      return runTmux({ socket: null }, ["ls"])
    }
    await expect(failing("ENOENT")).rejects.toMatchObject({
      code: "no-tmux",
      message: "tmux is not installed",
    })
    await expect(failing("EMFILE")).rejects.toMatchObject({ code: "EMFILE" })
  })
})

test("names: a session's exactly, and the socket of the environment", () => {
  expect(exactSession("a b")).toBe("=a b:")
  expect([undefined, "", ",1,2", "/tmp/x,1,2", "/tmp/x"].map(socketOfEnvironment)).toEqual([
    null,
    null,
    null,
    "/tmp/x",
    "/tmp/x",
  ])
})
