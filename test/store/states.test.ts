/** Every move of a row's state, from each state by each operation: where it goes, or that it stays. */
import { afterAll, describe, expect, test } from "bun:test"
import { codeLifetimeMilliseconds } from "../../src/protocol/codes.ts"
import { requestLifetimeMilliseconds } from "../../src/protocol/requests.ts"
import { joinLifetimeMilliseconds } from "../../src/store/joins.ts"
import type { Store } from "../../src/store/store.ts"
import { createTwoPairs, minute, now } from "./two-pairs/fixture.ts"

const twoPairs = createTwoPairs()
afterAll(() => twoPairs[Symbol.dispose]())

/** An operation on the row, and the states from which it moves it, with the state in which it is then. */
type Move = {
  readonly by: string
  readonly act: (store: Store) => unknown
  readonly moves: Readonly<Record<string, string>>
  /** What the operation gives where it moves the row, and where it does not. */
  readonly gives?: readonly [moved: unknown, stays: unknown]
  /** In place of the table's own. */
  readonly settles?: Readonly<Record<string, unknown>>
}

type Table = {
  readonly table: string
  readonly row: string
  readonly states: readonly string[]
  readonly moves: readonly Move[]
  /** The columns of the row that change with its state, as they are after a move. */
  readonly settles?: Readonly<Record<string, unknown>>
}

const [waits, isDone] = [true, false]

const from = (states: readonly string[], to: string): Record<string, string> =>
  Object.fromEntries(states.map(state => [state, to]))

const unsettled = ["waiting", "typing"] as const

const tables: readonly Table[] = [
  {
    table: "inbox",
    row: "seq = 2",
    states: ["waiting", "typing", "delivered", "uncertain", "dropped"],
    settles: { settled_at: now },
    moves: [
      ...(["waiting", "typing", "delivered", "uncertain", "dropped"] as const).map(to => ({
        by: `mark ${to}`,
        act: ({ inbox }: Store) => inbox.mark(2, to, now),
        moves: from(unsettled, to),
        gives: [true, false] as const,
      })),
      {
        by: "claim, for whoever waits for the answer",
        act: ({ inbox }) => inbox.claim(2, now),
        moves: { waiting: "delivered" },
        gives: [true, false],
      },
      {
        by: "dropOne, by its owner",
        act: ({ inbox }) => inbox.dropOne(2, "why", now),
        moves: { waiting: "dropped" },
        gives: [true, false],
      },
      {
        by: "drop, with its pair",
        act: ({ inbox }) => inbox.drop("kai", now),
        moves: from(unsettled, "dropped"),
        gives: [3, 2],
      },
    ],
  },
  {
    table: "outbox",
    row: "seq = 2",
    states: ["queued", "accepted", "refused", "expired", "dropped", "withdrawn"],
    settles: { settled_at: now, reason: "why" },
    moves: [
      ...(["accepted", "refused", "expired", "dropped"] as const).map(to => ({
        by: `settle ${to}`,
        act: ({ outbox }: Store) => outbox.settle(2, to, "why", now),
        moves: { queued: to },
        gives: [true, false] as const,
      })),
      {
        by: "withdraw, by its owner",
        act: ({ outbox }) => outbox.withdraw(2, true, now),
        moves: { queued: "withdrawn" },
        settles: { settled_at: now, reason: null, exposed: 1 },
        gives: [true, false],
      },
      {
        by: "prove, that the peer has it",
        act: ({ outbox }) => outbox.prove("kai", "oK1"),
        moves: { withdrawn: "accepted" },
        settles: { reason: "withdrawn too late" },
        gives: [true, false],
      },
      {
        by: "drop, with its pair",
        act: ({ outbox }) => outbox.drop("kai", "why", now),
        moves: { queued: "dropped" },
        gives: [2, 1],
      },
      ...(["held", "delivered", "answered", "expired", "refused", "failed"] as const).map(state => ({
        by: `noteReceipt ${state}, which is the peer's word and not ours`,
        act: ({ outbox }: Store) => outbox.noteReceipt("kai", "oK1", state, null),
        // But that it came, which no withdrawal takes back.
        moves: { withdrawn: "accepted" },
        settles: { reason: "withdrawn too late" },
        gives: [true, true] as const,
      })),
    ],
  },
  {
    table: "requests",
    row: "id = '000d'",
    states: ["waiting", "approved", "denied", "expired"],
    settles: { send_key: "", receive_key: "" },
    moves: [
      ...(["approved", "denied", "expired"] as const).map(to => ({
        by: `settle ${to}`,
        act: ({ requests }: Store) => requests.settle("000d", to, now),
        moves: { waiting: to },
        gives: [true, false] as const,
      })),
      {
        by: "a sweep in time",
        act: ({ requests }) => requests.sweep(now).length,
        moves: {},
        gives: [0, 0],
      },
      {
        by: "a sweep that is late",
        act: ({ requests }) => requests.sweep(now + requestLifetimeMilliseconds).length,
        moves: { waiting: "expired" },
        gives: [4, 3],
      },
    ],
  },
  {
    table: "joins",
    row: "id = '000f'",
    states: ["waiting", "approved", "denied", "expired", "failed"],
    settles: { symbols: "" },
    moves: [
      ...(["approved", "denied", "expired", "failed"] as const).map(to => ({
        by: `settle ${to}`,
        act: ({ joins }: Store) => joins.settle("000f", to),
        moves: { waiting: to },
        gives: [true, false] as const,
      })),
      { by: "a sweep in time", act: ({ joins }) => joins.sweep(now).length, moves: {}, gives: [0, 0] },
      {
        by: "a sweep that is late",
        act: ({ joins }) => joins.sweep(now + joinLifetimeMilliseconds).length,
        moves: { waiting: "expired" },
        gives: [2, 1],
      },
    ],
  },
  {
    table: "codes",
    row: "seq = 2",
    states: ["open", "spent", "burned", "expired", "replaced"],
    settles: { symbols: "" },
    moves: [
      ...(["spent", "burned", "expired"] as const).map(to => ({
        by: `close ${to}`,
        act: ({ codes }: Store) => codes.close(to),
        moves: { open: to },
      })),
      {
        by: "mint",
        act: ({ codes }) => codes.mint("0002", now).symbols,
        moves: { open: "replaced" },
        gives: ["0002", "0002"],
      },
      {
        by: "open, when its time is over",
        act: ({ codes }) => codes.open(now + codeLifetimeMilliseconds),
        moves: { open: "expired" },
        gives: [null, null],
      },
      {
        by: "open, in time",
        act: ({ codes }) => codes.open(now) !== null,
        moves: {},
        gives: [waits, isDone],
      },
      {
        by: "takeTry",
        act: ({ codes }) => codes.takeTry(now),
        moves: {},
        gives: [2, null],
      },
    ],
  },
]

