/** Panes that go, come back or change under a delivery: nothing is typed into what took their place. */
import { describe, expect, test } from "bun:test"
import { existsSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { findPane } from "../../src/tmux/pane.ts"
import { foregroundProcess } from "../../src/tmux/process.ts"
import { lookAtPane, type TypingOptions, type TypingOutcome, typeIntoPane } from "../../src/tmux/typing.ts"
import {
  type DoublePane,
  doubleCommand,
  holdOptions,
  startDouble,
  startPane,
  typeUntilSettled,
  until,
  untilState,
} from "../support/pane.ts"
import { tagged } from "../support/typing-suite.ts"

type Tmux = DoublePane["tmux"]

const type = (pane: DoublePane, text: string, options: TypingOptions = holdOptions): Promise<TypingOutcome> =>
  typeIntoPane(pane.server, pane.pinned, "claude", text, options)

/** Each leaves a program in the place of the double that shows all that is typed into it. */
const replacements: readonly (readonly [string, (tmux: Tmux) => void])[] = [
  [
    "the session replaced by one with the same name",
    tmux => {
      tmux("rename-session", "-t", "=sento", "old")
      tmux("new-session", "-d", "-s", "sento", "-x", "120", "-y", "40", "cat")
      tmux("kill-session", "-t", "=old")
    },
  ],
  [
    "the window closed and another one opened",
    tmux => {
      tmux("new-window", "-d", "-t", "=sento:", "cat")
      tmux("kill-window", "-t", "=sento:0")
    },
  ],
  [
    "the pane killed beside another one",
    tmux => {
      tmux("split-window", "-d", "-t", "=sento:", "cat")
      tmux("kill-pane", "-t", "%0")
    },
  ],
  ["the pane respawned", tmux => void tmux("respawn-pane", "-k", "-t", "%0", "cat")],
  [
    "the tmux server killed and started again",
    tmux => {
      tmux("kill-server")
      // The old server takes its time to go, and fails what it is asked meanwhile.
      while (tmux("display-message", "-p", "-t", "=sento:", "#{session_name}") === "")
        tmux("new-session", "-d", "-s", "sento", "-x", "120", "-y", "40", "cat")
    },
  ],
]

describe.each(replacements)("%s", (_, replace) => {
  test("before a delivery: it is held, with the reason", async () => {
    await using pane = await startDouble("claude")
    replace(pane.tmux)
    const outcome = await type(pane, tagged("no"))
    expect(outcome).toMatchObject({ kind: "held", state: "absent", pasted: false })
    await expectNothingTyped(pane)
    expect(await findPane(pane.server, "sento")).not.toEqual(pane.pinned)
  })

  test("between the look and the paste: it is held", async () => {
    await using pane = await startDouble("claude")
    const onPasted = (): void => replace(pane.tmux)
    const outcome = await type(pane, tagged("no"), { ...holdOptions, onPasted })
    expect(outcome).toMatchObject({ kind: "held", pasted: false })
    await expectNothingTyped(pane)
  })

  test("behind the paste: nothing is typed again, and it counts as vanished", async () => {
    await using pane = await startDouble("claude")
    const controller = new AbortController()
    const text = tagged("no")
    const onPasted = (): void => controller.abort()
    await expect(type(pane, text, { ...holdOptions, signal: controller.signal, onPasted })).rejects.toThrow()
    await untilState(pane, "claude", "draft")
    replace(pane.tmux)
    expect(await type(pane, text, { ...holdOptions, resume: true })).toMatchObject({ kind: "vanished" })
    await expectNothingTyped(pane)
  })
})

/** `cat` would show it, and what is typed now comes behind it. */
async function expectNothingTyped(pane: DoublePane): Promise<void> {
  pane.tmux("send-keys", "-t", "=sento:", "-l", "end")
  await until(() => pane.tmux("capture-pane", "-p", "-t", "=sento:").includes("end"))
  expect(pane.tmux("capture-pane", "-p", "-t", "=sento:").trim()).toBe("end")
  expect(pane.logged("submitted")).toEqual([])
}

describe("a pane that stays", () => {
  test("its session renamed: the delivery goes on, and the old name finds nothing", async () => {
    await using pane = await startDouble("claude")
    const text = tagged("renamed")
    const onPasted = (): void => void pane.tmux("rename-session", "-t", "=sento", "sento2")
    expect(await type(pane, text, { ...holdOptions, onPasted })).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted")).toEqual([text])
    expect(await findPane(pane.server, "sento")).toBeNull()
    expect(await findPane(pane.server, "sento2")).toEqual(pane.pinned)
  })

  test("its window moved to another session: the delivery goes on", async () => {
    await using pane = await startDouble("claude")
    const text = tagged("moved")
    pane.tmux("new-session", "-d", "-s", "other", "cat")
    pane.tmux("move-window", "-s", "=sento:0", "-t", "=other:5")
    expect(await type(pane, text)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted")).toEqual([text])
  })

  test("copy mode entered between the look and the paste: held, and typed once when it is left", async () => {
    await using pane = await startDouble("claude")
    const text = tagged("copy mode")
    const onPasted = (): void => void pane.tmux("copy-mode", "-t", "=sento:")
    expect(await type(pane, text, { ...holdOptions, onPasted })).toMatchObject({
      kind: "held",
      pasted: false,
    })
    expect(await type(pane, text)).toMatchObject({ kind: "held", state: "copy-mode", pasted: false })
    pane.tmux("send-keys", "-t", "=sento:", "-X", "cancel")
    expect(await typeUntilSettled(pane, "claude", text)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted")).toEqual([text])
  })

  test("a person begins to write between the look and the paste: held, and the draft stays alone", async () => {
    await using pane = await startDouble("claude")
    const onPasted = async (): Promise<void> => {
      pane.tmux("send-keys", "-t", "=sento:", "-l", "my own words")
      await untilState(pane, "claude", "draft")
    }
    const outcome = await type(pane, tagged("no"), { ...holdOptions, onPasted })
    expect(outcome).toMatchObject({ kind: "held", pasted: false })
    pane.tmux("send-keys", "-t", "=sento:", "Enter")
    await until(() => pane.logged("submitted").length > 0)
    expect(pane.logged("submitted")).toEqual(["my own words"])
  })

  test("dead, and kept on the screen: held", async () => {
    await using pane = await startDouble("claude")
    pane.tmux("set-option", "-t", "=sento:", "remain-on-exit", "on")
    process.kill(pane.pinned.pid, "SIGKILL")
    await until(async () => (await lookAtPane(pane.server, pane.pinned, "claude", false)).state === "absent")
    expect(await type(pane, tagged("no"))).toMatchObject({ kind: "held", state: "absent", pasted: false })
  })

  test("under CPU load: three deliveries, each once and in order", async () => {
    await using pane = await startDouble("claude")
    const load = Array.from({ length: navigator.hardwareConcurrency * 2 }, () =>
      Bun.spawn([process.execPath, "-e", "for (;;);"]),
    )
    try {
      const texts = Array.from({ length: 3 }, (_, index) => tagged(`under load ${index}`))
      for (const text of texts)
        expect(await typeUntilSettled(pane, "claude", text)).toEqual({ kind: "submitted" })
      expect(pane.logged("submitted")).toEqual(texts)
    } finally {
      for (const child of load) child.kill("SIGKILL")
    }
  }, 120_000)
})

describe("the program exits to a shell in the middle of a delivery: nothing is executed", () => {
  const hostile = (directory: string) =>
    tagged(`$(touch ${directory}/marker) \`touch ${directory}/marker\`; touch ${directory}/marker`)
  const manyLines = (directory: string) => tagged(`first\ntouch ${directory}/marker\nlast`)

  test.each([
    ["one line", hostile],
    ["several lines", manyLines],
  ])("killed between the look and the paste: %s", async (_, textFor) => {
    await using started = await startUnderShell()
    const { pane, directory } = started
    const onPasted = async (): Promise<void> => {
      const program = foregroundProcess(pane.pinned.pid)
      process.kill(program?.pid ?? 0, "SIGKILL")
      // Not until its prompt shows: that would move the cursor, and be easy to see.
      await until(() => foregroundProcess(pane.pinned.pid)?.pid === pane.pinned.pid)
    }
    const outcome = await type(pane, textFor(directory), { ...holdOptions, onPasted })
    expect(outcome).toMatchObject({ kind: "held", pasted: false })
    await expectNotExecuted(pane, directory)
  })

  test.each([
    ["one line", hostile],
    ["several lines", manyLines],
  ])("it quits at the paste: %s", async (_, textFor) => {
    await using started = await startUnderShell()
    const { pane, directory } = started
    pane.tmux("send-keys", "-t", "sento", "C-e")
    const text = textFor(directory)
    // While the program ends it may still own the terminal, without the screen that its profile knows.
    const gone = expect.stringMatching(/^(?:shell|other)$/)
    expect(await type(pane, text)).toMatchObject({ kind: "held", state: gone, pasted: true })
    await untilState(pane, "claude", "shell")
    const again = await type(pane, text, { ...holdOptions, resume: true })
    expect(again).toMatchObject({ kind: "held", state: "shell", pasted: true })
    await expectNotExecuted(pane, directory)
  })

  test("it quits with the message in its box", async () => {
    await using started = await startUnderShell()
    const { pane, directory } = started
    const text = manyLines(directory)
    const controller = new AbortController()
    const onPasted = (): void => controller.abort()
    await expect(type(pane, text, { ...holdOptions, signal: controller.signal, onPasted })).rejects.toThrow()
    await untilState(pane, "claude", "draft")
    pane.tmux("send-keys", "-t", "sento", "C-d")
    await untilState(pane, "claude", "shell")
    const outcome = await type(pane, text, { ...holdOptions, resume: true })
    expect(outcome).toMatchObject({ kind: "held", state: "shell", pasted: true })
    await expectNotExecuted(pane, directory)
  })

  /** The double as a person starts it: a job of an interactive shell. */
  async function startUnderShell() {
    const directory = mkdtempSync(join(tmpdir(), "sento-pane-"))
    const { command, log } = doubleCommand(directory, "claude")
    const pane = await startPane(directory, ["sh", "-i"], log, "#ready", { PS1: "#ready " })
    pane.tmux("send-keys", "-t", "sento", "-l", `clear; ${command}`)
    pane.tmux("send-keys", "-t", "sento", "Enter")
    await untilState(pane, "claude", "ready")
    return { pane, directory, [Symbol.asyncDispose]: () => pane[Symbol.asyncDispose]() }
  }

  /** What lies typed ahead is executed now; the shell takes one more command, and has then seen all before it. */
  async function expectNotExecuted(pane: DoublePane, directory: string): Promise<void> {
    await untilState(pane, "claude", "shell")
    // A line feed: a killed program leaves its raw mode behind, where a return ends no line.
    pane.tmux("send-keys", "-t", "sento", "C-j")
    pane.tmux("send-keys", "-t", "sento", "-l", `touch ${directory}/done`)
    pane.tmux("send-keys", "-t", "sento", "C-j")
    await until(() => existsSync(join(directory, "done")))
    expect(existsSync(join(directory, "marker"))).toBe(false)
  }
})
