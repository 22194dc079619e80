/** The Guardian's side of the hands alone: what each answer comes to, over a line of the test's own. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { handsVersion } from "../../../src/guardian/terminal/hands-messages.ts"
import { createRemoteHands, type HandsLine } from "../../../src/guardian/terminal/remote-hands.ts"
import { HandsAway, type PaneTarget } from "../../../src/tmux/hands.ts"
import type { TypingOptions } from "../../../src/tmux/typing.ts"
import { settle } from "../../support/settle.ts"

const pane = { pane: "%1", pid: 7, startTicks: 1 }
const target: PaneTarget = { pane, profile: "claude" }
const wish = { session: "mira", profile: null }
const { signal: never } = new AbortController()
const options = {
  resume: false,
  deliver: "hold",
  allowShell: false,
  signal: never,
} as unknown as TypingOptions

let refused: string[]
let noted: string[]
let stopping: AbortController
let remote: ReturnType<typeof createRemoteHands>
beforeEach(() => {
  refused = []
  noted = []
  stopping = new AbortController()
  remote = open()
})
afterEach(() => stopping.abort(new Error("over")))

const open = (patience = { answer: 60_000, typing: 60_000 }) =>
  createRemoteHands({
    ...{ user: "ida", uid: 1000, patience, stopping: stopping.signal },
    log: {
      refused: (reason, from) => void refused.push(`${reason}, ${from}`),
      sparingly: (_, line) => {
        noted.push(line)
        return true
      },
    },
  })

/** Hands that answer as the test says. */
function connect(at = remote, more: { uid?: number; version?: number; tmux?: string | null } = {}) {
  const gone = new AbortController()
  const said: Record<string, unknown>[] = []
  let listener = (_: string): void => {}
  let isHungUp = false
  const line: HandsLine = {
    uid: more.uid ?? 1000,
    pid: process.pid,
    say: message => void said.push(message),
    onLine: next => {
      listener = next
    },
    hangUp() {
      isHungUp = true
    },
    gone: gone.signal,
  }
  const { version = handsVersion, tmux = "3.5a" } = more
  const serving = at.serve({ op: "hands", version, tmux }, line).then(
    () => "over",
    error => `${error.code}: ${error.message}`,
  )
  const lastId = () => Number(said.findLast(one => one.say === "do")?.id)
  return {
    said,
    serving,
    lastId,
    isHungUp: () => isHungUp,
    go: () => gone.abort(),
    line: (text: string) => listener(text),
    done: (answer: unknown, id = lastId()) => listener(JSON.stringify({ say: "done", id, answer })),
    failed: (reason: string, id = lastId()) => listener(JSON.stringify({ say: "failed", id, reason })),
    may: (id = lastId()) => listener(JSON.stringify({ say: "may", id })),
  }
}
const errorOf = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => {
      throw new Error("it was done")
    },
    error => error,
  )

test("hands are welcome, known, and gone as their line is", async () => {
  expect(remote.state()).toEqual({ connected: false, reason: "no `sento hands` of ida is connected" })
  const hands = connect()
  expect([hands.said, remote.state()]).toEqual([[{ say: "welcome" }], { connected: true, tmux: "3.5a" }])
  hands.go()
  expect(await hands.serving).toBe("over")
  expect(remote.state().connected).toBe(false)
  connect(remote, { tmux: null })
  expect(noted).toEqual([
    "the hands of ida are at the terminal",
    "the hands of ida are gone",
    "the hands of ida are at the terminal, without tmux",
  ])
})

test("hands of another user, or of another version, are none, and those that are there stay", async () => {
  const other = connect(remote, { uid: 1001 })
  expect([await other.serving, other.said]).toEqual(["refused: only ida can be this agent's hands", []])
  const old = connect(remote, { version: handsVersion + 1 })
  expect(await old.serving).toStartWith("config: these hands are of version")
  expect(remote.state()).toEqual({
    connected: false,
    reason: "the `sento hands` of ida is of another version than the Guardian",
  })
  expect(refused).toEqual([
    "hands of another user, uid 1001",
    `hands of another version, version ${handsVersion + 1}`,
  ])
  const hands = connect()
  connect(remote, { uid: 1001 })
  expect(remote.state().connected).toBe(true)
  const looking = remote.hands.look(target, false)
  hands.done("ready")
  expect(await looking).toBe("ready")
})