/** One test for each state and operation. `first`: whether the operation finds what it is for. */
const rows = tables.flatMap(({ table, row, states, moves, settles = {} }) =>
  moves.flatMap(move =>
    states.map((state, place) => {
      const to = move.moves[state] ?? state
      const isFirst = move.moves[state] !== undefined || (Object.keys(move.moves).length === 0 && place === 0)
      return { table, row, state, move, to, settles, isFirst }
    }),
  ),
)

describe.each([...new Set(rows.map(one => one.table))])("%s", table => {
  test.each(
    rows.filter(one => one.table === table).map(one => [one.state, one.move.by, one.to, one] as const),
  )("%s, by %s: %s", (_, __, ___, { row, state, move, to, settles, isFirst }) => {
    const isOpen = state === tables.find(one => one.table === table)?.states[0] || state === "typing"
    const secret = isOpen
      ? ""
      : { requests: ", send_key = '', receive_key = ''", codes: ", symbols = ''" }[table]
    using opened = twoPairs.open(`UPDATE ${table} SET state = '${state}'${secret ?? ""} WHERE ${row}`)
    const look = () => opened.look<Record<string, unknown>>(`SELECT * FROM ${table} WHERE ${row}`)
    const before = look()
    const given = move.act(opened.store)
    const after = look()
    expect(after?.state).toBe(to)
    if (move.gives !== undefined) expect(given).toEqual(move.gives[isFirst ? 0 : 1])
    if (move.moves[state] !== undefined) expect(after).toMatchObject(move.settles ?? settles)
    else {
      const untouched = { ...after }
      for (const name of ["peer_state", "peer_reason", "receipts", "tries_left"])
        untouched[name] = before?.[name]
      expect(untouched).toEqual(before ?? {})
    }
  })
})

test("every state that the schema knows is in the table", () => {
  using opened = twoPairs.open()
  for (const { table, states } of tables) {
    const { sql } = opened.look<{ sql: string }>(`SELECT sql FROM sqlite_schema WHERE name = '${table}'`) ?? {
      sql: "",
    }
    const known = /state IN \(([^)]*)\)/.exec(sql)?.[1]?.match(/\w+/g) ?? []
    expect([...states].sort()).toEqual([...known].sort())
  }
})

describe("a message that was told to be one thing is never another", () => {
  test("what is typed is not given to a waiter too, and what was given to one is not typed", () => {
    using opened = twoPairs.open()
    const { inbox } = opened.store
    inbox.mark(2, "typing", now)
    expect(inbox.claim(2, now)).toBe(false)
    expect(inbox.claim(10, now)).toBe(true)
    expect(inbox.mark(10, "typing", now)).toBe(false)
  })

  test("what was dropped with its pair is not accepted by the answer that comes then", () => {
    using opened = twoPairs.open()
    const { outbox } = opened.store
    outbox.drop("kai", "unpaired", now)
    outbox.settle(2, "accepted", null, now)
    expect(outbox.byId("kai", "oK1")).toMatchObject({ state: "dropped", reason: "unpaired" })
  })

  test.each([
    ["waiting", true],
    ["typing", true],
    ["delivered", true],
    ["uncertain", true],
    ["dropped", false],
  ] as const)("a turn takes one that is %s: %p, and none a second time", (state, isTaken) => {
    using opened = twoPairs.open(`UPDATE inbox SET state = '${state}' WHERE seq = 2`)
    const { turns } = opened.store
    expect([turns.take(2, now), turns.take(2, now + minute)]).toEqual([isTaken, false])
  })
})
