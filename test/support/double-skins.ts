import type { AgentProgramName } from "../../src/protocol/names.ts"

/** How each program draws itself, after its real screens (test/screens). */
export type Scene = {
  readonly conversation: readonly string[]
  readonly draft: string
  readonly mode: "idle" | "busy" | "dialog" | "question" | "view"
  /** What a completion offers under the box; a return would choose it. */
  readonly menu: string | null
  /** Of the pane. */
  readonly columns: number
  readonly rows: number
}

/** The lines of a screen, its title, and where the cursor stands (from 0). */
export type Frame = {
  readonly lines: readonly string[]
  readonly title: string
  readonly x: number
  readonly y: number
}

export type Skin = {
  readonly alternate: boolean
  readonly collapsesAbove: number
  readonly collapsesLinesAbove: number
  readonly collapsed: (text: string) => string
  readonly frame: (scene: Scene) => Frame
}

const dim = (text: string) => `\x1b[2m${text}\x1b[0m`
const grey = (text: string, colour: number) => `\x1b[38;5;${colour}m${text}\x1b[39m`

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" })

/** Lines of at most so many columns; a wide character is not cut. */
function wrap(text: string, columns: number): string[] {
  return text.split("\n").flatMap(line => {
    const rows = [""]
    for (const { segment } of graphemes.segment(line)) {
      const row = rows.at(-1) ?? ""
      if (Bun.stringWidth(row + segment) > columns) rows.push(segment)
      else rows[rows.length - 1] = row + segment
    }
    return rows
  })
}

/**
 * OpenCode 1.18.33 takes more signs for two cells than tmux 3.3a does: a cell stays blank behind each. At the right edge it
 * draws one in both rows, and the next one beside the second.
 */
function wrapTwice(text: string, columns: number): string[] {
  return text.split("\n").flatMap(line => {
    const rows = [""]
    for (const { segment } of graphemes.segment(line)) {
      const row = rows.at(-1) ?? ""
      const isWide = /^[\u{1f000}-\u{1faff}]/u.test(segment) && Bun.stringWidth(segment) === 1
      const shown = isWide ? `${segment} ` : segment
      if (Bun.stringWidth(row + shown) <= columns) rows[rows.length - 1] = row + shown
      else {
        if (isWide) rows[rows.length - 1] = row + segment
        rows.push(segment)
      }
    }
    return rows
  })
}

/** The rows of a box without a prompt in front of them. */
export const rowsOf = (text: string, columns: number): string[] => wrap(text, columns - 4)

/** A box scrolls: of a text that is higher, it shows the end; how many rows are above it? */
function boxRows(
  text: string,
  columns: number,
  most: number,
  fold = wrap,
): { box: string[]; hidden: number } {
  const all = fold(text, columns)
  const hidden = Math.max(0, all.length - most)
  return { box: all.slice(hidden), hidden }
}

function endOf(lines: readonly string[]): number {
  return Bun.stringWidth(lines.at(-1) ?? "")
}

/** A view without a box, as every program has one for its transcript. */
function transcript(scene: Scene): Frame {
  const shown = scene.conversation.map(text => firstColumns(scene, text))
  const lines = ["T R A N S C R I P T", ...shown, "", "q to close"]
  return { lines, title: "transcript", x: 0, y: scene.rows - 1 }
}

function menuLines(scene: Scene): string[] {
  return scene.menu === null ? [] : [`  ${scene.menu}    a choice`, "  another one"]
}

const firstColumns = ({ columns }: Scene, text: string) =>
  wrap(text.split("\n")[0] ?? "", Math.min(90, columns - 4))[0] ?? ""

const history = (scene: Scene, mark: string) =>
  scene.conversation.flatMap(text => [mark + firstColumns(scene, text), ""])

/** Of what is higher than the pane, the end is to be seen. */
function fitted(frame: Frame, { rows }: Scene): Frame {
  const above = Math.max(0, frame.lines.length - rows)
  return { ...frame, lines: frame.lines.slice(above), y: Math.min(rows - 1, frame.y - above) }
}

