/** Each program's box in every size of pane, as the doubles draw it, and a pane that changes its size meanwhile. */
import { describe, expect, test } from "bun:test"
import { layOut } from "../../src/protocol/layout.ts"
import { boxContent } from "../../src/tmux/box.ts"
import { profiles } from "../../src/tmux/readiness.ts"
import { parseScreen } from "../../src/tmux/screen.ts"
import type { Snapshot } from "../../src/tmux/snapshot.ts"
import { typeIntoPane } from "../../src/tmux/typing.ts"
import { skins } from "../support/double-skins.ts"
import { type DoubleName, holdOptions, startDouble, typeUntilSettled, until } from "../support/pane.ts"
import { tagged } from "../support/typing-suite.ts"

const programs = ["claude", "codex", "gemini", "opencode"] as const

const words = (length: number): string =>
  Array.from({ length }, (_, index) => `w${(index * 7919) % 1000}`)
    .join(" ")
    .slice(0, length)

const bodies = [
  ...[1, 30, 120, 400, 790].map(length => `${words(length)} end`),
  "幅が二つになる日本語の文章".repeat(20),
  Array.from({ length: 12 }, (_, index) => `line ${index} of them`).join("\n"),
]

function* everySize(): Generator<readonly [columns: number, rows: number]> {
  for (let columns = 40; columns <= 250; columns += columns < 60 ? 4 : 38)
    for (let rows = 10; rows <= 70; rows += rows < 26 ? 2 : 22) yield [columns, rows]
}

function drawn(name: DoubleName, draft: string, columns: number, rows: number): Snapshot {
  const conversation = ["what came before"]
  const frame = skins[name].frame({ conversation, draft, mode: "idle", menu: null, columns, rows })
  return {
    cursor: { x: frame.x, y: frame.y },
    title: frame.title,
    command: name,
    copyMode: false,
    alternateScreen: skins[name].alternate,
    width: columns,
    height: rows,
    lines: parseScreen(frame.lines.join("\n")),
    program: { executable: name, name, arguments: [] },
    lastKeyAt: null,
    keyboards: [],
    sessionKeys: "",
  } as unknown as Snapshot
}

describe.each(programs)("the box of %s, from 40×10 to 250×70", name => {
  const profile = profiles[name]

  test("is empty, is ours, or holds more, and is never taken for anything else", () => {
    const wrong: string[] = []
    for (const [columns, rows] of everySize()) {
      const read = (draft: string, text: string): string => {
        const { state, box } = profile.read(drawn(name, draft, columns, rows))
        return `${state} ${boxContent(profile, box, text)}`
      }
      if (read("", "x") !== "ready empty") wrong.push(`${columns}×${rows} empty: ${read("", "x")}`)
      for (const body of bodies) {
        const text = layOut("mira", "k7q2", body)
        const found = [read(text, text), read(`${text} no`, text)]
        const isRight = found[0] === "draft ours" && /^draft (joined|foreign)$/.test(found[1] ?? "")
        if (!isRight) wrong.push(`${columns}×${rows} ${body.length}: ${found}`)
      }
    }
    expect(wrong).toEqual([])
  }, 120_000)
})

describe.each(programs)("the pane of %s", name => {
  test("a text is submitted once in small panes, and where the size changes behind the paste", async () => {
    await using pane = await startDouble(name)
    const resize = (columns: number, rows: number): string =>
      pane.tmux("resize-window", "-t", "sento", "-x", String(columns), "-y", String(rows))
    const isDrawn = (): boolean => pane.tmux("capture-pane", "-p", "-t", "sento").split("\n").some(Boolean)
    const texts: string[] = []
    for (const [columns, rows] of [
      [40, 10],
      [80, 24],
    ] as const) {
      resize(columns, rows)
      await until(isDrawn)
      const text = tagged(`${words(140)} end`)
      expect(await typeUntilSettled(pane, name, text)).toEqual({ kind: "submitted" })
      texts.push(text)
    }
    const text = tagged(`${words(140)} of a changing pane`)
    const onPasted = (): void => void setTimeout(() => resize(100, 20), 30)
    const outcome = await typeIntoPane(pane.server, pane.pinned, name, text, { ...holdOptions, onPasted })
    expect(await typeUntilSettled(pane, name, text, outcome)).toEqual({ kind: "submitted" })
    expect(pane.logged("submitted")).toEqual([...texts, text])
  }, 120_000)
})
