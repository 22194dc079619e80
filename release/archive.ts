/**
 * Archives of which the same files always give the same bytes: no times, no owners, sorted by name. ustar is POSIX
 * (pax(1), "ustar Interchange Format"), `ar` as deb(5) has it.
 */

/** A file of an archive. */
export type Entry = {
  /** Without `/` before it, shorter than 100 bytes. */
  readonly path: string
  readonly bytes: Uint8Array<ArrayBuffer> | string
  /** Permissions: 0o755 for what is run, 0o644 for the rest. */
  readonly mode: number
}

const block = 512

/** A tar, compressed, with the directories that its files need. */
export const tarGz = (entries: readonly Entry[]): Uint8Array<ArrayBuffer> =>
  // libdeflate writes no time into the header, and is three times as fast as zlib for the same size.
  Bun.gzipSync(tar(entries), { library: "libdeflate", level: 6 })

function tar(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const sorted = [...directoriesOf(entries), ...entries].sort((a, b) => (a.path < b.path ? -1 : 1))
  const parts = sorted.flatMap(({ path, bytes, mode }) => {
    const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes
    return [header(path, data.length, mode), data, new Uint8Array(-data.length & (block - 1))]
  })
  return Buffer.concat([...parts, new Uint8Array(2 * block)])
}

function directoriesOf(entries: readonly Entry[]): Entry[] {
  const paths = entries.flatMap(({ path }) =>
    [...path.matchAll(/\//g)].map(at => path.slice(0, at.index + 1)),
  )
  return [...new Set(paths)].map(path => ({ path, bytes: "", mode: 0o755 }))
}

function header(path: string, size: number, mode: number): Uint8Array {
  const bytes = Buffer.alloc(block)
  if (Buffer.byteLength(path) >= 100) throw new Error(`${path} is too long for a header of tar`)
  const octal = (value: number, at: number, length: number): void => {
    bytes.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1")
  }
  bytes.write(path, 0)
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12)
  bytes.write(" ".repeat(8), 148)
  bytes.write(path.endsWith("/") ? "5" : "0", 156)
  bytes.write("ustar\x0000", 257, "latin1")
  octal(
    bytes.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return bytes
}

/** The archive that a .deb is. */
export function ar(
  members: readonly (readonly [name: string, bytes: Uint8Array<ArrayBuffer> | string])[],
): Uint8Array<ArrayBuffer> {
  const parts = members.flatMap(([name, bytes]) => {
    const data = Buffer.from(bytes as Uint8Array)
    const fields = [name.padEnd(16), "0".padEnd(12), "0".padEnd(6), "0".padEnd(6), "100644".padEnd(8)]
    const head = `${fields.join("")}${String(data.length).padEnd(10)}\`\n`
    return [Buffer.from(head), data, Buffer.from(data.length % 2 === 0 ? "" : "\n")]
  })
  return Buffer.concat([Buffer.from("!<arch>\n"), ...parts])
}