const claude: Skin = {
  alternate: false,
  collapsesAbove: 800,
  collapsesLinesAbove: 3,
  collapsed: text => `[Pasted text #1 +${text.split("\n").length - 1} lines]`,
  frame: scene => {
    if (scene.mode === "view") return transcript(scene)
    const rule = "─".repeat(scene.columns)
    const above = history(scene, "❯ ")
    const spinner = scene.mode === "busy" ? ["✽ Gesticulating… (2s · ↓ 9 tokens)", ""] : []
    if (scene.mode === "dialog") {
      const asks = [
        rule,
        " Bash command",
        "",
        " Do you want to proceed?",
        " ❯ 1. Yes",
        "   2. No",
        "",
        " Esc to cancel",
      ]
      return { lines: [...above, ...asks], title: "✳ Claude Code", x: 1, y: above.length + 4 }
    }
    if (scene.mode === "question") {
      const asks = [rule, " ☐ Color", "Which color do you prefer?", "❯ 1. Red", "  2. Blue", rule]
      const foot = ["  3. Chat about this", "Enter to select · ↑/↓ to navigate · Esc to cancel"]
      return { lines: [...above, ...asks, ...foot], title: "✳ Claude Code", x: 0, y: above.length + 3 }
    }
    const { box, hidden } = boxRows(
      scene.draft,
      scene.columns - 4,
      Math.max(3, Math.floor(scene.rows / 2) - 5),
    )
    const drawn = box.map((line, index) => (index === 0 && hidden === 0 ? `❯\u00a0${line}` : `  ${line}`))
    const lines = [
      ...above,
      ...spinner,
      hidden === 0 ? rule : `─── ↑ ${hidden} more ${rule}`.slice(0, scene.columns),
      ...drawn,
      rule,
      ...menuLines(scene),
      scene.mode === "busy" ? "  esc to interrupt" : "  ? for shortcuts",
    ]
    const y = above.length + spinner.length + box.length
    return { lines, title: scene.mode === "busy" ? "⠐ Claude Code" : "✳ Claude Code", x: 2 + endOf(box), y }
  },
}

/** Of a box of Codex that has scrolled, the first row ends in an arrow at the pane's edge. */
const withArrow = (line: string, columns: number): string =>
  `${line}${" ".repeat(Math.max(1, columns - 1 - Bun.stringWidth(line)))}↑`

const codex: Skin = {
  alternate: true,
  collapsesAbove: 1000,
  collapsesLinesAbove: 999,
  collapsed: text => `[Pasted Content ${text.length} chars]`,
  frame: scene => {
    if (scene.mode === "view") return transcript(scene)
    const above = [
      ...history(scene, "› "),
      ...(scene.mode === "busy" ? ["• Working (2s • esc to interrupt)", ""] : []),
    ]
    if (scene.mode === "dialog") {
      const asks = [
        "  Would you like to run the following command?",
        "",
        "› 1. Yes, proceed (y)",
        "  2. No (esc)",
        "",
        "  Press enter to confirm or esc to cancel",
      ]
      return { lines: [...above, ...asks], title: "Action Required", x: scene.columns - 1, y: scene.rows - 1 }
    }
    if (scene.mode === "question") {
      const asks = ["  Which color do you prefer?", "  › 1. Red", "    2. Blue", "  enter to submit answer"]
      return { lines: [...above, ...asks], title: "work", x: 2, y: above.length + 1 }
    }
    const { box, hidden } = boxRows(scene.draft, scene.columns - 4, scene.rows - 4)
    const first = hidden === 0 ? (line: string) => line : (line: string) => withArrow(line, scene.columns)
    const drawn =
      scene.draft === ""
        ? [`› ${dim("Ask Codex to do anything")}`]
        : box.map((line, index) => (index === 0 ? first(`› ${line}`) : `  ${line}`))
    const y = above.length + drawn.length - 1
    return {
      lines: [...above, ...drawn, "", ...menuLines(scene), "  stub-model default"],
      title: scene.mode === "busy" ? "⠐ work" : "work",
      x: 2 + endOf(box),
      y,
    }
  },
}

