/** What imports what in src: for the order of its layers and rooms, and for the picture of them in docs/DESIGN.md. */
import { posix } from "node:path"

/** What stands further left may import what stands further right; http, tmux and store share one place. */
export const ranks: Readonly<Record<string, number>> = {
  main: 0,
  commands: 1,
  guardian: 2,
  http: 3,
  tmux: 3,
  store: 3,
  protocol: 4,
}

/** `file` and `imports` are paths from src, or a package's name; null for an import whose target is computed. */
export type Source = { readonly file: string; readonly imports: readonly (string | null)[] }

/** The layer of a path from src; null for a package. */
export const layerOf = (path: string): string | null => {
  const [first = "", ...rest] = path.split("/")
  const layer = rest.length === 0 ? first.replace(/\.ts$/, "") : first
  return layer in ranks ? layer : null
}

/** The Guardian's rooms and the files beside them: what stands further left may import what stands further right. */
export const rooms: Readonly<Record<string, number>> = {
  guardian: 0,
  dispatch: 1,
  sweep: 1,
  waking: 1,
  pairing: 2,
  inbound: 2,
  owner: 3,
  outbound: 3,
  books: 4,
  context: 5,
  notices: 6,
  waiters: 6,
  sleep: 6,
  door: 7,
  terminal: 8,
  log: 9,
  "core-dumps": 9,
}

/** The room of a path in guardian/. */
export const roomOf = (path: string): string => (path.split("/")[1] ?? "").replace(/\.ts$/, "")

/** Static, re-exported, type-only and dynamic imports of one file's text. */
export function importsOf(file: string, text: string): Source {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "")
  const named = [...code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)["']([^"']+)["']/g)]
  const computed = [...code.matchAll(/\b(?:import|require)\s*\(\s*(?!["'\s])/g)]
  const resolved = named.map(([, target = ""]) =>
    target.startsWith(".") ? posix.join(posix.dirname(file), target) : target,
  )
  return { file, imports: [...resolved, ...computed.map(() => null)] }
}

const root = new URL("../../src/", import.meta.url).pathname

/** All files of src, their texts and what they import. */
export async function readSources(): Promise<{ texts: Map<string, string>; sources: Source[] }> {
  const files = [...new Bun.Glob("**/*.ts").scanSync(root)].sort()
  const texts = new Map(
    await Promise.all(files.map(async file => [file, await Bun.file(`${root}${file}`).text()] as const)),
  )
  return { texts, sources: [...texts].map(([file, text]) => importsOf(file, text)) }
}

/** Where a path is in the picture: its layer, or its room in the Guardian; null for a package. */
function placeOf(path: string): string | null {
  const layer = layerOf(path)
  if (layer !== "guardian" || path.split("/").length < 3) return layer
  return `guardian/${roomOf(path)}`
}

/** Each layer and room, and what it imports, from the left to the right: the picture in docs/DESIGN.md. */
export function pictureOf(sources: readonly Source[]): string {
  const arrows = new Map<string, Set<string>>()
  for (const { file, imports } of sources) {
    const from = placeOf(file)
    if (from === null) continue
    const targets = arrows.get(from) ?? new Set()
    for (const to of imports.map(target => (target === null ? null : placeOf(target))))
      if (to !== null && to !== from) targets.add(to)
    arrows.set(from, targets)
  }
  const rankOf = (place: string): number => {
    const [layer = "", room = "guardian"] = place.split("/")
    return (ranks[layer] ?? 0) * 100 + (layer === "guardian" ? (rooms[room] ?? 0) : 0)
  }
  const sorted = (places: Iterable<string>): string[] =>
    [...places].sort((a, b) => rankOf(a) - rankOf(b) || a.localeCompare(b))
  const width = Math.max(...[...arrows.keys()].map(place => place.length))
  const lines = sorted(arrows.keys()).map(place => {
    const targets = sorted(arrows.get(place) ?? []).map(one => one.replace(/^guardian\//, "…/"))
    return `${place.padEnd(width)}  ${targets.length === 0 ? "" : `→ ${targets.join(", ")}`}`.trimEnd()
  })
  return lines.join("\n")
}
