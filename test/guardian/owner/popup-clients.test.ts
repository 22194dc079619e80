/** Over whom a question is shown, when again, and when not: the clients are the test's own. */
import { afterEach, beforeEach, expect, jest, test } from "bun:test"
import { createTmuxSurface } from "../../../src/guardian/owner/popup.ts"
import type { Surface } from "../../../src/guardian/owner/surfaces.ts"
import type { Client } from "../../../src/tmux/popup.ts"
import { ada, kai } from "../../support/chats/asked.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"
import { settle } from "../../support/settle.ts"

const own = process.pid
const parent = process.ppid
const client = (pid: number, canType = true): Client => ({
  name: `/dev/pts/${pid}`,
  pid,
  canType,
  columns: 80,
  rows: 24,
})

let made: TestContext
let attached: Client[]
let isOwn: boolean
let distrusted: Map<number, string>
/** Popups that are open, the oldest first. */
let popups: {
  readonly pid: number
  readonly words: readonly string[]
  readonly end: (status: number) => void
}[]
let looks: number
let told: string[]
let surface: Surface

beforeEach(() => {
  jest.useFakeTimers()
  made = createTestContext([])
  attached = [client(own)]
  isOwn = true
  distrusted = new Map()
  popups = []
  looks = 0
  told = []
  Object.assign(made.context, { hands: { tell: async (_: string, text: string) => void told.push(text) } })
  surface = open()
})
afterEach(async () => {
  jest.useRealTimers()
  made.stop()
  await surface.stopped()
  made[Symbol.dispose]()
})

const open = () =>
  createTmuxSurface(made.context, ["sento"], async () => distrusted, {
    async clients(session) {
      looks += 1
      expect(session).toBe("mira")
      return attached
    },
    isOwnServer: async () => isOwn,
    popup(to, words) {
      const { promise, resolve } = Promise.withResolvers<number>()
      popups.push({ pid: to.pid, words, end: resolve })
      return promise
    },
  })
async function settled(): Promise<void> {
  await settle()
}
async function pass(milliseconds: number): Promise<void> {
  jest.advanceTimersByTime(milliseconds)
  await settled()
}
const shown = () => popups.map(({ pid, words }) => `${pid} ${words.at(-1)}`)

test("on every client where a person can type, without the variables of the server's pane", async () => {
  attached = [client(own), client(parent, false)]
  surface.ask(kai)
  await settled()
  expect(shown()).toEqual([`${own} k7q2`])
  expect(popups[0]?.words).toEqual([
    "env",
    "-u",
    "TMUX_PANE",
    "-u",
    "SENTO_AGENT",
    "SENTO_HOME=/nowhere",
    "sento",
    "ask",
    "k7q2",
  ])
})

test.each(["nobody is attached", "the server is another user's", "the client is the agent's"])(
  "nothing where %s, until that is otherwise: it is looked again every 2 s",
  async why => {
    attached = why.startsWith("nobody") ? [] : attached
    isOwn = !why.startsWith("the server")
    if (why.startsWith("the client")) distrusted.set(own, "it is the agent's")
    surface.ask(kai)
    await settled()
    expect([shown(), looks]).toEqual([[], 1])
    attached = [client(own)]
    isOwn = true
    distrusted.clear()
    await pass(1999)
    expect([shown(), looks]).toEqual([[], 1])
    await pass(1)
    expect(shown()).toEqual([`${own} k7q2`])
  },
)

test("one at a time on a client, the oldest that was not closed there", async () => {
  surface.ask(kai)
  surface.ask(ada)
  await pass(2000)
  expect(shown()).toEqual([`${own} k7q2`])
  popups[0]?.end(1)
  await settled()
  expect(shown()).toEqual([`${own} k7q2`, `${own} m3x9`])
  popups[1]?.end(129)
  await pass(10_000)
  expect(shown()).toHaveLength(2)
  attached = [client(own), client(parent)]
  await pass(2000)
  expect(shown().slice(2)).toEqual([`${parent} k7q2`])
})

test("one look is to come, however many questions there are", async () => {
  surface.ask(kai)
  await settled()
  await pass(1000)
  surface.ask(ada)
  await settled()
  expect([looks, jest.getTimerCount()]).toEqual([2, 1])
  await pass(1000)
  expect(looks).toBe(2)
  await pass(1000)
  expect(looks).toBe(3)
})

test("a popup for which there was no room is tried with the next look", async () => {
  surface.ask(kai)
  await settled()
  popups[0]?.end(0)
  await settled()
  expect(shown()).toHaveLength(1)
  await pass(2000)
  expect(shown()).toEqual([`${own} k7q2`, `${own} k7q2`])
})

test("the next question comes at once where one was answered, and nothing is looked for where none is left", async () => {
  surface.ask(kai)
  surface.ask(ada)
  await settled()
  surface.withdraw(kai.id, "approved")
  popups[0]?.end(0)
  await settled()
  expect(shown()).toEqual([`${own} k7q2`, `${own} m3x9`])
  surface.withdraw(ada.id, "denied")
  popups[1]?.end(0)
  await pass(2000)
  const before = looks
  await pass(60_000)
  expect([looks, jest.getTimerCount()]).toEqual([before, 0])
})

test("what was closed is asked again once it is another question of that id, and the other is not", async () => {
  surface.ask(kai)
  surface.ask(ada)
  await settled()
  popups[0]?.end(1)
  await settled()
  popups[1]?.end(1)
  await settled()
  surface.withdraw(kai.id, "denied")
  surface.ask(kai)
  await pass(2000)
  expect(shown().slice(2)).toEqual([`${own} k7q2`])
})

test("what is to be known stands in the status line", () => {
  surface.tell({ key: "k", text: "a code was burned" })
  expect(told).toEqual(["sento: a code was burned"])
})

test("in hardened mode it is told there, and nothing is looked for", async () => {
  await surface.stopped()
  surface = createTmuxSurface(made.context, ["sento"], async () => distrusted, null)
  surface.ask(kai)
  await pass(10_000)
  expect([told, looks, shown()]).toEqual([
    ["sento: kai waits for your yes: `sento approve k7q2` in a terminal of your own"],
    0,
    [],
  ])
})

test("a look that fails is logged, and the next one comes; none comes as the Guardian stops", async () => {
  const before = attached
  attached = null as never
  surface.ask(kai)
  await settled()
  expect(made.log).toEqual([expect.stringContaining("no popup: ")])
  attached = before
  await pass(2000)
  expect(shown()).toHaveLength(1)
  made.stop()
  await pass(2000)
  const count = looks
  popups[0]?.end(0)
  await pass(60_000)
  expect(looks).toBe(count)
})

test("it is stopped once the look under way has ended, and sets no timer", async () => {
  surface.ask(kai)
  const stopped = surface.stopped()
  made.stop()
  await stopped
  await settled()
  expect(jest.getTimerCount()).toBe(0)
})
