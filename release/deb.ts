/** A package for Debian and what comes of it, as deb(5) and deb-control(5) have it; no dpkg is needed to make it. */
import packageJson from "../package.json" with { type: "json" }
import { ar, type Entry, tarGz } from "./archive.ts"

const { name, version, description } = packageJson

/** What glibc the runtime asks for: the newest symbol version in it, `readelf -V` of Bun 1.4.5. */
export const oldestGlibc = "2.17"

/** @param entries - with their paths on the machine, without `/` before them @param architecture - as Debian names it */
export function deb(
  architecture: string,
  entries: readonly Entry[],
): { file: string; bytes: Uint8Array<ArrayBuffer> } {
  const control: Entry[] = [
    { path: "control", bytes: controlFile(architecture, entries), mode: 0o644 },
    { path: "md5sums", bytes: entries.map(sumOf).join(""), mode: 0o644 },
  ]
  return {
    file: `${name}_${version}_${architecture}.deb`,
    bytes: ar([
      ["debian-binary", "2.0\n"],
      ["control.tar.gz", tarGz(control)],
      ["data.tar.gz", tarGz(entries)],
    ]),
  }
}

function controlFile(architecture: string, entries: readonly Entry[]): string {
  const kibibytes = Math.ceil(entries.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1024)
  const [synopsis = "", ...rest] = description.split(/(?<=,) /)
  return `${[
    `Package: ${name}`,
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    "Maintainer: The Sentō authors",
    `Installed-Size: ${kibibytes}`,
    `Depends: libc6 (>= ${oldestGlibc}), tmux (>= 3.2)`,
    "Section: net",
    "Priority: optional",
    `Description: ${synopsis.replace(/,$/, "")}`,
    ` ${rest.join(" ")}`,
  ].join("\n")}\n`
}

const sumOf = ({ path, bytes }: Entry): string =>
  `${new Bun.CryptoHasher("md5").update(bytes).digest("hex")}  ${path}\n`
