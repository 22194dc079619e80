/** The profile plain: any program that reads lines, with and without bracketed paste. */
import { describe, expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mostLineBytes } from "../../src/tmux/terminal.ts"
import { lookAtPane, typeIntoPane } from "../../src/tmux/typing.ts"
import {
  type DoublePane,
  holdOptions,
  startPane,
  typeUntilSettled,
  until,
  untilState,
} from "../support/pane.ts"
import { textKinds } from "../support/texts.ts"
import { tagged } from "../support/typing-suite.ts"

async function startReader(mode: "cooked" | "raw" | "bracketed"): Promise<DoublePane> {
  const directory = mkdtempSync(join(tmpdir(), "sento-pane-"))
  const log = join(directory, "log")
  const script = join(import.meta.dir, "../support/line-reader.ts")
  const pane = await startPane(directory, [process.execPath, script, mode, log], log, '"ready"')
  await untilState(pane, "plain", "ready")
  return pane
}

const asOneLine = (text: string): string => text.replace(/\n */g, " ⏎ ")

describe.each(["cooked", "raw", "bracketed"] as const)("a program that reads lines, %s", mode => {
  test("gets every kind of text as one line, once and in order", async () => {
    await using pane = await startReader(mode)
    const texts = textKinds.map(([, body]) => tagged(body))
    for (const text of texts)
      expect(await typeUntilSettled(pane, "plain", text)).toEqual({ kind: "submitted" })
    await until(() => pane.logged("submitted").length >= texts.length)
    expect(pane.logged("submitted").map(line => line.trimEnd())).toEqual(texts.map(asOneLine))
  }, 120_000)

  test("is not typed into under the profile of an agent program", async () => {
    await using pane = await startReader(mode)
    const outcome = await typeIntoPane(pane.server, pane.pinned, "claude", tagged("no"), holdOptions)
    expect(outcome).toMatchObject({ kind: "held", state: "other", pasted: false })
  })
})

describe("a line longer than a terminal keeps", () => {
  const longest = `${tagged("")}${"é".repeat(mostLineBytes)}`
  const cut = (bytes: number): string => {
    let text = longest
    while (Buffer.byteLength(text) > bytes) text = text.slice(0, -1)
    return text
  }

  test("arrives whole up to the limit where the terminal collects lines", async () => {
    await using pane = await startReader("cooked")
    const text = cut(mostLineBytes)
    expect(await typeUntilSettled(pane, "plain", text)).toEqual({ kind: "submitted" })
    await until(() => pane.logged("submitted").length > 0)
    expect(pane.logged("submitted")).toEqual([text])
  })

  test("is held above it, with the reason, and not cut in silence", async () => {
    await using pane = await startReader("cooked")
    const outcome = await typeIntoPane(pane.server, pane.pinned, "plain", longest, holdOptions)
    expect(outcome).toEqual({
      kind: "held",
      state: "other",
      reason: `the terminal keeps ${mostLineBytes} bytes of a line, and the message has ${Buffer.byteLength(longest)}`,
      pasted: false,
    })
    expect(pane.logged("submitted")).toEqual([])
  })

  test.each(["raw", "bracketed"] as const)(
    "arrives whole where the program collects them: %s",
    async mode => {
      await using pane = await startReader(mode)
      const text = `${longest} end`
      expect(await typeUntilSettled(pane, "plain", text)).toEqual({ kind: "submitted" })
      await until(() => pane.logged("submitted").length > 0)
      expect(pane.logged("submitted")).toEqual([text])
    },
    120_000,
  )
})

test("a shell is typed into under no profile, unless the owner allowed it for plain", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sento-pane-"))
  await using pane = await startPane(directory, ["sh", "-i"], join(directory, "log"), "#ready", {
    PS1: "#ready ",
  })
  const state = async (allowShell: boolean) =>
    (await lookAtPane(pane.server, pane.pinned, "plain", allowShell)).state
  expect([await state(false), await state(true)]).toEqual(["shell", "ready"])
  const outcome = await typeIntoPane(
    pane.server,
    pane.pinned,
    "plain",
    tagged("$(touch marker)"),
    holdOptions,
  )
  expect(outcome).toMatchObject({ kind: "held", state: "shell", pasted: false })
  expect(pane.tmux("capture-pane", "-p", "-t", "sento")).not.toContain("agent mira")
})

test("a full-screen program is not typed into under plain", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sento-pane-"))
  const command = ["sh", "-c", "printf '\\033[?1049hready'; exec cat"]
  await using pane = await startPane(directory, command, join(directory, "log"), "ready")
  await untilState(pane, "plain", "other")
  const outcome = await typeIntoPane(pane.server, pane.pinned, "plain", tagged("no"), holdOptions)
  expect(outcome).toMatchObject({ kind: "held", state: "other", pasted: false })
})
