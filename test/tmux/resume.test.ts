/** What becomes of a text that was pasted and not yet submitted: it is never pasted twice. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { findOnScreen, type TypingOutcome, typeIntoPane } from "../../src/tmux/typing.ts"
import {
  type DoublePane,
  holdOptions,
  leftInBox,
  startDouble,
  typeUntilSettled,
  until,
  untilState,
} from "../support/pane.ts"
import { tagged } from "../support/typing-suite.ts"

const resume = { ...holdOptions, resume: true }

describe.each(["claude", "opencode"] as const)("a text in the box of the double of %s", name => {
  let pane: DoublePane
  beforeAll(async () => {
    pane = await startDouble(name)
  })
  afterAll(async () => {
    await pane[Symbol.asyncDispose]()
  })
  const type = (text: string, options = holdOptions): Promise<TypingOutcome> =>
    typeIntoPane(pane.server, pane.pinned, name, text, options)
  const key = (...keys: string[]): string => pane.tmux("send-keys", "-t", "sento", ...keys)

  /** Pastes and goes away before anything is pressed, as a Guardian that is stopped. */
  async function abandon(text: string): Promise<void> {
    const controller = new AbortController()
    const onPasted = (): void => controller.abort()
    await expect(type(text, { ...holdOptions, signal: controller.signal, onPasted })).rejects.toThrow()
    await untilState(pane, name, "draft")
  }

  test.each([["short"], ["long\n".repeat(30)]])("a dialog opened behind the paste: %j", async body => {
    const text = tagged(body)
    const before = pane.logged("submitted").length
    key("C-p")
    expect(await type(text)).toMatchObject({ kind: "held", state: "dialog", pasted: true })
    expect(await type(text, resume)).toMatchObject({ kind: "held", state: "dialog", pasted: true })
    expect([pane.logged("approved"), pane.logged("submitted").length]).toEqual([[], before])
    key("Escape")
    await untilState(pane, name, "draft")
    expect(await typeUntilSettled(pane, name, text, leftInBox)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted").slice(before)).toEqual([text])
  })

  // This one and the person who goes on take the loop's full 4 s: once is enough.
  if (name === "claude")
    test("a dialog that swallows the paste: it is pasted again once that is sure, and submitted once", async () => {
      const text = tagged("swallowed")
      const before = pane.logged("submitted").length
      key("C-l")
      const outcome = await type(text)
      expect(outcome).toMatchObject({ kind: "held", state: "dialog", pasted: true, unseen: true })
      key("Escape")
      await untilState(pane, name, "ready")
      expect(await typeUntilSettled(pane, name, text, outcome)).toEqual({ kind: "submitted" })
      expect([pane.logged("submitted").slice(before), pane.logged("approved")]).toEqual([[text], []])
    }, 120_000)

  test("a signal that has aborted before types nothing", async () => {
    const before = pane.logged("submitted").length
    await expect(type(tagged("no"), { ...holdOptions, signal: AbortSignal.abort() })).rejects.toThrow()
    expect([await stateOfBox(), pane.logged("submitted").length]).toEqual(["ready", before])
  })

  test("aborted behind the paste, it is submitted once by the next call", async () => {
    const text = tagged("aborted")
    const before = pane.logged("submitted").length
    await abandon(text)
    expect(await typeUntilSettled(pane, name, text, leftInBox)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted").slice(before)).toEqual([text])
  })

  test("submitted by a person meanwhile, it counts as submitted", async () => {
    const text = tagged("a person presses")
    const before = pane.logged("submitted").length
    await abandon(text)
    key("Enter")
    await untilState(pane, name, "ready")
    expect(await type(text, resume)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted").slice(before)).toEqual([text])
  })

  test("deleted by a person, it has vanished, and is not pasted again", async () => {
    const text = tagged("a person deletes")
    const before = pane.logged("submitted").length
    await abandon(text)
    key("C-u")
    await untilState(pane, name, "ready")
    expect(await type(text, resume)).toMatchObject({ kind: "vanished" })
    expect([await stateOfBox(), pane.logged("submitted").length]).toEqual(["ready", before])
  })

  test("gone by itself before any return, it was lost, and may be pasted again", async () => {
    const text = tagged("the screen was swapped")
    await abandon(text)
    key("C-u")
    await untilState(pane, name, "ready")
    const lost = { ...resume, unpressed: true, pastedAt: Date.now() }
    expect(await type(text, lost)).toMatchObject({ kind: "held", pasted: false, swallowed: true })
    expect(await type(text, { ...lost, unpressed: false })).toMatchObject({ kind: "vanished" })
  })

  test("pressed by an earlier call, what the screen shows otherwise is not taken out to be typed again", async () => {
    const text = tagged("a return was pressed")
    await abandon(text)
    key("-l", " x")
    await until(() => /a return was pressed +x/.test(pane.tmux("capture-pane", "-p", "-t", "sento")))
    const pressed = { ...resume, pastedAt: Date.now() }
    expect(await type(text, pressed)).toMatchObject({ kind: "held", state: "draft", pasted: true })
    key("C-u")
    await untilState(pane, name, "ready")
  }, 120_000)

  if (name === "opencode")
    test("with more typed behind it by a person, it stays and nothing is pressed", async () => {
      const text = tagged("a person goes on")
      const before = pane.logged("submitted").length
      await abandon(text)
      key("-l", " and my own words")
      await until(() => pane.tmux("capture-pane", "-p", "-t", "sento").includes("my own words"))
      expect(await type(text, resume)).toMatchObject({ kind: "held", state: "draft", pasted: true })
      expect(pane.logged("submitted").length).toBe(before)
      key("C-u")
      await untilState(pane, name, "ready")
    }, 120_000)

  test("under copy mode it waits, and is submitted when the mode is left", async () => {
    const text = tagged("copy mode")
    const before = pane.logged("submitted").length
    await abandon(text)
    pane.tmux("copy-mode", "-t", "sento")
    expect(await type(text, resume)).toMatchObject({ kind: "held", state: "copy-mode", pasted: true })
    key("-X", "cancel")
    expect(await typeUntilSettled(pane, name, text, leftInBox)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted").slice(before)).toEqual([text])
  })

  test("the screen tells where the message with a short id stands", async () => {
    const text = tagged("where am I")
    const shortId = /\[(\w+)\]/.exec(text)?.[1] ?? ""
    const find = () => findOnScreen(pane.server, pane.pinned, name, shortId)
    const first = await find()
    await abandon(text)
    const second = await find()
    await typeUntilSettled(pane, name, text, leftInBox)
    expect([first, second, await find()]).toEqual(["not-seen", "in-box", "submitted"])
  })

  test("a collapsed paste in the box counts as the message", async () => {
    const text = tagged("many lines\n".repeat(20))
    await abandon(text)
    expect(await findOnScreen(pane.server, pane.pinned, name, "zzzz")).toBe("in-box")
    expect(await typeUntilSettled(pane, name, text, leftInBox)).toEqual({ kind: "submitted" })
  })

  async function stateOfBox(): Promise<string> {
    await untilState(pane, name, "ready")
    return "ready"
  }
})

describe('deliver: "queue"', () => {
  test.each([
    ["claude", "submitted"],
    ["codex", "submitted"],
    ["opencode", "held"],
    ["gemini", "held"],
  ] as const)("%s, while it works: %s", async (name, want) => {
    await using pane = await startDouble(name)
    const text = tagged("queue me")
    pane.signal("SIGUSR2")
    await untilState(pane, name, "busy")
    // A frame that is half drawn is no prompt.
    await until(async () => {
      const options = { ...holdOptions, deliver: "queue" } as const
      const outcome = await typeIntoPane(pane.server, pane.pinned, name, text, options)
      return outcome.kind === want && (outcome.kind !== "held" || outcome.state === "busy")
    })
    expect([pane.logged("submitted"), pane.logged("cancelled")]).toEqual([want === "held" ? [] : [text], []])
  })
})
