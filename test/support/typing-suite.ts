/** What typing into each double must do; a file of its own for each, so that they run side by side. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { layOut } from "../../src/protocol/layout.ts"
import { lookAtPane, typeIntoPane } from "../../src/tmux/typing.ts"
import {
  type DoubleName,
  type DoublePane,
  holdOptions,
  startDouble,
  typeUntilSettled,
  until,
  untilState,
} from "./pane.ts"
import { asTyped, textKinds } from "./texts.ts"

export function testTyping(name: DoubleName): void {
  let pane: DoublePane
  beforeAll(async () => {
    pane = await startDouble(name)
  })
  afterAll(async () => {
    await pane[Symbol.asyncDispose]()
  })

  test.each(textKinds)("submits %s once, as it was", async (_, body) => {
    const before = pane.logged("submitted").length
    const text = tagged(body)
    expect(await typeUntilSettled(pane, name, text)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted").slice(before)).toEqual([asTyped(name, text)])
  })

  test("holds over a draft, and leaves it alone", async () => {
    const before = pane.logged("submitted").length
    pane.tmux("send-keys", "-t", "sento", "-l", "half a thought")
    await untilState(pane, name, "draft")
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), holdOptions)).toMatchObject({
      kind: "held",
      state: "draft",
      pasted: false,
    })
    expect(pane.logged("submitted").length).toBe(before)
    pane.tmux("send-keys", "-t", "sento", "C-u")
    await untilState(pane, name, "ready")
  })

  test("holds in copy mode", async () => {
    pane.tmux("copy-mode", "-t", "sento")
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), holdOptions)).toMatchObject({
      kind: "held",
      state: "copy-mode",
      pasted: false,
    })
    pane.tmux("send-keys", "-t", "sento", "-X", "cancel")
  })

  test("a dialog that opens between the look and the paste: nothing is typed into it", async () => {
    const text = tagged("look and paste")
    const before = pane.logged("submitted").length
    const onPasted = async (): Promise<void> => {
      pane.signal("SIGUSR1")
      await untilState(pane, name, "dialog")
    }
    const outcome = await typeIntoPane(pane.server, pane.pinned, name, text, { ...holdOptions, onPasted })
    expect(outcome).toMatchObject({ kind: "held", pasted: false })
    await deny(pane)
    expect(await typeUntilSettled(pane, name, text, outcome)).toEqual({ kind: "submitted" })
    expect([pane.logged("submitted").slice(before), pane.logged("approved")]).toEqual([[text], []])
  })

  test("a dialog that opens behind the paste: nothing is pressed, and the text is submitted once after it", async () => {
    const text = tagged("behind the paste")
    const before = pane.logged("submitted").length
    pane.tmux("send-keys", "-t", "sento", "C-p")
    const outcome = await typeIntoPane(pane.server, pane.pinned, name, text, holdOptions)
    expect(outcome).toMatchObject({ kind: "held", state: "dialog", pasted: true })
    await deny(pane)
    expect(await typeUntilSettled(pane, name, text, outcome)).toEqual({ kind: "submitted" })
    expect([pane.logged("submitted").slice(before), pane.logged("approved")]).toEqual([[text], []])
  })

  test("a dialog that opens at any moment: the text is submitted once, and no return is sent into it", async () => {
    for (const delay of [90, 150, 240]) {
      const text = tagged(`race ${delay}`)
      const before = pane.logged("submitted").length
      const typing = typeIntoPane(pane.server, pane.pinned, name, text, holdOptions)
      await Bun.sleep(delay) // the race is against this very clock
      const approved = pane.logged("approved").length
      pane.signal("SIGUSR1")
      const outcome = await typing
      const approvedAfter = () => pane.logged("approved").slice(approved).map(Number)
      if (approvedAfter().length === 0) await deny(pane)
      expect(approvedAfter().filter(milliseconds => milliseconds > underWayMilliseconds)).toEqual([])
      expect(await typeUntilSettled(pane, name, text, outcome)).toEqual({ kind: "submitted" })
      expect(pane.logged("submitted").slice(before)).toEqual([text])
    }
  }, 120_000)

  test("holds while the program works", async () => {
    pane.signal("SIGUSR2")
    await untilState(pane, name, "busy")
    // A frame that is half drawn is no prompt.
    await until(async () => {
      const outcome = await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), holdOptions)
      expect(outcome).toMatchObject({ kind: "held", pasted: false })
      return outcome.kind === "held" && outcome.state === "busy"
    })
    pane.signal("SIGUSR2")
    await untilState(pane, name, "ready")
  })

  test.each([
    ["a question with choices is asked", "C-q", "Enter"],
    ["its transcript is open", "C-o", "C-o"],
  ])("holds while %s", async (_, open, close) => {
    const answered = pane.logged("answered").length
    pane.tmux("send-keys", "-t", "sento", open)
    await until(async () => (await stateOf(pane, name)) !== "ready")
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), holdOptions)).toMatchObject({
      kind: "held",
      pasted: false,
    })
    expect(pane.logged("answered").length).toBe(answered)
    pane.tmux("send-keys", "-t", "sento", close)
    await untilState(pane, name, "ready")
  })

  test("a person's completion menu is a draft", async () => {
    pane.tmux("send-keys", "-t", "sento", "-l", "/eff")
    await until(async () => (await stateOf(pane, name)) !== "ready")
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), holdOptions)).toMatchObject({
      kind: "held",
      pasted: false,
    })
    expect(pane.logged("completed")).toEqual([])
    pane.tmux("send-keys", "-t", "sento", "C-u")
    await untilState(pane, name, "ready")
  })

  test("nothing of a message was a command, a completion or an answer", () => {
    const kinds = ["executed", "completed", "answered", "cancelled"] as const
    expect(kinds.map(kind => pane.logged(kind).filter(text => text !== "question"))).toEqual([[], [], [], []])
  })

  test("holds when the program left and a shell took the pane over", async () => {
    pane.tmux("send-keys", "-t", "sento", "C-d")
    await untilState(pane, name, "shell")
    expect(
      await typeIntoPane(pane.server, pane.pinned, name, tagged("$(touch x)"), holdOptions),
    ).toMatchObject({
      kind: "held",
      state: "shell",
      pasted: false,
    })
  })
}

/**
 * A return that tmux wrote before the dialog opened cannot be called back when the program reads it later:
 * with the double stopped, then a return typed and a dialog opened, 5 of 5 were approved within 1.1 ms of the
 * opening. Only a return that is read after this was surely sent too late.
 */
const underWayMilliseconds = 200

/** The owner refuses. */
async function deny(pane: DoublePane): Promise<void> {
  const denied = pane.logged("denied").length
  await until(() => pane.logged("dialog").length > denied + pane.logged("approved").length)
  pane.tmux("send-keys", "-t", "sento", "Escape")
  // A return that was under way may have come before it.
  const approved = pane.logged("approved").length
  await until(() => pane.logged("denied").length > denied || pane.logged("approved").length > approved)
}

async function stateOf(pane: DoublePane, name: DoubleName): Promise<string> {
  return (await lookAtPane(pane.server, pane.pinned, name, false)).state
}

let count = 0

/** The text as a message of its own, with its own short id. */
export function tagged(body: string): string {
  return layOut("mira", (count++).toString(36).padStart(4, "k"), body)
}
