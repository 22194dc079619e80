import { type Snapshot, sessionKeysFormat } from "./snapshot.ts"

/**
 * A tmux format that is true while the pane is as the snapshot saw it. tmux decides it in the same call that
 * pastes, so nothing can come between look and key. Opening a dialog moves the cursor in all four programs, but for
 * one that puts it where the empty box has it ("Make auto mode your default permission mode?", Claude Code 2.1.332):
 * so the row of the cursor has to be there as it was, too.
 * @param titleCounts - false while a spinner turns in the title
 */
export function unchangedFormat(pid: number, snapshot: Snapshot, titleCounts: boolean): string {
  const cursor = `#{cursor_x}.#{cursor_y}.#{alternate_on}.#{pane_dead}.#{pane_pid}`
  const { x, y } = snapshot.cursor
  const alternate = snapshot.alternateScreen ? 1 : 0
  const conditions = [
    `#{==:${cursor},${x}.${y}.${alternate}.0.${pid}}`,
    "#{==:#{pane_in_mode},0}",
    `#{==:${sessionKeysFormat},${snapshot.sessionKeys}}`,
    ...cursorRow(snapshot),
    `#{m:${glob(snapshot.command)},#{pane_current_command}}`,
    ...(titleCounts ? [`#{m:${glob(snapshot.title)},#{pane_title}}`] : []),
  ]
  return conditions.reduceRight((rest, condition) => `#{&&:${condition},${rest}}`)
}

/** The pane still shows the row in which the cursor was, of a long one its beginning. */
function cursorRow({ lines, cursor }: Snapshot): string[] {
  const row = lines[cursor.y]?.text ?? ""
  if (row === "") return []
  const start = [...row].slice(0, comparedSigns).join("")
  // Claude Code's empty box ends in a no-break space, which counts as two characters outside of UTF-8.
  return [`#{!=:#{C/r:^${expression(start)}${start === row ? ".?.?$" : ""}},0}`]
}

const comparedSigns = 60

/** A regular expression (regex(7)); what it or tmux would read as syntax matches any one character instead. */
const expression = (text: string): string => text.replace(/[^\p{L}\p{N}\P{ASCII} ]/gu, ".")

/** A pattern of fnmatch(3): what tmux or fnmatch would read as syntax matches any one character instead. */
function glob(text: string): string {
  return text.replace(/[#{},:*?[\]\\;"'%$]/g, "?")
}
