/**
 * `bun run release [FOLDER]`: everything that a tag needs, into dist/release or FOLDER. Runtimes and libraries come from
 * the registry, each with the hash that stands in a lock file here. The same commit gives the same bytes.
 */
import { mkdir, rm } from "node:fs/promises"
import { join, resolve } from "node:path"
import { compile, currentCommit } from "../compile.ts"
import { type Packed, packCommon, packMachine, sumsOf } from "./packing.ts"
import { type Release, releases } from "./targets.ts"

const root = resolve(import.meta.dir, "..")
const folder = resolve(process.argv[2] ?? join(root, "dist/release"))

await rm(folder, { recursive: true, force: true })
await mkdir(folder, { recursive: true })
const packed: Packed[] = []
for (const release of releases) packed.push(...(await packMachine(release, await fileOf(release))))
packed.push(...(await packCommon(await Bun.file(join(root, "install.sh")).text())))
for (const { file, bytes } of packed) await Bun.write(join(folder, file), bytes)
await Bun.write(join(folder, "SHA256SUMS"), sumsOf(packed))
process.stderr.write(`${packed.length} files and SHA256SUMS in ${folder}\n`)

async function fileOf({ name, target, runtime }: Release): Promise<Uint8Array<ArrayBuffer>> {
  const path = join(folder, name)
  const executable = join(import.meta.dir, "node_modules", runtime, "bin/bun")
  await compile(path, { commit: cleanCommit(), withFaults: false }, { name: target, runtime: executable })
  const bytes = await Bun.file(path).bytes()
  await rm(path)
  return bytes
}

/** A file names the commit that it can be made from again. */
function cleanCommit(): string {
  const changes = Bun.spawnSync(["git", "status", "--porcelain"], { cwd: root, stderr: "ignore" })
  return changes.stdout.length === 0 ? currentCommit() : `${currentCommit()}-changed`
}