test("the newest hands work, and what the older ones still say is nothing", async () => {
  const older = connect()
  const asked = errorOf(remote.hands.look(target, false))
  const newer = connect()
  expect(await older.serving).toBe("refused: another `sento hands` of ida has taken this one's place")
  expect(await asked).toBeInstanceOf(HandsAway)
  const looking = remote.hands.look(target, false)
  older.done("draft", newer.lastId())
  older.go()
  newer.done("ready")
  expect([await looking, remote.state().connected, noted.includes("the hands of ida are gone")]).toEqual([
    "ready",
    true,
    false,
  ])
})

test("a line that is over before it is served is none", async () => {
  const gone = AbortSignal.abort()
  const said: unknown[] = []
  const line = { uid: 1000, pid: 1, say: (one: unknown) => said.push(one), onLine() {}, hangUp() {}, gone }
  await remote.serve({ op: "hands", version: handsVersion, tmux: null }, line as never)
  expect([said, remote.state().connected]).toEqual([[], false])
})

describe("an order", () => {
  test("goes with its own number and nothing beside what it needs, and has its own answer", async () => {
    const hands = connect()
    const both = [remote.hands.look({ ...target, more: 1 } as never, true), remote.hands.take("mira", "%2")]
    const orders = hands.said.slice(1) as { id: number; order: object }[]
    expect(orders.map(one => one.order)).toEqual([
      { op: "look", target, allowShell: true },
      { op: "take", session: "mira", pane: "%2" },
    ])
    const [first = 0, second = 0] = orders.map(one => one.id)
    expect(second).toBe(first + 1)
    hands.done(null, second)
    hands.done("busy", first)
    expect(await Promise.all(both)).toEqual(["busy", null])
    hands.done("ready", first)
    expect([hands.isHungUp(), refused]).toEqual([
      true,
      ["hands that said what is no answer, the shared door"],
    ])
  })

  test("with which they failed says so in their words", async () => {
    const hands = connect()
    const looking = errorOf(remote.hands.look(target, false))
    hands.failed("no\nroom")
    const error = await looking
    expect([error instanceof HandsAway, error.message]).toEqual([true, "the hands of ida failed: no room"])
    expect([hands.isHungUp(), remote.state().connected]).toEqual([false, true])
  })

  test.each([
    ["what is no JSON", "hello"],
    ["another word", '{"say":"hello","id":1}'],
    ["an answer of the wrong form", null],
    ["an answer to nothing", '{"say":"done","id":99,"answer":"ready"}'],
  ])("and %s: the line is cut, and what was under way is not known", async (_, line) => {
    const hands = connect()
    const looking = errorOf(remote.hands.look(target, false))
    const other = errorOf(remote.hands.take("mira"))
    if (line === null) hands.done("strange", hands.lastId() - 1)
    else hands.line(line)
    for (const error of [await looking, await other]) expect(error).toBeInstanceOf(HandsAway)
    expect([hands.isHungUp(), remote.state().connected, refused.length, await hands.serving]).toEqual([
      true,
      false,
      1,
      "over",
    ])
  })

  test("that takes too long is cut, as long as typing may take for that", async () => {
    remote = open({ answer: 20, typing: 60_000 })
    const hands = connect()
    const typing = errorOf(remote.hands.type(target, "hi", options))
    const taking = errorOf(remote.hands.takeOut(target, "hi", { pastedAt: null, signal: never } as never))
    const error = await errorOf(remote.hands.look(target, false))
    expect([error.message, hands.isHungUp()]).toEqual(["the hands of ida did not answer within 0.02 s", true])
    expect((await typing).message).toBe("no `sento hands` of ida is connected")
    expect((await taking).message).toBe("no `sento hands` of ida is connected")
    expect(refused).toEqual(["hands that did not answer in time, the shared door"])
  })

  test("is none without hands, beside 32 others, or as the Guardian stops", async () => {
    expect((await errorOf(remote.hands.look(target, false))).message).toBe(
      "no `sento hands` of ida is connected",
    )
    const hands = connect()
    for (let i = 0; i < 32; i += 1) remote.hands.look(target, false).catch(() => {})
    expect((await errorOf(remote.hands.look(target, false))).message).toBe(
      "the hands of ida have too much to do",
    )
    expect(hands.said).toHaveLength(33)
    stopping.abort(new Error("stopping"))
    expect(hands.isHungUp()).toBe(true)
    expect((await errorOf(remote.hands.look(target, false))).message).toBe("stopping")
    const { signal } = stopping
    expect(
      (await errorOf(remote.hands.takeOut(target, "hi", { pastedAt: null, signal } as never))).message,
    ).toBe("stopping")
  })

  test("that was under way as the Guardian stops ends by that, and nobody is said to be gone", async () => {
    const hands = connect()
    const looking = errorOf(remote.hands.look(target, false))
    stopping.abort(new Error("stopping"))
    hands.go()
    expect((await looking).message).toBe("stopping")
    expect(noted).not.toContain("the hands of ida are gone")
  })
})

