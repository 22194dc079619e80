/** What the agent's pane is said to be, for whoever only looks, and when it counts as idle. */
import { afterEach, expect, test } from "bun:test"
import { isAgentIdle, lookAtAgent } from "../../../src/guardian/inbound/pane.ts"
import type { ProfileName } from "../../../src/protocol/names.ts"
import type { PaneState } from "../../../src/tmux/box-reading.ts"
import { HandsAway, type Target } from "../../../src/tmux/hands.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"

const pane = { pane: "%1", pid: 4_000_001, startTicks: 1 }
let made: TestContext
afterEach(() => made[Symbol.dispose]())

function open(target: Target, look: PaneState | Error = "ready") {
  const allowed: boolean[] = []
  made = createTestContext([], {
    find: async () => ({ pane: null, target }),
    async look(_, allowShell) {
      allowed.push(allowShell)
      if (look instanceof Error) throw look
      return look
    },
  })
  return { context: made.context, allowed }
}
const there = (profile: ProfileName = "claude"): Target => ({ kind: "pane", pane, profile })
const none = (state: "absent" | "other" | "shell"): Target => ({ kind: "none", state, reason: "" })

test.each<readonly [PaneState, boolean]>([
  ["ready", true],
  ["draft", true],
  ["shell", true],
  ["absent", true],
  ["busy", false],
  ["dialog", false],
  ["copy-mode", false],
  ["other", false],
])("a pane that is %s is idle: %p", async (state, isIdle) => {
  const { context, allowed } = open(there(), state)
  expect([await lookAtAgent(context), await isAgentIdle(context)]).toEqual([state, isIdle])
  expect(allowed).toEqual([false, false])
})

test.each<readonly ["absent" | "other" | "shell", boolean]>([
  ["absent", true],
  ["shell", true],
  ["other", false],
])("where no pane can be typed into, it is as it is found: %s", async (state, isIdle) => {
  const { context, allowed } = open(none(state))
  expect([await lookAtAgent(context), await isAgentIdle(context), allowed]).toEqual([state, isIdle, []])
})

test("a shell is looked at as one that may be typed into by its owner's word alone, and never for idleness", async () => {
  const { context, allowed } = open(there())
  context.config.update(config => ({ ...config, tmux: { ...config.tmux, allowShell: true } }))
  await lookAtAgent(context)
  await isAgentIdle(context)
  expect(allowed).toEqual([true, false])
})

test("a program that shows nothing of it is never idle", async () => {
  const { context, allowed } = open(there("plain"))
  expect([await isAgentIdle(context), allowed]).toEqual([false, []])
})

test("of hands that are away nothing is known; what is wrong otherwise is thrown", async () => {
  const { context } = open(there(), new HandsAway("gone"))
  expect([await lookAtAgent(context), await isAgentIdle(context)]).toEqual(["other", false])
  made[Symbol.dispose]()
  const broken = open(there(), new Error("bug"))
  await expect(lookAtAgent(broken.context)).rejects.toThrow("bug")
  await expect(isAgentIdle(broken.context)).rejects.toThrow("bug")
})
