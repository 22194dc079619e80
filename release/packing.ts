/** What is made of the file for one machine, and of all of them together: every file of a release with its bytes. */
import { version } from "../package.json" with { type: "json" }
import type { AgentProgramName } from "../src/protocol/names.ts"
import { type Entry, tarGz } from "./archive.ts"
import { documents, licence, shared } from "./contents.ts"
import { deb } from "./deb.ts"
import { metaPackage, openCodePackage, platformPackage } from "./npm.ts"
import { pluginFiles } from "./plugins.ts"
import { sumLine } from "./sums.ts"
import type { Release } from "./targets.ts"

/** A file of a release. */
export type Packed = { readonly file: string; readonly bytes: Uint8Array<ArrayBuffer> }

/** The archive, the npm package and, where there is a Debian of it, the .deb of one machine. */
export async function packMachine(release: Release, sento: Uint8Array<ArrayBuffer>): Promise<Packed[]> {
  const command: Entry = { path: "bin/sento", bytes: sento, mode: 0o755 }
  const folder = `sento-${version}-${release.name}`
  const unpacked = [command, ...documents(), ...(await shared())]
  return [
    {
      file: `${folder}.tar.gz`,
      bytes: tarGz(unpacked.map(entry => ({ ...entry, path: `${folder}/${entry.path}` }))),
    },
    platformPackage(release, sento, licence()),
    ...(release.debian === null ? [] : [deb(release.debian, await debianFiles(command))]),
  ]
}

async function debianFiles(command: Entry): Promise<Entry[]> {
  const files = [command, ...(await shared("share/zsh/vendor-completions"))].map(entry =>
    entry.path.startsWith("share/man/")
      ? {
          ...entry,
          path: `${entry.path}.gz`,
          bytes: Bun.gzipSync(Buffer.from(entry.bytes as string), { library: "libdeflate" }),
        }
      : entry,
  )
  const copyright: Entry = { path: "share/doc/sento/copyright", bytes: licence(), mode: 0o644 }
  return [...files, copyright].map(entry => ({ ...entry, path: `usr/${entry.path}` }))
}

/** A plugin's folder as the root of an archive. */
const pluginEntries = (program: AgentProgramName): Entry[] =>
  Object.entries(pluginFiles).flatMap(([path, bytes]) => {
    const folder = `plugins/${program}/`
    return path.startsWith(folder) ? [{ path: path.slice(folder.length), bytes, mode: 0o644 }] : []
  })

/**
 * What is of no machine: the package that npm users install, the script that installs, OpenCode's plugin for npm, and
 * Gemini CLI's extension under the name by which it finds one among a release's files (0.61.0: `linux.` before it).
 */
export async function packCommon(installer: string): Promise<Packed[]> {
  const man = (await shared()).flatMap(entry =>
    entry.path.endsWith("/sento.1") ? [{ ...entry, path: "man/sento.1" }] : [],
  )
  return [
    metaPackage([...documents().filter(({ path }) => path !== "CHANGELOG.md"), ...man]),
    { file: "install.sh", bytes: Buffer.from(installer) },
    openCodePackage(pluginEntries("opencode")),
    { file: "linux.sento.tar.gz", bytes: tarGz(pluginEntries("gemini")) },
  ]
}

/** SHA256SUMS over all of them, as `sha256sum -c` reads it. */
export const sumsOf = (files: readonly Packed[]): string =>
  [...files]
    .sort((a, b) => (a.file < b.file ? -1 : 1))
    .map(({ file, bytes }) => sumLine(file, bytes))
    .join("")