describe("typing", () => {
  test("begins with the paste once the Guardian has noted it, and what keeps it is told as theirs", async () => {
    const hands = connect()
    const steps: string[] = []
    const onPasted = async (): Promise<void> => {
      await Promise.resolve()
      steps.push("noted")
    }
    const typing = remote.hands.type(target, "hi", { ...options, onPasted })
    expect(hands.said.at(-1)?.order).toEqual({
      ...{ op: "type", target, text: "hi", resume: false, unseen: false, pastedAt: null, unpressed: false },
      ...{ deliver: "hold", allowShell: false },
    })
    const id = hands.lastId()
    hands.may()
    expect([steps, hands.said.at(-1)?.say]).toEqual([[], "do"])
    await settle()
    expect([steps, hands.said.at(-1)]).toEqual([["noted"], { say: "may", id, may: true }])
    hands.done({ kind: "held", state: "busy", reason: "it works", pasted: true }, id)
    expect(await typing).toEqual({
      ...{ kind: "held", state: "busy", reason: "the hands of ida say: it works", pasted: true },
    } as never)
  })

  test("that is submitted says no more", async () => {
    const hands = connect()
    const typing = remote.hands.type(target, "hi", options)
    hands.done({ kind: "submitted" })
    expect(await typing).toEqual({ kind: "submitted" })
  })

  test.each(["done", "failed", "gone"] as const)(
    "that may not begin fails by that, also where they say %s",
    async how => {
      const hands = connect()
      const onPasted = (): never => {
        throw new Error("full")
      }
      const typing = errorOf(remote.hands.type(target, "hi", { ...options, onPasted }))
      const id = hands.lastId()
      hands.may()
      await settle()
      expect(hands.said.at(-1)).toEqual({ say: "may", id, may: false })
      if (how === "done") hands.done("whatever", id)
      else if (how === "failed") hands.failed("not let", id)
      else hands.go()
      expect((await typing).message).toBe("full")
      expect(hands.isHungUp()).toBe(false)
    },
  )

  test("is pasted once: who asks twice, or where nothing is pasted, is cut", async () => {
    const hands = connect()
    const typing = errorOf(remote.hands.type(target, "hi", options))
    hands.may()
    hands.may()
    expect([await typing, hands.isHungUp()]).toEqual([expect.any(HandsAway), true])
    const others = connect()
    const looking = errorOf(remote.hands.look(target, false))
    others.may()
    expect([await looking, others.isHungUp()]).toEqual([expect.any(HandsAway), true])
    expect(refused).toEqual(Array(2).fill("hands that asked twice to paste, the shared door"))
  })

  test("for hands that are gone by the time it is noted is told to nobody", async () => {
    const hands = connect()
    const noting = Promise.withResolvers<void>()
    const typing = errorOf(remote.hands.type(target, "hi", { ...options, onPasted: () => noting.promise }))
    hands.may()
    hands.go()
    noting.resolve()
    await typing
    expect(hands.said.filter(one => one.say === "may")).toEqual([])
  })
})

test("what is found is theirs to say, and a pane is a pane", async () => {
  const hands = connect()
  const found = remote.hands.find(null, wish)
  hands.done({ pane: null, target: { kind: "none", state: "absent", reason: "not there" } })
  expect(await found).toEqual({
    pane: null,
    target: { kind: "none", state: "absent", reason: "the hands of ida say: not there" },
  })
  const again = remote.hands.find(pane, wish)
  expect(hands.said.at(-1)?.order).toEqual({ op: "find", kept: pane, wish })
  hands.done({ pane, target: { kind: "pane", ...target } })
  expect(await again).toEqual({ pane, target: { kind: "pane", ...target } })
})

test("a line for whoever watches is 4,000 units at the most, and whole", async () => {
  const hands = connect()
  const telling = remote.hands.tell("mira", `${"a".repeat(3999)}😀`)
  expect(hands.said.at(-1)?.order).toEqual({ op: "tell", session: "mira", text: `${"a".repeat(3999)}\ufffd` })
  hands.done(null)
  await telling
})
