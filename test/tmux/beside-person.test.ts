/** A person at the keyboard: nothing is typed beside their keys, and no text of ours takes theirs along. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { type TypingOutcome, takeOut, typeIntoPane } from "../../src/tmux/typing.ts"
import {
  attachPerson,
  type DoublePane,
  holdOptions,
  startDouble,
  typeUntilSettled,
  until,
  untilState,
} from "../support/pane.ts"
import { tagged } from "../support/typing-suite.ts"

const screenOf = (pane: DoublePane): string => pane.tmux("capture-pane", "-p", "-t", "=sento:")

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
    person.type("x", "BSpace")
    await untilState(pane, name, "ready")
    expect(await type(text)).toEqual({
      kind: "held",
      state: "draft",
      reason: "a person is typing in the pane",
      pasted: false,
    })
    expect(await typeUntilSettled(pane, name, text)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted")).toEqual([text])
  }, 15_000)

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
  }, 15_000)

  test("words typed before the paste shows: nothing is pressed, and nothing is taken out", async () => {
    const text = tagged("behind the paste")
    const before = pane.logged("submitted").length
    pane.tmux("send-keys", "-t", "=sento:", "C-w")
    const typing = typeUntilPasted(text)
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
  }, 20_000)

  test("a text that is higher than its box, and a key since its paste: what is above nobody can see, so it stays", async () => {
    pane.tmux("resize-window", "-t", "=sento:", "-x", "80", "-y", "24")
    pane.tmux("send-keys", "-t", "=sento:", "C-u", "C-u", "C-u", "C-u", "C-u", "C-u", "C-p")
    await untilState(pane, name, "ready")
    const text = tagged("so many words ".repeat(50))
    const before = pane.logged("submitted").length
    expect(await typeUntilPasted(text)).toMatchObject({ kind: "held", state: "dialog" })
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
  }, 30_000)

  const isSubmitted = ({ kind }: TypingOutcome): boolean => kind === "submitted"

  /** Until the person before has not typed for long enough. */
  async function typeUntilPasted(text: string): Promise<TypingOutcome> {
    let outcome = await type(text)
    await until(async () => {
      if (outcome.kind === "held" && !outcome.pasted) outcome = await type(text)
      return outcome.kind !== "held" || outcome.pasted
    })
    return outcome
  }
})
