/** Compiles the source to one file. */
import packageJson from "./package.json" with { type: "json" }

/** How it is compiled for a machine other than this one. */
export type Target = {
  /** As `bun build --compile --target` names it. */
  readonly name: Bun.Build.CompileTarget
  /** The runtime that becomes part of the file. */
  readonly runtime: string
}

/** What a build says of itself, besides its version. */
export type Build = {
  readonly commit: string
  /** A test build that can be made to die at named points (src/store/faults.ts). */
  readonly withFaults: boolean
}

/**
 * Splitting keeps what a command does not use out of its start-up; without the two autoload switches a
 * `.env` or `bunfig.toml` in the current directory would steer the owner's `sento` (seen on Bun 1.4.5).
 * The same source with its node_modules gives the same bytes wherever it lies, unless node_modules is a link.
 */
export async function compile(outfile: string, build: Build, target: Target | null = null): Promise<void> {
  const built = await Bun.build({
    entrypoints: [`${import.meta.dir}/src/main.ts`],
    splitting: true,
    bytecode: true,
    minify: true,
    format: "esm",
    define: {
      "process.env.SENTO_BUILD_VERSION": JSON.stringify(packageJson.version),
      "process.env.SENTO_BUILD_COMMIT": JSON.stringify(build.commit),
      "process.env.SENTO_BUILD_FAULTS": JSON.stringify(build.withFaults ? "on" : ""),
    },
    compile: {
      outfile,
      autoloadDotenv: false,
      autoloadBunfig: false,
      ...(target === null ? {} : { target: target.name, executablePath: target.runtime }),
    },
  })
  if (!built.success) throw new AggregateError(built.logs, `cannot build ${outfile}`)
  process.stderr.write(`built ${outfile}\n`)
}

/** The commit of the tree, or `unknown` where it is none of git's. */
export function currentCommit(): string {
  const git = Bun.spawnSync(["git", "rev-parse", "HEAD"], { cwd: import.meta.dir, stderr: "ignore" })
  return git.success ? git.stdout.toString().trim() : "unknown"
}
