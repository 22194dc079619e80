/**
 * `bun run demo:svg`: docs/demo.svg, the four terminals of `sento demo` as they were. Codes, ids, times and paths are
 * other ones each time, and are made fixed.
 */
import { resolve } from "node:path"

/** What each terminal of the demo has shown, by its name: what `sento demo --json` prints. */
export type Screens = Readonly<Record<"mira-owner" | "kai-owner" | "mira" | "kai", string>>

const titles = {
  "mira-owner": "mira's owner",
  "kai-owner": "kai's owner",
  mira: "mira, an agent in tmux",
  kai: "kai, an agent in tmux",
} as const

const columns = 78
/** Between the terminals, while they are one text; a line of its own. */
const between = "\n\f\n"
/** In pixels: of a character of 12 px in the usual monospaced fonts, and of a line. */
const [advance, leading] = [7.23, 16] as const
const [margin, bar, gap] = [10, 24, 12] as const
const width = Math.round(columns * advance) + 2 * margin

/** Runs the demo of a binary. @throws Error with what it said */
export async function runDemo(sento: readonly string[]): Promise<Screens> {
  const child = Bun.spawn([...sento, "demo", "--json"], { stdio: ["ignore", "pipe", "pipe"] })
  const [text, said, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (exit !== 0) throw new Error(`sento demo: ${said}${text}`)
  return JSON.parse(text) as Screens
}

/** The picture: the owners above, their agents below. */
export function demoSvg(screens: Screens): string {
  const names = ["mira-owner", "kai-owner", "mira", "kai"] as const
  const texts = fixed(names.map(name => screens[name]).join(between)).split(between)
  const lines = texts.map(text => text.split("\n").flatMap(wrap))
  const heights = [0, 2].map(row => Math.max(lines[row]?.length ?? 0, lines[row + 1]?.length ?? 0))
  const [upper = 0, lower = 0] = heights.map(count => bar + count * leading + 2 * margin)
  const terminals = names.map((name, i) => {
    const [x, y] = [(i % 2) * (width + gap), i < 2 ? 0 : upper + gap]
    return terminal(titles[name], lines[i] ?? [], x, y, i < 2 ? upper : lower)
  })
  const [wide, high] = [2 * width + gap, upper + gap + lower]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${high}" width="${wide}" height="${high}" role="img" aria-label="Two owners pair their agents with a code and a typed yes; then the agents talk">
<style>text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d0d4dc;white-space:pre}.typed{fill:#fff;font-weight:bold}.peer{fill:#7fd4ff}.dim{fill:#7d8590}.title{fill:#9aa4b2}</style>
${terminals.join("\n")}
</svg>
`
}

function terminal(title: string, lines: readonly string[], x: number, y: number, height: number): string {
  const texts = lines.map((line, i) => {
    const at = bar + margin + (i + 1) * leading - 4
    return `<text x="${margin}" y="${at}"${styleOf(line)} xml:space="preserve">${escaped(line)}</text>`
  })
  return `<g transform="translate(${x} ${y})">
<rect width="${width}" height="${height}" rx="6" fill="#16181d"/>
<text class="title" x="${width / 2}" y="17" text-anchor="middle">${escaped(title)}</text>
${texts.join("\n")}
</g>`
}

function styleOf(line: string): string {
  if (/^\$ |^│ {2}yes/.test(line)) return ' class="typed"'
  if (line.startsWith("←")) return ' class="peer"'
  return /^[│◇]|^demo agent: waiting/.test(line) ? ' class="dim"' : ""
}

/** As a terminal of so many columns breaks it. */
function wrap(line: string): string[] {
  const signs = [...line]
  const rows = Math.max(1, Math.ceil(signs.length / columns))
  return Array.from({ length: rows }, (_, row) => signs.slice(row * columns, (row + 1) * columns).join(""))
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** The same for every run: the first id is `k7q2`, the second `m3xw`. */
function fixed(text: string): string {
  const ids = [...new Set([...text.matchAll(/\[([0-9a-z]{4})\]/g)].map(([, id]) => id ?? ""))].sort(
    (a, b) => text.lastIndexOf(`[${a}]`) - text.lastIndexOf(`[${b}]`),
  )
  const named = text
    .replace(/^[$#] env SENTO_HOME=\S+ .*?(?= pair )/gm, "$ sento")
    .replace(/^# *$/gm, "$")
    .replace(/SENTO-[0-9A-Z]{4}/g, "SENTO-J3YK")
    .replace(/Verifier: [0-9A-Z]{5}-[0-9A-Z]{5}/g, "Verifier: SYVCM-7GHYQ")
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:9876")
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, "2026-11-30 10:10 UTC")
  return ids.reduce(
    (soFar, id, i) => soFar.replaceAll(new RegExp(`\\b${id}\\b`, "g"), ["m3xw", "k7q2"][i] ?? id),
    named,
  )
}

export const pathOfSvg = resolve(import.meta.dir, "../docs/demo.svg")

if (import.meta.main)
  await Bun.write(pathOfSvg, demoSvg(await runDemo([resolve(import.meta.dir, "../dist/sento")])))
