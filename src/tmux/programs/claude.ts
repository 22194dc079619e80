import {
  boxText,
  composerState,
  emptyBox,
  lastLine,
  noBox,
  type Reading,
  reading,
  withFinalSpace,
} from "../box-reading.ts"
import type { AgentProgram } from "../profile.ts"
import type { Line, Screen } from "../screen.ts"

/** Claude Code 2.1.197 to 2.1.332: a box between two rules, `❯` and a no-break space in front. */
export const claude: AgentProgram<"claude"> = {
  name: "claude",
  settleMilliseconds: 100,
  queueKey: "\r",
  takeOutKeys: { kill: "\x15" },
  collapsed: /\[Pasted text #\d+( \+(?<lines>\d+) lines)?\]/,
  exactBox: true,
  read,
  adapt: text => withFinalSpace(withoutMentions(withoutImages(withoutKeyword(text)))),
  paths: [
    // Its own installer: ~/.local/share/claude/versions/2.1.332, or below XDG_DATA_HOME.
    /\/claude\/versions\/\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/,
    /(?:^|\/)@anthropic-ai\/claude-code\/cli(?:-wrapper)?\.[cm]?[jt]s$/,
  ],
  variables: /^CLAUDECODE$/,
  // From its documentation and `--help`; the screen as seen (2.1.332).
  unasked: {
    options: [
      "--dangerously-skip-permissions",
      "--permission-mode bypassPermissions",
      "--permission-mode auto",
      "--permission-mode dontAsk",
    ],
    modeIn: line => /^ *⏵⏵ ((?:bypass permissions|auto mode|don't ask) on)\b/.exec(line)?.[1] ?? null,
  },
}

/**
 * The bare word anywhere in a prompt makes 2.1.332 add a skill of its own of 17,000 characters to it; in quotes it is
 * a word. (`ultrathink`, `ultraplan` and `workflow` change nothing of the prompt.)
 */
const withoutKeyword = (text: string): string =>
  text.replace(/(?<![\p{L}\p{N}_"'`])ultracode(?![\p{L}\p{N}_"'`])/giu, '"$&"')

/**
 * A line that is the path of an image, or several, 2.1.332 takes out of a paste, opens the file and puts the picture
 * before the model, unasked; in backquotes it is a line. The first line has the tag before it.
 */
const withoutImages = (text: string): string => text.replace(imageLine, "$1`$2`")

const imageLine = /^([^\S\n]+)(["'/\\~.].*\.(?:png|jpe?g|gif|webp)["']?)(?=[^\S\n]*$)/gimu

/** A file of the working directory is read by its bare name, too, unasked: `@Makefile` (2.1.332). */
const withoutMentions = (text: string): string => text.replace(/(?<![\p{L}\p{M}\p{N}_])@/gu, "＠")

/** The rules above and below the box; the upper one says ` ↑ 3 more ` where the box has scrolled (2.1.332). */
const rule = /^─{3,}( .+ ─+)?$/
const scrolled = /^─{3,} ↑ \d+ more ─/
const dialog = /\b(Esc|Enter) to (cancel|confirm|select|exit)\b|Do you want to |^ *❯ \d+\. /

function read(snapshot: Screen): Reading {
  const box = findBox(snapshot)
  if (box === null) return choiceOrNoBox(snapshot.lines)
  if (/^[!#]/.test(box.lines[0]?.text ?? "")) return reading("draft", "the box is in shell mode", null)
  const text = boxText(box.lines, /^❯[\s\u00a0]?/, run => run.dim)
  if (isAgentsView(box, text)) return reading("other", "the agents view is open", null)
  const isQueueHint = text === "Press up to edit queued messages"
  const shown = { text, rows: box.lines.length, isCut: box.isCut }
  return composerState(isQueueHint ? emptyBox : shown, isBusy(snapshot, box.below))
}

/**
 * Its box looks ready, and return begins a session. Its title says so too, but so may a title that 2.1.332 makes of
 * the conversation.
 */
const isAgentsView = ({ below }: FoundBox, text: string): boolean =>
  text === "describe a task for a new session" ||
  below.some(line => /^ *enter to (return|create|open|reply)\b/.test(line.text))

type FoundBox = {
  readonly lines: readonly Line[]
  /** What stands below its lower rule. */
  readonly below: readonly Line[]
  readonly isCut: boolean
}

/**
 * The lines between the rules around the cursor: a dialog moves it away, and a status line may bring rules of its
 * own. No line of a text begins with a rule, as each is indented. In a pane of 40×10 the lower rule is not to be seen,
 * and of a long text in 2.1.197, whose box does not scroll, the upper one.
 */
function findBox({ lines, cursor }: Screen): FoundBox | null {
  const top = lastLine(lines, rule, cursor.y)
  const lower = lines.findIndex((line, index) => index > cursor.y && rule.test(line.text))
  const bottom = lower < 0 ? lines.length : lower
  if (top < 0 && bottom === lines.length) return null
  const below = lines.slice(bottom + 1)
  if (below.some(line => dialog.test(line.text))) return null
  const [first, ...others] = lines.slice(top + 1, bottom)
  const isCut = top < 0 || scrolled.test(lines[top]?.text ?? "")
  const begins = isCut ? further : /^(❯([\s\u00a0]|$)|[!#])/
  if (first === undefined || !begins.test(first.text)) return null
  return others.every(line => further.test(line.text)) ? { lines: [first, ...others], below, isCut } : null
}

const further = /^( {2}|$)/

/** What has no box asks something where a choice is pointed at below the last rule, whatever its words are. */
function choiceOrNoBox(lines: readonly Line[]): Reading {
  const isChoice = lines.slice(lastLine(lines, rule) + 1).some(line => /^ *❯ \S/.test(line.text))
  return isChoice || lines.some(line => dialog.test(line.text))
    ? reading("dialog", "Claude Code waits for an answer", null)
    : noBox("Claude Code")
}

/** The title's spinner is a braille letter; the footer names the interrupt key, except over a draft. */
function isBusy({ title, lines }: Screen, footer: readonly Line[]): boolean {
  return (
    /^[\u2800-\u28ff]/u.test(title) ||
    footer.some(line => line.text.includes("esc to interrupt")) ||
    lines.some(line => /^[✢✳✶✻✽·*] \S+… \(\d+s/.test(line.text))
  )
}
