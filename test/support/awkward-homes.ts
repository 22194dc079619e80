/**
 * Homes in which the files of an agent program lie anywhere but where they seem to: behind links of every kind, and of
 * every content. Where a path is taken apart as text instead of as the kernel does, somebody else's file lies ready.
 */
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { livedIn } from "./agent-homes.ts"

/** A program's directory, as it names it, and a file of others in it: `null` is no file. */
export type Place = {
  readonly home: string
  readonly folder: string
  readonly file: string
  readonly content: string | null
}

export type Layout = {
  /** Whether it can be set up; otherwise it is refused, and nothing is written. */
  readonly works: boolean
  readonly make: (place: Place) => void
}

/** What nobody may touch. */
export const unrelated = "unrelated\n"

function write(path: string, text: string | null): void {
  mkdirSync(dirname(path), { recursive: true })
  if (text !== null) writeFileSync(path, text)
}

function link(path: string, target: string): void {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

/** From where a link stands; `away` is outside of the program's directory, and has room above it. */
const fromTo = (path: string, target: string): string => relative(dirname(path), target)
const away = ({ home }: Place): string => join(home, "dotfiles/deep/real")

/** A directory that is not empty, and stays. */
function kept(folder: string): string {
  write(join(folder, ".keep"), "")
  return folder
}

function behindFolderLink(place: Place, target: string): void {
  write(join(kept(away(place)), place.file), place.content)
  link(place.folder, target)
}

/** The file is a link; its target holds the content. */
function behindFileLink(place: Place, target: (path: string, real: string) => string, real?: string): void {
  const path = join(kept(place.folder), place.file)
  const there = real ?? join(kept(away(place)), "settings")
  write(there, place.content)
  link(path, target(path, there))
}

const refused = (make: Layout["make"]): Layout => ({ works: false, make })
const taken = (make: Layout["make"]): Layout => ({ works: true, make })

export const layouts: Readonly<Record<string, Layout>> = {
  "nothing special": taken(place => write(join(kept(place.folder), place.file), place.content)),
  "the file read-only": taken(place => {
    const path = join(kept(place.folder), place.file)
    write(path, place.content)
    chmodSync(path, 0o444)
  }),
  "the file with a second name": refused(place => {
    const path = join(kept(place.folder), place.file)
    write(path, place.content)
    linkSync(path, join(place.home, "second name"))
  }),
  "the directory a link to the one above it": taken(place => {
    write(join(kept(dirname(place.folder)), place.file), place.content)
    link(place.folder, ".")
  }),
  "the directory a link to a name with blanks and quotes": taken(place => {
    const real = join(place.home, ' it\'s "a" $(home) \n')
    write(join(kept(real), place.file), place.content)
    link(place.folder, real)
  }),
  "the directory a relative link": taken(place => behindFolderLink(place, fromTo(place.folder, away(place)))),
  "the directory an absolute link": taken(place => behindFolderLink(place, away(place))),
  "the directory a link with a slash at its end": taken(place =>
    behindFolderLink(place, `${fromTo(place.folder, away(place))}//`),
  ),
  "the directory a chain of links": taken(place => {
    const [one, two] = [join(place.home, "one"), join(place.home, "links/two")]
    link(one, fromTo(one, two))
    link(two, away(place))
    behindFolderLink(place, one)
  }),
  "the directory a link through another link and back up": taken(place => {
    const hop = join(place.home, "hop")
    kept(join(dirname(away(place)), "hopped"))
    link(hop, join(dirname(away(place)), "hopped"))
    write(join(place.home, "real", place.file), unrelated)
    behindFolderLink(place, `${fromTo(place.folder, hop)}/../real`)
  }),
  "the directory a link, the file a relative one in it": taken(place => {
    write(join(dirname(away(place)), "settings"), place.content)
    write(join(dirname(place.folder), "settings"), unrelated)
    link(join(kept(away(place)), place.file), "../settings")
    link(place.folder, fromTo(place.folder, away(place)))
  }),
  "the directory a link, the file one that goes up two steps": taken(place => {
    write(join(dirname(dirname(away(place))), "settings"), place.content)
    write(join(dirname(place.folder), "settings"), unrelated)
    link(join(kept(away(place)), place.file), "../../settings")
    link(place.folder, away(place))
  }),
  "the file a relative link": taken(place => behindFileLink(place, fromTo)),
  "the file an absolute link": taken(place => behindFileLink(place, (_, real) => real)),
  "the file a link with dots and slashes": taken(place =>
    behindFileLink(place, (path, real) => `.//./${fromTo(path, real)}`),
  ),
  "the file a chain of links through directories": taken(place => {
    const [one, two] = [join(place.home, "a/one"), join(place.home, "b/c/two")]
    link(one, "../b/c/two")
    link(two, fromTo(two, join(away(place), "settings")))
    behindFileLink(place, path => fromTo(path, one))
  }),
  "the file a chain of 39 links": taken(place => {
    const at = (i: number): string => join(place.home, `chain/${i}`)
    for (let i = 1; i < 38; i += 1) link(at(i), String(i + 1))
    link(at(38), join(away(place), "settings"))
    behindFileLink(place, () => at(1))
  }),
  "the file a link through a linked directory and back up": taken(place => {
    const hop = join(place.home, "hop")
    link(hop, kept(join(away(place), "inside")))
    write(join(place.home, "settings"), unrelated)
    behindFileLink(place, path => `${fromTo(path, hop)}/../settings`)
  }),
  "the file a link to one that is not there yet": taken(place =>
    behindFileLink({ ...place, content: null }, fromTo),
  ),
  "the file a chain of links to one that is not there yet": taken(place => {
    const one = join(place.home, "one")
    link(one, fromTo(one, join(away(place), "settings")))
    behindFileLink({ ...place, content: null }, path => fromTo(path, one))
  }),
  "the file a link into a directory that is not there": refused(place =>
    link(join(kept(place.folder), place.file), join(place.home, "nowhere/settings")),
  ),
  "the file a link through a directory that is not there, and back up": refused(place => {
    write(join(place.home, "settings"), unrelated)
    link(join(kept(place.folder), place.file), join(place.home, "nowhere/../settings"))
  }),
  "the file a link through a file, and back up": refused(place => {
    write(join(place.home, "settings"), unrelated)
    link(join(kept(place.folder), place.file), `${place.home}/settings/../settings`)
  }),
  "the file a link to itself": refused(place => link(join(kept(place.folder), place.file), place.file)),
  "the file one of two links in a ring": refused(place => {
    link(join(place.folder, "other"), place.file)
    link(join(place.folder, place.file), "other")
  }),
  "the file a link to a directory": refused(place =>
    link(join(kept(place.folder), place.file), kept(away(place))),
  ),
  "the file a directory": refused(place => void kept(join(place.folder, place.file))),
  "the file a link to where nobody can write": refused(place =>
    link(join(kept(place.folder), place.file), "/proc/sento/settings"),
  ),
  "the file a link that nobody can write behind": refused(place => {
    write(join(place.home, "one"), unrelated)
    link(join(kept(place.folder), place.file), "/proc/self/stat")
  }),
  "the directory a link to one that is not there": refused(place =>
    link(place.folder, join(place.home, "nowhere")),
  ),
  "the directory a link to itself": refused(place => link(place.folder, place.folder)),
  "the directory a file": refused(place => write(place.folder, unrelated)),
  "the directory a link to a file": refused(place => {
    write(join(place.home, "file"), unrelated)
    link(place.folder, join(place.home, "file"))
  }),
}

/** Entries beside which ours is one of many: 200 KB. */
const many = Array.from({ length: 1600 }, (_, i) => i)
const hugeToml = `${many.map(i => `[mcp_servers.s${i}]\ncommand = "c${i}" # ${"x".repeat(80)}\nargs = ["mcp"]\n`).join("\n")}`
const hugeJson = `{\n  "mcp": {\n${many.map(i => `    "s${i}": { "type": "local", "command": ["c${i}"], "note": "${"x".repeat(60)}" }`).join(",\n")}\n  }\n}\n`

/** What a file of others can hold, by its ending: null is no file. */
export const contents: Readonly<Record<string, (file: string) => string | null>> = {
  "no file": () => null,
  ...Object.fromEntries(
    Object.entries(livedIn).map(([name, files]) => [
      name,
      (file: string) =>
        files[`.codex/${file}`] ?? files[`.gemini/${file}`] ?? files[`.config/opencode/${file}`] ?? "{}",
    ]),
  ),
  "keys twice": file =>
    file.endsWith(".toml")
      ? 'model = "a"\n[x]\ny = 1\n[x.z]\ny = 1\n'
      : '{ "mcp": { "a": 1 }, "hooks": {}, "mcp": { "b": 2, "b": 3 }, "hooks": { "Stop": [] }, "mcpServers": {}, "mcpServers": {} }\n',
  "lines of every kind": file =>
    file.endsWith(".toml")
      ? 'a = 1\r\nb = 2\n\r\n\tc = "x" # y\r\n\r\n'
      : '{\r\n\t"a": 1,\n\r\n"b":\t2\r\n}\n\n\r\n',
  "200,000 bytes": file => (file.endsWith(".toml") ? hugeToml : hugeJson),
}
