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
import { textKinds } from "./texts.ts"

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
    expect(pane.logged("submitted").slice(before)).toEqual([text])
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

  test("approves nothing when a dialog opens at any moment, and the text is submitted once after it", async () => {
    for (const delay of [0, 90, 150, 240]) {
      const text = tagged(`race ${delay}`)
      const before = pane.logged("submitted").length
      const approved = pane.logged("approved").length
      const typing = typeIntoPane(pane.server, pane.pinned, name, text, holdOptions)
      await Bun.sleep(delay) // the race is against this very clock
      pane.signal("SIGUSR1")
      const outcome = await typing
      expect(pane.logged("approved").length).toBe(approved)
      await untilState(pane, name, "dialog")
      pane.tmux("send-keys", "-t", "sento", "Enter") // the owner answers
      await until(() => pane.logged("approved").length === approved + 1)
      if (outcome.kind === "held")
        expect(await typeUntilSettled(pane, name, text, outcome)).toEqual({ kind: "submitted" })
      expect(pane.logged("submitted").slice(before)).toEqual([text])
    }
  }, 20_000)

  test("holds while the program works", async () => {
    pane.signal("SIGUSR2")
    await untilState(pane, name, "busy")
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), holdOptions)).toMatchObject({
      kind: "held",
      state: "busy",
      pasted: false,
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

async function stateOf(pane: DoublePane, name: DoubleName): Promise<string> {
  return (await lookAtPane(pane.server, pane.pinned, name, false)).state
}

let count = 0

/** The text as a message of its own, with its own short id. */
export function tagged(body: string): string {
  return layOut("mira", (count++).toString(36).padStart(4, "k"), body)
}
