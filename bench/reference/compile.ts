import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A program of this folder that is compiled. */
export type Reference = "hello" | "server"

export type References = {
  /** Path of one, compiled at the first call. */
  path(name: Reference): Promise<string>
  close(): Promise<void>
}

/** A temporary folder for what is compiled. */
export function openReferences(): References {
  const folder = mkdtempSync(join(tmpdir(), "sento-references-"))
  const compiled = new Map<Reference, Promise<string>>()
  return {
    path(name) {
      const path = join(folder, name)
      const made = compiled.get(name) ?? compileReference(name, path).then(() => path)
      compiled.set(name, made)
      return made
    },
    async close() {
      await Promise.allSettled(compiled.values())
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Compiles as build.ts does `dist/sento`, so that a ratio tells of the program and not of how it was built. */
async function compileReference(name: Reference, outfile: string): Promise<void> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, `${name}.ts`)],
    bytecode: true,
    minify: true,
    format: "esm",
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
  })
  if (!built.success) throw new AggregateError(built.logs, `cannot build ${outfile}`)
}
