/** The last guards before a key: what tmux itself compares as it pastes, and what a look refuses. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createHands } from "../../src/tmux/own-hands.ts"
import type { PinnedPane } from "../../src/tmux/pane.ts"
import { unchangedFormat } from "../../src/tmux/precondition.ts"
import { type Look, look, type Snapshot } from "../../src/tmux/snapshot.ts"
import { type DoublePane, startPane, until } from "../support/pane.ts"

let pane: DoublePane
let seen: Snapshot

const rows = "printf 'first row\\nthe row of the cursor: '; exec cat"

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "sento-guards-"))
  pane = await startPane(folder, ["sh", "-c", rows], join(folder, "log"), "cursor:")
  pane.tmux("select-pane", "-t", "=sento:", "-T", "a title")
  await until(async () => (await snapshot())?.command === "cat")
  seen = (await snapshot()) as Snapshot
})
afterAll(() => pane[Symbol.asyncDispose]())

async function snapshot(pinned: PinnedPane = pane.pinned): Promise<Snapshot | null> {
  const found = await look(pane.server, pinned)
  return found.kind === "seen" ? found.snapshot : null
}

/** What tmux makes of the format. */
const holds = (was: Snapshot, pid = pane.pinned.pid, titleCounts = true): boolean => {
  const said = pane.tmux(
    "display-message",
    "-p",
    "-t",
    pane.pinned.pane,
    unchangedFormat(pid, was, titleCounts),
  )
  expect(["0\n", "1\n"]).toContain(said)
  return said === "1\n"
}

test("a pane that is as it was is typed into", () => expect([holds(seen), holds(seen)]).toEqual([true, true]))

describe("one that was otherwise is not:", () => {
  const at = (x: number, y: number) => ({ cursor: { x: seen.cursor.x + x, y: seen.cursor.y + y } })
  /** The row of the cursor as it was. */
  const row = (text: string) => ({
    lines: seen.lines.map((line, y) => (y === seen.cursor.y ? { ...line, text } : line)),
  })
  test.each<[string, () => Partial<Snapshot>]>([
    ["the cursor in another column", () => at(1, 0)],
    [
      "the cursor in another row",
      () => ({ ...at(0, 1), lines: seen.lines.map(line => ({ ...line, text: "" })) }),
    ],
    ["another screen", () => ({ alternateScreen: true })],
    ["another command", () => ({ command: "vim" })],
    ["a command with the same beginning", () => ({ command: "catx" })],
    ["another title", () => ({ title: "another" })],
    ["a key of a client since", () => ({ sessionKeys: "1 " })],
    ["another row of the cursor", () => row("the row of the cursors")],
    ["a row that had less behind it", () => row("the row of the")],
    ["a row that began otherwise", () => row(" the row of the cursor:")],
  ])("%s", (_, change) => expect(holds({ ...seen, ...change() })).toBe(false))

  test("another process", () => expect(holds(seen, pane.pinned.pid + 1)).toBe(false))

  test("a title does not count where it turns", () =>
    expect([holds({ ...seen, title: "⠋" }, pane.pinned.pid, false), holds({ ...seen, title: "⠋" })]).toEqual([
      true,
      false,
    ]))

  test("an empty row of the cursor, and a row of which a terminal draws a sign otherwise, are as they were", () => {
    expect(holds({ ...seen, ...row("") })).toBe(true)
    expect(holds({ ...seen, ...row("the row (of the cursor:") })).toBe(false)
    expect(holds({ ...seen, ...row("the row#of the cursor:") })).toBe(true)
  })

  test("nothing in a name is read as a pattern: what would be, fits any one sign", () => {
    const is = (command: string): boolean => holds({ ...seen, command })
    expect(["*", "[a-z]*", "c*", "????", "#{pane_title}"].filter(is)).toEqual([])
    expect(["???", "c,t", "cat"].filter(is)).toEqual(["???", "c,t", "cat"])
  })

  test("copy mode", () => {
    pane.tmux("copy-mode", "-t", "=sento:")
    expect(holds(seen)).toBe(false)
    pane.tmux("send-keys", "-t", "=sento:", "-X", "cancel")
    expect(holds(seen)).toBe(true)
  })
})

