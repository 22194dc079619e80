import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { keyboardOwner } from "../../src/tmux/program.ts"
import { lookAtPane, type TypingOptions, type TypingOutcome, typeIntoPane } from "../../src/tmux/typing.ts"
import { type DoubleName, type DoublePane, startDouble, startPane, until } from "../support/pane.ts"

const hold: TypingOptions = { resume: false, deliver: "hold", allowShell: false }

const texts = [
  ["one line", "hello there"],
  ["2,000 characters", `${"words and ".repeat(199)}then end`],
  ["12 lines", Array.from({ length: 12 }, (_, index) => `line ${index}`).join("\n  ")],
  ["joined emoji", "a family 👩‍👩‍👧‍👦 and a heart ❤️ done"],
  ["a leading slash", "/help"],
  ["a leading exclamation mark", "! ls"],
  ["a leading at", "@file"],
  ["a leading hash", "# title"],
  ["a final @wo", "look at @wo"],
] as const

describe.each(["claude", "codex", "gemini", "opencode"] as const)("typing into the double of %s", name => {
  let pane: DoublePane
  beforeAll(async () => {
    pane = await startDouble(name)
  })
  afterAll(async () => {
    await pane[Symbol.asyncDispose]()
  })

  test.each(texts)("submits %s once, as it was", async (_, body) => {
    const before = pane.logged("submitted").length
    const text = tagged(body)
    expect(await untilFree(pane, name, text)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted").slice(before)).toEqual([text])
  })

  test("holds over a draft, and leaves it alone", async () => {
    const before = pane.logged("submitted").length
    pane.tmux("send-keys", "-t", "sento", "-l", "half a thought")
    await untilState(pane, name, "draft")
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), hold)).toMatchObject({
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
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), hold)).toMatchObject({
      kind: "held",
      state: "copy-mode",
      pasted: false,
    })
    pane.tmux("send-keys", "-t", "sento", "-X", "cancel")
  })

  test("approves nothing when a dialog opens at any moment, and the text is submitted once after it", async () => {
    for (const delay of [0, 40, 80, 120, 160, 200, 240, 280]) {
      const text = tagged(`race ${delay}`)
      const before = pane.logged("submitted").length
      const approved = pane.logged("approved").length
      const typing = typeIntoPane(pane.server, pane.pinned, name, text, hold)
      await Bun.sleep(delay) // the race is against this very clock
      signalDouble(pane, "SIGUSR1")
      const outcome = await typing
      expect(pane.logged("approved").length).toBe(approved)
      await untilState(pane, name, "dialog")
      pane.tmux("send-keys", "-t", "sento", "Enter") // the owner answers
      await until(() => pane.logged("approved").length === approved + 1)
      if (outcome.kind === "held")
        expect(await untilFree(pane, name, text, outcome.pasted)).toEqual({ kind: "submitted" })
      expect(pane.logged("submitted").slice(before)).toEqual([text])
    }
  }, 20_000)

  test("holds while the program works", async () => {
    signalDouble(pane, "SIGUSR2")
    await untilState(pane, name, "busy")
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), hold)).toMatchObject({
      kind: "held",
      state: "busy",
      pasted: false,
    })
    signalDouble(pane, "SIGUSR2")
    await untilState(pane, name, "ready")
  })

  test("holds when the program left and a shell took the pane over", async () => {
    pane.tmux("send-keys", "-t", "sento", "C-d")
    await untilState(pane, name, "shell")
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("$(touch x)"), hold)).toMatchObject({
      kind: "held",
      state: "shell",
      pasted: false,
    })
  })

  test("notices that the session was replaced by one of the same name", async () => {
    pane.tmux("rename-session", "-t", "=sento", "old")
    pane.tmux("new-session", "-d", "-s", "sento", "cat")
    pane.tmux("kill-session", "-t", "=old")
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), hold)).toMatchObject({
      kind: "held",
      state: "absent",
      pasted: false,
    })
  })

  test("notices that the tmux server was killed", async () => {
    pane.tmux("kill-server")
    expect(await typeIntoPane(pane.server, pane.pinned, name, tagged("no"), hold)).toMatchObject({
      kind: "held",
      state: "absent",
      pasted: false,
    })
  })
})

test("plain: a program that reads lines gets one line, and only under its profile", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sento-pane-"))
  await using pane = await startPane(
    directory,
    ["sh", "-c", "echo ready; exec cat"],
    join(directory, "log"),
    "ready",
  )
  await until(async () => (await lookAtPane(pane.server, pane.pinned, "plain", false)).state === "ready")
  expect(await typeIntoPane(pane.server, pane.pinned, "claude", tagged("no"), hold)).toMatchObject({
    kind: "held",
    state: "other",
  })
  expect(await typeIntoPane(pane.server, pane.pinned, "plain", "← agent mira [k7q2]: a\n  b", hold)).toEqual({
    kind: "submitted",
  })
  await until(
    () => pane.tmux("capture-pane", "-p", "-t", "sento").split("← agent mira [k7q2]: a ⏎ b").length === 3,
  )
})

let count = 0

function tagged(body: string): string {
  return `← agent mira [${(count++).toString(36).padStart(4, "k")}]: ${body}`
}

/** As the Guardian does: tries again while the pane is not ready, and never pastes twice. */
async function untilFree(
  pane: DoublePane,
  name: DoubleName,
  text: string,
  pasted = false,
): Promise<TypingOutcome> {
  let outcome: TypingOutcome = { kind: "held", state: "other", reason: "not tried", pasted }
  await until(async () => {
    const resume = outcome.kind === "held" && outcome.pasted
    outcome = await typeIntoPane(pane.server, pane.pinned, name, text, { ...hold, resume })
    return outcome.kind !== "held"
  })
  return outcome
}

async function untilState(pane: DoublePane, name: DoubleName, state: string): Promise<void> {
  await until(async () => (await lookAtPane(pane.server, pane.pinned, name, false)).state === state)
}

/** The double is the child of the pane's `sh -c`, in its foreground group. */
function signalDouble(pane: DoublePane, signal: NodeJS.Signals): void {
  const child = Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(pane.pinned.pid)])
    .stdout.toString()
    .trim()
  if (child === "" || keyboardOwner(pane.pinned.pid) === null) throw new Error("the double is gone")
  process.kill(Number(child), signal)
}
