/**
 * The npm packages: one with the file for each machine, which npm chooses by `os`, `cpu` and `libc`, and `sento`, which
 * asks for all of them and has a launcher. Nothing is run when they are installed.
 */
import packageJson from "../package.json" with { type: "json" }
import { type Entry, tarGz } from "./archive.ts"
import { type Release, releases } from "./targets.ts"

/** A package as `npm publish FILE` takes it. */
export type NpmPackage = { readonly file: string; readonly bytes: Uint8Array<ArrayBuffer> }

const { name, version, description, license } = packageJson

const packageOf = (release: Release): string => `${name}-${release.name}`

/** The package of one machine. @param texts - what every package holds: licence, man page, … */
export const platformPackage = (
  release: Release,
  sento: Uint8Array<ArrayBuffer>,
  licence: string,
): NpmPackage =>
  pack(packageOf(release), {
    manifest: {
      description: `${description} The file for ${release.name}; install \`${name}\`.`,
      os: ["linux"],
      cpu: [release.cpu],
      libc: [release.libc],
    },
    entries: [
      { path: "bin/sento", bytes: sento, mode: 0o755 },
      { path: "LICENSE", bytes: licence, mode: 0o644 },
    ],
  })

/** The package that people install. @param entries - beside the launcher: licence, README, man page */
export const metaPackage = (entries: readonly Entry[]): NpmPackage =>
  pack(name, {
    manifest: {
      description,
      os: ["linux"],
      bin: { sento: "bin/sento" },
      man: entries.filter(({ path }) => path.startsWith("man/")).map(({ path }) => `./${path}`),
      optionalDependencies: Object.fromEntries(releases.map(one => [packageOf(one), version])),
    },
    entries: [...entries, { path: "bin/sento", bytes: launcher(), mode: 0o755 }],
  })

/**
 * Finds the file that was installed for this machine and becomes it. In sh, because Node takes longer to start than a
 * hook of ours to run; a file whose loader is not there is another machine's, which an npm that does not know `libc` (or
 * `--force`) installs as well. npm and bun put the packages side by side or below; pnpm beside the real folder.
 */
export const launcher = (): string => `#!/bin/sh
# Starts the sento that was installed for this machine.
self=$0
[ -L "$self" ] && self=$(readlink -f -- "$self")
root=\${self%/*}/..
for folder in "$root/node_modules" "$root/.."; do
  for machine in ${releases.map(one => `${one.name}:${one.loader}`).join(" \\\n    ")}; do
    file=$folder/${name}-\${machine%%:*}/bin/sento
    if [ -x "$file" ] && [ -e "\${machine#*:}" ]; then exec "$file" "$@"; fi
  done
done
echo "sento: error: no sento for this machine was installed beside $root" >&2
echo "sento: hint: it is there for Linux on x64 and arm64; run \\\`npm install -g ${name}\\\` again, without --omit=optional" >&2
exit 1
`

/** OpenCode's plugin, which has a manifest of its own. */
export const openCodePackage = (entries: readonly Entry[]): NpmPackage => packed(`${name}-opencode`, entries)

type Contents = { readonly manifest: Record<string, unknown>; readonly entries: readonly Entry[] }

/** As `npm pack` names it, everything below `package/`. */
function pack(packageName: string, { manifest, entries }: Contents): NpmPackage {
  const json = `${JSON.stringify({ name: packageName, version, license, ...manifest }, null, 2)}\n`
  return packed(packageName, [...entries, { path: "package.json", bytes: json, mode: 0o644 }])
}

const packed = (packageName: string, entries: readonly Entry[]): NpmPackage => ({
  file: `${packageName}-${version}.tgz`,
  bytes: tarGz(entries.map(entry => ({ ...entry, path: `package/${entry.path}` }))),
})
