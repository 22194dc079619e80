/** A person at the keyboard: nothing is typed beside their keys, and no text of ours takes theirs along. */
import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test"
import { join } from "node:path"
import { type TypingOutcome, takeOut, typeIntoPane } from "../../src/tmux/typing.ts"
import { keepLong } from "../support/kept-keys.ts"
import {
  attachPerson,
  type DoubleName,
  type DoublePane,
  holdOptions,
  startDouble,
  typeUntilSettled,
  until,
  untilState,
} from "../support/pane.ts"
import { tagged } from "../support/typing-suite.ts"

const screenOf = (pane: DoublePane): string => pane.tmux("capture-pane", "-p", "-t", "=sento:")

describe("a program that reads its box some time after the return", () => {
  test("what a person types in between is not submitted with a message, and is in the box behind its first prompt", async () => {
    using _ = keepLong()
    await using pane = await startDouble("opencode")
    const person = await attachPerson(pane)
    pane.tmux("send-keys", "-t", "=sento:", "C-r")
    const text = tagged("beside a late reader")
    const typing = typeUntilSettled(pane, "opencode", text)
    await until(() => pane.logged("late").length > 0)
    person.type("-l", "hey")
    expect(await typing).toEqual({ kind: "submitted" })
    await until(() => screenOf(pane).includes("hey"))
    expect(pane.logged("submitted")).toEqual([text])
  }, 120_000)

  test("keys are given back also where a return is not taken", async () => {
    await using pane = await startDouble("opencode")
    const person = await attachPerson(pane)
    pane.tmux("send-keys", "-t", "=sento:", "C-g")
    // Long enough for a busy machine to see that they are kept.
    using _ = keepLong(6)
    const abort = new AbortController()
    const typing = typeUntilPasted(pane, "opencode", tagged("to the deaf"), abort.signal)
    await until(() => terminalOf(pane).includes("min = 255;"))
    person.type("-l", "hey")
    await until(() => screenOf(pane).includes("hey"))
    abort.abort()
    await expect(typing).rejects.toThrow()
    await until(() => terminalOf(pane).includes("min = 1;"))
  }, 120_000)

  test("keys are given back when the process that keeps them back is killed", async () => {
    await using pane = await startDouble("opencode")
    const person = await attachPerson(pane)
    const terminal = pane.tmux("list-clients", "-F", "#{client_tty}").trim()
    const module = JSON.stringify(join(import.meta.dir, "../../src/tmux/keyboards.ts"))
    using long = keepLong()
    const code = `${long.code}const { keepKeys } = await import(${module}); await keepKeys(["${terminal}"]); await Bun.sleep(60_000)`
    const keeper = Bun.spawn([process.execPath, "-e", code])
    await until(() => terminalOf(pane).includes("min = 255;"))
    keeper.kill("SIGKILL")
    person.type("-l", "hey")
    await until(() => screenOf(pane).includes("hey"))
  })

  test("a process that goes on with a message gives back what one before it was killed over", async () => {
    await using pane = await startDouble("opencode")
    const person = await attachPerson(pane)
    const terminal = pane.tmux("list-clients", "-F", "#{client_tty}").trim()
    Bun.spawnSync(["stty", "-F", terminal, "min", "255"])
    const resumed = { ...holdOptions, resume: true, pastedAt: Date.now() }
    await typeIntoPane(pane.server, pane.pinned, "opencode", tagged("of before"), resumed)
    await until(() => terminalOf(pane).includes("min = 1;"))
    person.type("-l", "hey")
    await until(() => screenOf(pane).includes("hey"))
  })

  const terminalOf = (pane: DoublePane): string => {
    const [terminal = ""] = pane.tmux("list-clients", "-F", "#{client_tty}").split("\n")
    return Bun.spawnSync(["stty", "-F", terminal, "-a"]).stdout.toString()
  }
})