describe("a look at a pinned pane that is another one tells nothing of it:", () => {
  const other = (change: Partial<PinnedPane>): Promise<Look> =>
    look(pane.server, { ...pane.pinned, ...change })
  test.each<[string, () => Partial<PinnedPane>, string]>([
    [
      "the same name with another process",
      () => ({ pid: pane.pinned.pid + 1 }),
      "another program was started in the pane",
    ],
    [
      "the same pid, started at another time",
      () => ({ startTicks: pane.pinned.startTicks + 1 }),
      "the process in the pane is another one",
    ],
    ["a name that is none any more", () => ({ pane: "%99" }), "the pane was closed"],
  ])("%s", async (_, change, reason) => expect(await other(change())).toEqual({ kind: "absent", reason }))

  test("the same, and nothing changed", async () => expect((await other({})).kind).toBe("seen"))

  test("of the session's other pane, which is the active one now", async () => {
    pane.tmux("split-window", "-t", "=sento:", "cat")
    expect((await snapshot())?.command).toBe("cat")
    const panes = pane.tmux("list-panes", "-t", "=sento:", "-F", "#{pane_id}").trim().split("\n")
    const active = panes.find(one => one !== pane.pinned.pane) ?? ""
    expect(await other({ pane: active })).toMatchObject({ kind: "absent" })
    pane.tmux("kill-pane", "-t", active)
  })
})

describe("hands", () => {
  const wish = { session: "sento", profile: "claude" } as const
  const find = (kept: PinnedPane | null, session = "sento") =>
    createHands(pane.server).find(kept, { ...wish, session })

  test("keep to the pane that they were given", async () =>
    expect(await find(pane.pinned)).toEqual({
      pane: pane.pinned,
      target: { kind: "pane", pane: pane.pinned, profile: "claude" },
    }))

  test.each<[string, () => Partial<PinnedPane>]>([
    ["started at another time", () => ({ startTicks: pane.pinned.startTicks + 1 })],
    ["of another process", () => ({ pid: process.pid })],
    ["of another name", () => ({ pane: "%99" })],
  ])("take none in the place of one %s: it is another session now", async (_, change) => {
    const kept = { ...pane.pinned, ...change() }
    expect(await find(kept)).toEqual({
      pane: kept,
      target: {
        kind: "none",
        state: "other",
        reason: "the session sento is another one now; `sento guard attach` takes it as it is",
        isAnew: true,
      },
    })
  })

  test("find none in a session that is not there, though another's name begins like it", async () =>
    expect(await find(null, "sent")).toMatchObject({ target: { kind: "none", state: "absent" } }))
})

test("keys of a client that only reads are none, and those of one that types are", async () => {
  const attach = (flag: string): string =>
    `env -u TMUX TERM=xterm-256color tmux -u -S ${pane.server.socket} attach ${flag} -t =sento`
  pane.tmux("new-session", "-d", "-s", "reader", "-x", "80", "-y", "24", attach("-r"))
  await until(() => pane.tmux("list-clients", "-t", "=sento:").trim() !== "")
  expect(await snapshot()).toMatchObject({ lastKeyAt: null, keyboards: [] })
  pane.tmux("new-session", "-d", "-s", "typer", "-x", "80", "-y", "24", attach(""))
  await until(async () => (await snapshot())?.keyboards.length === 1)
  expect((await snapshot())?.lastKeyAt).toBeGreaterThan(0)
  for (const session of ["reader", "typer"]) pane.tmux("kill-session", "-t", `=${session}`)
})

test("one whose program has ended is absent", async () => {
  pane.tmux("set-option", "-g", "remain-on-exit", "on")
  pane.tmux("send-keys", "-t", "=sento:", "C-c")
  await until(async () => (await snapshot()) === null)
  expect(await look(pane.server, pane.pinned)).toEqual({
    kind: "absent",
    reason: "the program in the pane ended",
  })
  expect(holds(seen)).toBe(false)
})
