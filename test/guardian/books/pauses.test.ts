/** When a conversation counts as a loop, and what resuming it allows. */
import { expect, test } from "bun:test"
import { dirname } from "node:path"
import {
  listLoopsThere,
  listPaused,
  pausePair,
  pauseReason,
  pauseWords,
  resumePair,
  stopsLoop,
} from "../../../src/guardian/books/pauses.ts"
import { keysOf, type NamedPeer } from "../../../src/guardian/context.ts"
import { createWaiters } from "../../../src/guardian/waiters.ts"
import type { Config } from "../../../src/store/config.ts"
import { pathsOf } from "../../../src/store/paths.ts"
import { createTestStore, receive } from "../../support/store.ts"

const now = Date.UTC(2026, 10, 23, 10)
const hour = 60 * 60 * 1000

type Limits = { readonly own?: number; readonly peers?: number }

function createBooks({ own, peers }: Limits = {}) {
  const stored = createTestStore()
  const peer = {
    id: "kai",
    host: "127.0.0.1",
    port: 1,
    sendKey: "00".repeat(32),
    receiveKey: "11".repeat(32),
    pairedAt: "2026-11-23T10:00:00.000Z",
    features: [],
    ...(peers === undefined ? {} : { hopLimit: peers }),
  }
  const config: Config = {
    version: 1,
    name: "mira",
    agent: "mira-0001",
    listen: { hosts: [], port: 0, names: [] },
    tmux: { session: "mira", socket: `${stored.path}.tmux`, profile: null },
    agents: { kai: peer },
    ...(own === undefined ? {} : { hopLimit: own }),
  }
  let time = now
  const written: string[] = []
  const books = {
    paths: pathsOf(dirname(stored.path)),
    store: stored.store,
    config: { current: config, update: () => {} },
    log: { write: (line: string) => void written.push(line), refused: () => {}, sparingly: () => true },
    now: () => time,
    waiters: createWaiters(),
    notices: { tell: (_: string, text: string) => written.push(text), on: () => {} },
  }
  const kai: NamedPeer = { name: "kai", peer, keys: keysOf(peer) }
  return {
    books,
    kai,
    written,
    wait: (milliseconds: number) => {
      time += milliseconds
    },
    /** A message with so many hops has its turn. */
    isStopped(hops: number): boolean {
      receive(stored, "kai", time, { hops })
      const message = stored.store.inbox.next(time)
      if (message === null) throw new Error("the pair is paused already")
      const stopped = stopsLoop(books, kai, message)
      if (!stopped) stored.store.inbox.mark(message.seq, "delivered", time)
      return stopped
    },
    [Symbol.dispose]: () => stored[Symbol.dispose](),
  }
}

test.each([
  ["lets the twentieth reply through", {}, 20, false],
  ["stops the next one", {}, 21, true],
  ["stops a sender that claims far more", {}, 1_000_000, true],
  ["has a limit from the config", { own: 4 }, 5, true],
  ["up to which it lets replies through", { own: 4 }, 4, false],
  ["has a limit for one agent, which goes first", { own: 4, peers: 6 }, 6, false],
  ["and stops beyond it", { own: 100, peers: 6 }, 7, true],
  ["stops every reply where the limit is 0", { own: 0 }, 1, true],
  ["lets a first message through all the same", { own: 0 }, 0, false],
] as const)("a conversation %s", (_, limits, hops, want) => {
  using mira = createBooks(limits)
  expect(mira.isStopped(hops)).toBe(want)
  const pause = mira.books.store.peers.pauseOf("kai", now)
  expect(pause).toEqual(want ? { until: null, reason: "loop" } : null)
})

test("resuming a loop lets the held message and 20 more through, and then it stops again", () => {
  using mira = createBooks()
  expect(mira.isStopped(21)).toBe(true)
  expect(pauseReason(mira.books, "kai")).toBe(
    "too many replies in a row; the owner there must let the agents go on",
  )
  expect(resumePair(mira.books, mira.kai)).toEqual({ wasPaused: true, moreReplies: 20 })
  expect(pauseReason(mira.books, "kai")).toBeNull()
  expect(mira.isStopped(21)).toBe(false)
  mira.books.store.inbox.drop("kai", now)
  expect(mira.isStopped(41)).toBe(false)
  expect(mira.isStopped(42)).toBe(true)
})

