/** What tmux is asked to compare as it pastes, word for word. What tmux makes of it: precondition.test.ts. */
import { describe, expect, test } from "bun:test"
import { unchangedFormat } from "../../src/tmux/precondition.ts"
import { parseScreen } from "../../src/tmux/screen.ts"
import type { Snapshot } from "../../src/tmux/snapshot.ts"

const snapshot = (more: Partial<Snapshot> = {}): Snapshot => ({
  ...{ lines: parseScreen("first\nsecond"), cursor: { x: 3, y: 1 }, title: "a title", command: "node" },
  ...{ copyMode: false, alternateScreen: false, width: 60, height: 20 },
  ...{ program: { executable: "node", name: "node", arguments: [] } },
  ...{ lastKeyAt: null, keyboards: [], sessionKeys: "5 6 " },
  ...more,
})
const format = (more: Partial<Snapshot> = {}, titleCounts = true): string =>
  unchangedFormat(77, snapshot(more), titleCounts)
const place = "#{cursor_x}.#{cursor_y}.#{alternate_on}.#{pane_dead}.#{pane_pid}"

test("the place, the mode, the keys, the row of the cursor, the command and the title: all of them", () => {
  expect(format()).toBe(
    `#{&&:#{==:${place},3.1.0.0.77},` +
      "#{&&:#{==:#{pane_in_mode},0}," +
      "#{&&:#{==:#{S:#{session_activity} },5 6 }," +
      "#{&&:#{!=:#{C/r:^second.?.?$},0}," +
      "#{&&:#{m:node,#{pane_current_command}}," +
      "#{m:a title,#{pane_title}}}}}}}",
  )
})

test("another screen, and a title that turns", () => {
  expect(format({ alternateScreen: true })).toContain(",3.1.1.0.77}")
  expect(format({}, false)).not.toContain("title")
})

describe("the row of the cursor", () => {
  const row = (text: string, y = 0): string | undefined =>
    /C\/r:(.*?)\},0\}/.exec(format({ lines: parseScreen(text), cursor: { x: 0, y } }))?.[1]
  test.each([
    ["whole, to its end", "words", "^words.?.?$"],
    ["of 60 signs, to its end", "x".repeat(60), `^${"x".repeat(60)}.?.?$`],
    ["of 61 signs, its beginning", "x".repeat(61), `^${"x".repeat(60)}`],
    ["of signs of two code units, its beginning", "👍".repeat(61), `^${"👍".repeat(60)}`],
    ["with what is syntax as any one sign", "a.b*c#{d}é─", "^a.b.c..d.é─.?.?$"],
    ["empty: not asked for", "", undefined],
  ] as const)("%s", (_, text, want) => expect(row(text)).toBe(want as string))

  test("that is not there is not asked for", () => expect(row("words", 5)).toBeUndefined())
})

test("what is syntax in a name fits any one sign", () => {
  expect(format({ command: "a*b[c]", title: "#{x},%y" })).toContain("#{m:a?b?c?,#{pane_current_command}}")
  expect(format({ title: "#{x},%y" })).toContain("#{m:??x???y,#{pane_title}}")
})
