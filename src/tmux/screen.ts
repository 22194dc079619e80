/** One stretch of a line in one style, as `tmux capture-pane -e` tells it. */
export type Run = {
  readonly text: string
  readonly dim: boolean
  /** Usually the cell of a cursor that the program draws itself. */
  readonly reverse: boolean
  /** SGR parameters of the foreground, `38;5;248`, or null for the default. */
  readonly colour: string | null
  /** The same of the background, `48;5;234`. */
  readonly ground: string | null
}

/** A line of the screen: its characters, and the same in styled stretches. */
export type Line = { readonly text: string; readonly runs: readonly Run[] }

/** A pane as a person sees it. */
export type Screen = {
  readonly cursor: { readonly x: number; readonly y: number }
  readonly title: string
  readonly alternateScreen: boolean
  readonly width: number
  readonly height: number
  readonly lines: readonly Line[]
}

type Style = Omit<Run, "text">

const plainStyle: Style = { dim: false, reverse: false, colour: null, ground: null }

/** Reads what `capture-pane -e` printed. Styles last over line ends: tmux prints changes only. */
export function parseScreen(captured: string): Line[] {
  let style = plainStyle
  return captured
    .replace(/\n$/, "")
    .split("\n")
    .map(raw => {
      const runs: Run[] = []
      for (const [, parameters, text] of raw.matchAll(
        /\x1b\[([\d;:]*)m|([^\x1b\x0e\x0f]+)|\x1b\][^\x1b]*\x1b\\|[\x0e\x0f\x1b]/g,
      )) {
        if (parameters !== undefined) style = applySgr(style, parameters)
        else if (text !== undefined) runs.push({ text, ...style })
      }
      return {
        text: runs
          .map(run => run.text)
          .join("")
          .trimEnd(),
        runs,
      }
    })
}

/** A parameter with colons is one whole: `4:2` underlines twice (as tmux 3.3a prints it), `58:2::r:g:b` colours the line. */
function applySgr(style: Style, parameters: string): Style {
  const codes = parameters.split(";")
  let next = style
  for (let index = 0; index < codes.length; index++) {
    const [code = "", ...parts] = codes[index]?.split(":") ?? []
    const isLong = code === "38" || code === "48" || code === "58"
    if (isLong && parts.length > 0) next = applyColour(next, code, colourOf(parts))
    else if (isLong) {
      const length = codes[index + 1] === "5" ? 2 : 4
      next = applyColour(next, code, codes.slice(index + 1, index + 1 + length))
      index += length
    } else if (parts.length === 0) next = applyCode(next, Number(code))
  }
  return next
}

/** As it is written with semicolons: without the colour space, which stands before the last three (ISO 8613-6). */
const colourOf = ([kind = "", ...values]: readonly string[]): string[] => [
  kind,
  ...(kind === "2" ? values.slice(-3) : values),
]

function applyColour(style: Style, code: "38" | "48" | "58", values: readonly string[]): Style {
  if (code === "58") return style
  const colour = [code, ...values].join(";")
  return code === "38" ? { ...style, colour } : { ...style, ground: colour }
}

function applyCode(style: Style, code: number): Style {
  if (code === 0) return plainStyle
  if (code === 2) return { ...style, dim: true }
  if (code === 22) return { ...style, dim: false }
  if (code === 7) return { ...style, reverse: true }
  if (code === 27) return { ...style, reverse: false }
  if (code === 39) return { ...style, colour: null }
  if (code === 49) return { ...style, ground: null }
  if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) return { ...style, ground: String(code) }
  if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) return { ...style, colour: String(code) }
  return style
}