test("a forged number of replies sets no limit of its own: 20 more after a yes of the owner's, and no more", () => {
  using mira = createBooks()
  expect(mira.isStopped(1_000_000)).toBe(true)
  expect(resumePair(mira.books, mira.kai)).toEqual({ wasPaused: true, moreReplies: 20 })
  const held = mira.books.store.inbox.next(now)
  expect(held?.hops).toBe(21)
  expect(stopsLoop(mira.books, mira.kai, held as NonNullable<typeof held>)).toBe(false)
  mira.books.store.inbox.drop("kai", now)
  expect(mira.books.store.peers.hopLimit("kai")).toBe(41)
  expect(mira.isStopped(41)).toBe(false)
  expect(mira.isStopped(1_000_000)).toBe(true)
})

test("after an hour without a long conversation, a new one has the usual limit", () => {
  using mira = createBooks()
  mira.isStopped(21)
  resumePair(mira.books, mira.kai)
  mira.books.store.inbox.drop("kai", now)
  expect(mira.isStopped(0)).toBe(false)
  expect(mira.isStopped(22)).toBe(false)
  mira.wait(hour)
  expect(mira.isStopped(0)).toBe(false)
  expect(mira.isStopped(22)).toBe(false)
  mira.wait(hour + 1)
  expect(mira.isStopped(0)).toBe(false)
  expect(mira.isStopped(21)).toBe(true)
})

test("an owner's pause over a loop ends in time, and the loop is held again", () => {
  using mira = createBooks()
  mira.isStopped(21)
  expect(pausePair(mira.books, mira.kai, hour)).toBe("2026-11-23T11:00:00.000Z")
  expect(pauseReason(mira.books, "kai")).toBe("paused by its owner until 2026-11-23 11:00 UTC")
  mira.wait(hour)
  expect(pauseReason(mira.books, "kai")).toBeNull()
  expect(mira.isStopped(22)).toBe(true)
})

test("resuming a quiet pair raises no limit, and resuming twice changes nothing", () => {
  using mira = createBooks()
  expect(pausePair(mira.books, mira.kai, null)).toBe("resume")
  expect(pauseReason(mira.books, "kai")).toBe("paused by its owner")
  expect(resumePair(mira.books, mira.kai)).toEqual({ wasPaused: true, moreReplies: null })
  expect(resumePair(mira.books, mira.kai)).toEqual({ wasPaused: false, moreReplies: null })
  expect(mira.books.store.peers.hopLimit("kai")).toBeNull()
})

test("of the paused agents is told why, until when, and what waits; of the others nothing", () => {
  const of = (id: string) => ({ id }) as Config["agents"][string]
  const config = { agents: { kai: of("k"), lia: of("l"), noa: of("n") } } as unknown as Config
  const pauses = new Map([
    ["k", { until: null, reason: "loop" }],
    ["n", { until: now, reason: "owner" }],
  ] as const)
  const paused = listPaused(config, pauses, new Map([["n", 2]]))
  expect(paused).toEqual([
    { name: "kai", until: "resume", reason: "loop", waiting: 0 },
    { name: "noa", until: "2026-11-23T10:00:00.000Z", reason: "owner", waiting: 2 },
  ])
  expect(paused.map(pauseWords)).toEqual([
    "because the agents answered each other too often: until `sento agents resume kai`",
    "until 2026-11-23 10:00 UTC, or `sento agents resume noa`",
  ])
  expect(pauseWords({ name: "kai", until: "resume", reason: "owner" })).toBe(
    "until `sento agents resume kai`",
  )
  expect(listLoopsThere(config, new Map([["l", 21]]))).toEqual([{ name: "lia", replies: 21 }])
})
