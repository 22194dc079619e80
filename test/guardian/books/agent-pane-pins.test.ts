/** Which pane is pinned, when, and what is told of it: the hands are the test's own. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { attach, findTarget } from "../../../src/guardian/books/agent-pane.ts"
import { SentoError } from "../../../src/protocol/errors.ts"
import { type Hands, HandsAway, type Target } from "../../../src/tmux/hands.ts"
import type { PinnedPane } from "../../../src/tmux/pane.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"

const one: PinnedPane = { pane: "%1", pid: 4_000_001, startTicks: 5 }
const none: Target = { kind: "none", state: "absent", reason: "not there" }

let made: TestContext
let asked: unknown[]
let lines: string[]
let canWrite: boolean
let hands: Partial<Hands>

beforeEach(() => {
  asked = []
  lines = []
  canWrite = true
  hands = {}
  made = createTestContext([])
  Object.assign(made.context, {
    hands: {
      find: (...words: unknown[]) =>
        asked.push(words) && hands.find?.(...(words as Parameters<Hands["find"]>)),
      take: (...words: unknown[]) =>
        asked.push(words) && hands.take?.(...(words as Parameters<Hands["take"]>)),
    },
    log: {
      ...made.context.log,
      sparingly(_: string, line: string) {
        lines.push(line)
        return canWrite
      },
    },
  })
})
afterEach(() => made[Symbol.dispose]())

const finds = (pane: PinnedPane | null, target: Target = none): void => {
  hands = { find: async () => ({ pane, target }) }
}
const kept = (): unknown => made.stored.store.facts.get("pane")

describe("a pane that is found", () => {
  test("is pinned, told once, and looked for by its pin from then on", async () => {
    const target: Target = { kind: "pane", pane: one, profile: "claude" }
    finds(one, target)
    expect(await findTarget(made.context)).toEqual(target)
    expect([kept(), lines]).toEqual([one, ["attached to pane %1 of session mira"]])
    await findTarget(made.context)
    expect(lines).toHaveLength(1)
    expect(asked).toEqual([
      [null, { session: "mira", profile: "claude", taken: [] }],
      [one, { session: "mira", profile: "claude", taken: [] }],
    ])
  })

  test.each([
    ["another pane", { pane: "%2" }],
    ["another process", { pid: 4_000_002 }],
    ["another process of the same number", { startTicks: 6 }],
  ])("and is %s is pinned anew", async (_, more) => {
    finds(one)
    await findTarget(made.context)
    finds({ ...one, ...more })
    await findTarget(made.context)
    expect(kept()).toEqual({ ...one, ...more })
  })

  test("that cannot be told any more is not kept, and none takes nothing away", async () => {
    canWrite = false
    finds(one)
    await findTarget(made.context)
    expect(kept()).toBeNull()
    canWrite = true
    await findTarget(made.context)
    finds(null)
    expect(await findTarget(made.context)).toEqual(none)
    expect(kept()).toEqual(one)
  })

  test("by the hands of the agent's user is kept apart", async () => {
    made.context.config.update(config => ({ ...config, hardened: { user: "ida", folder: "/x" } }))
    finds(one)
    await findTarget(made.context)
    expect([kept(), made.stored.store.facts.get("pane of the hands")]).toEqual([null, one])
  })
})

test.each<readonly [string, Error, Target | null]>([
  [
    "hands that are away",
    new HandsAway("gone"),
    { kind: "none", state: "other", reason: "gone", isAway: true },
  ],
  [
    "no tmux",
    new SentoError("no-tmux", "x"),
    { kind: "none", state: "absent", reason: "tmux is not installed" },
  ],
  ["what is wrong otherwise", new SentoError("config", "another user's"), null],
  ["a bug", new Error("bug"), null],
])("%s", async (_, error, want) => {
  hands = {
    find: async () => {
      throw error
    },
  }
  const found = await findTarget(made.context).catch(thrown => thrown)
  expect(found).toEqual(want ?? error)
})

describe("attaching", () => {
  const takes = (...panes: (PinnedPane | null)[]): void => {
    hands = { take: async () => panes.shift() ?? null }
  }
  const errorOf = (wish: string | null = null): Promise<SentoError> =>
    attach(made.context, wish).then(
      () => {
        throw new Error("it was")
      },
      error => error,
    )

  test("takes the active pane, or the one that is named", async () => {
    takes(one)
    expect(await attach(made.context)).toEqual(one)
    expect([kept(), made.log, asked]).toEqual([
      one,
      ["attached to pane %1 of session mira"],
      [["mira", null]],
    ])
    takes({ ...one, pane: "%2" })
    await attach(made.context, "%2")
    expect(asked.at(-1)).toEqual(["mira", "%2"])
  })

  test("says whether the pane or the session is not there", async () => {
    takes(null, one)
    expect(await errorOf("%9")).toMatchObject({
      code: "usage",
      message: "the tmux session mira has no pane %9",
    })
    takes(null, null)
    expect((await errorOf("%9")).code).toBe("no-session")
    takes(null)
    expect(await errorOf()).toMatchObject({
      code: "no-session",
      message: 'there is no tmux session named "mira"',
    })
    expect(kept()).toBeNull()
  })

  test("says later where nobody can look, and throws what is wrong otherwise", async () => {
    hands = {
      take: async () => {
        throw new HandsAway("gone")
      },
    }
    expect(await errorOf()).toMatchObject({ code: "try-later", message: "gone", hint: "run `sento doctor`" })
    hands = {
      take: async () => {
        throw new Error("bug")
      },
    }
    expect((await errorOf()).message).toBe("bug")
  })
})
