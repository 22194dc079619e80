/** How each program draws itself, after its real screens (test/screens). */
export type Scene = {
  readonly conversation: readonly string[]
  readonly draft: string
  readonly mode: "idle" | "busy" | "dialog"
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

const width = 120
const rule = "─".repeat(width)
const dim = (text: string) => `\x1b[2m${text}\x1b[0m`
const grey = (text: string, colour: number) => `\x1b[38;5;${colour}m${text}\x1b[39m`

function wrap(text: string, columns: number): string[] {
  return text.split("\n").flatMap(line => line.match(new RegExp(`.{1,${columns}}`, "gu")) ?? [""])
}

/** The end of the box's text, in columns; the doubles' own tests use no wide characters at line ends. */
function endOf(lines: readonly string[]): number {
  return Bun.stringWidth(lines.at(-1) ?? "")
}

const history = (scene: Scene, mark: string) =>
  scene.conversation.flatMap(text => [mark + text.slice(0, 90).split("\n")[0], ""])

const claude: Skin = {
  alternate: false,
  collapsesAbove: 800,
  collapsesLinesAbove: 3,
  collapsed: text => `[Pasted text #1 +${text.split("\n").length - 1} lines]`,
  frame: scene => {
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
    const box = wrap(scene.draft, width - 4)
    const drawn = box.map((line, index) => (index === 0 ? `❯\u00a0${line}` : `  ${line}`))
    const lines = [
      ...above,
      ...spinner,
      rule,
      ...drawn,
      rule,
      scene.mode === "busy" ? "  esc to interrupt" : "  ? for shortcuts",
    ]
    const y = above.length + spinner.length + box.length
    return { lines, title: scene.mode === "busy" ? "⠐ Claude Code" : "✳ Claude Code", x: 2 + endOf(box), y }
  },
}

const codex: Skin = {
  alternate: true,
  collapsesAbove: 1000,
  collapsesLinesAbove: 999,
  collapsed: text => `[Pasted Content ${text.length} chars]`,
  frame: scene => {
    const above = [
      ...history(scene, "• "),
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
      return { lines: [...above, ...asks], title: "Action Required", x: 119, y: 39 }
    }
    const box = wrap(scene.draft, width - 4)
    const drawn =
      scene.draft === ""
        ? [`› ${dim("Ask Codex to do anything")}`]
        : box.map((line, index) => (index === 0 ? `› ${line}` : `  ${line}`))
    const y = above.length + drawn.length - 1
    return {
      lines: [...above, ...drawn, "", "  stub-model default"],
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
    const above = [
      ...history(scene, "✦ "),
      ...(scene.mode === "busy" ? [" ⠴ Thinking... (esc to cancel, 5s)"] : []),
    ]
    if (scene.mode === "dialog") {
      return {
        lines: [...above, "│ Allow execution of [Shell]?  │", "│ ● 1. Allow once │", "│   2. No (esc) │"],
        title: "✋  Action Required",
        x: 0,
        y: 39,
      }
    }
    const box = wrap(scene.draft, width - 6)
    const drawn =
      scene.draft === ""
        ? [` > ${grey("  Type your message or @path/to/file", 248)}`]
        : box.map((line, index) => (index === 0 ? ` > ${line}` : `   ${line}`))
    const y = above.length + 1 + drawn.length
    return {
      lines: [...above, rule, " Shift+Tab to accept edits", ...drawn, "", " workspace (/directory)"],
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
    const above = scene.conversation.flatMap(text => [
      "  ┃",
      `  ┃  ${text.slice(0, 90).split("\n")[0]}`,
      "  ┃",
      "",
    ])
    if (scene.mode === "dialog") {
      return {
        lines: [...above, "  ┃  △ Permission required", "  ┃", "  ┃   Allow once   Reject    enter confirm"],
        title: "OpenCode",
        x: 118,
        y: 38,
      }
    }
    const box = wrap(scene.draft, width - 8)
    const drawn = scene.draft === "" ? [`  ┃  ${grey("Ask anything…", 8)}`] : box.map(line => `  ┃  ${line}`)
    const foot = scene.mode === "busy" ? "   ⬝⬝⬝⬝  esc interrupt" : "   tab agents"
    const y = above.length + drawn.length
    return {
      lines: [...above, "  ┃", ...drawn, "  ┃", "  ┃  Build · Stub", `  ╹${"▀".repeat(80)}`, foot],
      title: "OpenCode",
      x: 5 + endOf(box),
      y,
    }
  },
}

export const skins = { claude, codex, gemini, opencode } as const