const gemini: Skin = {
  alternate: false,
  collapsesAbove: 500,
  collapsesLinesAbove: 10,
  collapsed: text => `[Pasted Text: ${text.split("\n").length} lines]`,
  frame: scene => {
    if (scene.mode === "view") return transcript(scene)
    const above = [
      ...history(scene, "✦ "),
      ...(scene.mode === "busy" ? [" ⠴ Thinking... (esc to cancel, 5s)"] : []),
    ]
    if (scene.mode === "dialog") {
      return {
        lines: [...above, "│ Allow execution of [Shell]?  │", "│ ● 1. Allow once │", "│   2. No (esc) │"],
        title: "✋  Action Required",
        x: 0,
        y: scene.rows - 1,
      }
    }
    if (scene.mode === "question") {
      const asks = [
        "│ Which color do you prefer?  │",
        "│ ● 1. Red                    │",
        "│   2. Blue                   │",
      ]
      return { lines: [...above, ...asks], title: "◇  Ready (work)", x: 0, y: scene.rows - 1 }
    }
    const { box } = boxRows(scene.draft, scene.columns - 6, 10)
    const drawn =
      scene.draft === ""
        ? [` > ${grey("  Type your message or @path/to/file", 248)}`]
        : box.map((line, index) => (index === 0 ? ` > ${line}` : `   ${line}`))
    const y = above.length + 1 + drawn.length
    return {
      lines: [
        ...above,
        "─".repeat(scene.columns),
        " Shift+Tab to accept edits",
        ...drawn,
        ...menuLines(scene),
        "",
        " workspace (/directory)",
      ],
      title: scene.mode === "busy" ? "✦  Working…" : "◇  Ready (work)",
      x: 3 + endOf(box),
      y,
    }
  },
}

const opencode: Skin = {
  alternate: true,
  collapsesAbove: 150,
  collapsesLinesAbove: 2,
  collapsed: text => `[Pasted ~${text.split("\n").length} lines]`,
  frame: scene => {
    if (scene.mode === "view") return transcript(scene)
    const said = scene.conversation.flatMap(text => ["  ┃", `  ┃  ${firstColumns(scene, text)}`, "  ┃", ""])
    const above = said.length === 0 ? ["   █▀▀█ █▀▀█ █▀▀█", ""] : said
    if (scene.mode === "dialog") {
      return {
        lines: [...above, "  ┃  △ Permission required", "  ┃", "  ┃   Allow once   Reject    enter confirm"],
        title: "OpenCode",
        x: scene.columns - 2,
        y: scene.rows - 2,
      }
    }
    if (scene.mode === "question") {
      const asks = [
        "  ┃  Which color do you prefer?",
        "  ┃  1. Red",
        "  ┃  2. Blue",
        "  ┃  ⇆ select   enter submit",
      ]
      return { lines: [...above, ...asks], title: "OpenCode", x: scene.columns - 2, y: scene.rows - 2 }
    }
    const most = Math.max(6, Math.floor(scene.rows / 3))
    const { box } = boxRows(scene.draft, scene.columns - 8, most, wrapTwice)
    const drawn = scene.draft === "" ? [`  ┃  ${grey("Ask anything…", 8)}`] : box.map(line => `  ┃  ${line}`)
    const foot = scene.mode === "busy" ? "   ⬝⬝⬝⬝  esc interrupt" : "   tab agents"
    const y = above.length + menuLines(scene).length + drawn.length
    return {
      lines: [
        ...above,
        ...menuLines(scene),
        "  ┃",
        ...drawn,
        "  ┃",
        "  ┃  Build · Stub",
        `  ╹${"▀".repeat(scene.columns - 5)}`,
        foot,
      ],
      title: "OpenCode",
      x: 5 + endOf(box),
      y,
    }
  },
}

/** In a low pane Claude Code's box goes to the last row: its lower rule and its footer are not to be seen (40×10). */
function withoutFoot(frame: Frame, { rows }: Scene): Frame {
  const room = Math.max(frame.y + 1, rows)
  return { ...frame, lines: frame.lines.slice(0, room) }
}

const fittingTo = (skin: Skin, cut: (frame: Frame, scene: Scene) => Frame = frame => frame): Skin => ({
  ...skin,
  frame: scene => fitted(cut(skin.frame(scene), scene), scene),
})

export const skins = {
  claude: fittingTo(claude, withoutFoot),
  codex: fittingTo(codex),
  gemini: fittingTo(gemini),
  opencode: fittingTo(opencode),
} satisfies Readonly<Record<AgentProgramName, Skin>>
