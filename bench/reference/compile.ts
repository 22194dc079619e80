import { join } from "node:path"

/** A program of this folder that is compiled. */
export type Reference = "hello" | "server"

/** Compiles as build.ts does `dist/sento`, so that a ratio tells of the program and not of how it was built. */
export async function compileReference(name: Reference, outfile: string): Promise<void> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, `${name}.ts`)],
    bytecode: true,
    minify: true,
    format: "esm",
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
  })
  if (!built.success) throw new AggregateError(built.logs, `cannot build ${outfile}`)
}