describe.each(["claude"] as const)("a person attached to %s", name => {
  let pane: DoublePane
  let person: Awaited<ReturnType<typeof attachPerson>>
  beforeAll(async () => {
    pane = await startDouble(name)
    person = await attachPerson(pane)
  })
  afterAll(async () => {
    await pane[Symbol.asyncDispose]()
  })
  const type = (text: string, options = holdOptions) =>
    typeIntoPane(pane.server, pane.pinned, name, text, options)

  test("nothing is pasted within seconds of a key, though the box is empty; then it is, once", async () => {
    const text = tagged("behind a key")
    const at = Date.now()
    person.type("x", "BSpace")
    await untilState(pane, name, "ready")
    const now = spyOn(Date, "now").mockReturnValue(at)
    const outcome = await type(text).finally(() => now.mockRestore())
    expect(outcome).toEqual({
      kind: "held",
      state: "draft",
      reason: "a person is typing in the pane",
      pasted: false,
    })
    expect(await typeUntilSettled(pane, name, text)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted")).toEqual([text])
  }, 120_000)

  test("a key between look and paste: tmux itself refuses the paste", async () => {
    const text = tagged("between look and paste")
    const before = pane.logged("submitted").length
    let typed = 0
    const onPasted = async (): Promise<void> => {
      const keysAt = () => pane.tmux("display-message", "-p", "-t", "=sento:", "#{session_activity}")
      const last = keysAt()
      person.type("x", "BSpace")
      await until(() => keysAt() !== last)
      typed += 1
    }
    await until(async () => {
      expect(await type(text, { ...holdOptions, onPasted })).toMatchObject({ kind: "held", pasted: false })
      return typed > 0
    })
    expect([pane.logged("submitted").length, screenOf(pane).includes("between look")]).toEqual([
      before,
      false,
    ])
  }, 120_000)

  test("words typed before the paste shows: nothing is pressed, and nothing is taken out", async () => {
    const text = tagged("behind the paste")
    const before = pane.logged("submitted").length
    pane.tmux("send-keys", "-t", "=sento:", "C-w")
    const typing = typeUntilPasted(pane, name, text)
    await until(() => pane.logged("late").length > 0)
    person.type("-l", " hey")
    expect(await typing).toMatchObject({ kind: "held", state: "draft", pasted: true })
    expect(
      await takeOut(pane.server, pane.pinned, name, text, {
        pastedAt: null,
        signal: new AbortController().signal,
      }),
    ).not.toBe(null)
    expect([screenOf(pane).includes("hey"), pane.logged("submitted").length]).toEqual([true, before])
  }, 120_000)

  test("a text that is higher than its box, and a key since its paste: what is above nobody can see, so it stays", async () => {
    pane.tmux("resize-window", "-t", "=sento:", "-x", "80", "-y", "24")
    pane.tmux("send-keys", "-t", "=sento:", "C-u", "C-u", "C-u", "C-u", "C-u", "C-u", "C-p")
    await untilState(pane, name, "ready")
    const text = tagged("so many words ".repeat(50))
    const before = pane.logged("submitted").length
    expect(await typeUntilPasted(pane, name, text)).toMatchObject({ kind: "held", state: "dialog" })
    const pastedAt = Date.now()
    pane.tmux("send-keys", "-t", "=sento:", "Escape")
    await untilState(pane, name, "draft")
    person.type("x", "BSpace")
    await until(() => Date.now() - pastedAt > 1000)
    const resumed = { ...holdOptions, resume: true, pastedAt }
    const outcome = await type(text, resumed)
    expect(outcome).toMatchObject({ kind: "held", state: "draft", pasted: true })
    await until(async () => !(await type(text, resumed).then(isSubmitted)))
    expect(pane.logged("submitted").length).toBe(before)
  }, 120_000)

  const isSubmitted = ({ kind }: TypingOutcome): boolean => kind === "submitted"
})

/** Until the person before has not typed for long enough. */
async function typeUntilPasted(
  pane: DoublePane,
  name: DoubleName,
  text: string,
  signal = new AbortController().signal,
): Promise<TypingOutcome> {
  for (;;) {
    const outcome = await typeIntoPane(pane.server, pane.pinned, name, text, { ...holdOptions, signal })
    if (outcome.kind !== "held" || outcome.pasted) return outcome
    await Bun.sleep(10)
  }
}
