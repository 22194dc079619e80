/** Compiles `dist/sento`; `--all` cross-compiles every release target and writes SHA256SUMS. */
import { mkdir, rm } from "node:fs/promises"
import packageJson from "./package.json" with { type: "json" }
import { sumLine } from "./sums.ts"

type Target = "bun-linux-x64" | "bun-linux-arm64" | "bun-linux-x64-musl" | "bun-linux-arm64-musl"
const releases: readonly Target[] = [
  "bun-linux-x64",
  "bun-linux-arm64",
  "bun-linux-x64-musl",
  "bun-linux-arm64-musl",
]

/** A test build that can be made to die at named points (src/store/faults.ts). */
const withFaults = process.argv.includes("--faults")
const commit = await currentCommit()
await mkdir("dist", { recursive: true })
if (process.argv.includes("--all")) await buildReleases()
else await compile(withFaults ? "dist/sento-faults" : "dist/sento", null)

/**
 * Splitting keeps what a command does not use out of its start-up; without the two autoload switches a
 * `.env` or `bunfig.toml` in the current directory would steer the owner's `sento` (seen on Bun 1.4.5).
 */
async function compile(outfile: string, target: Target | null): Promise<void> {
  const built = await Bun.build({
    entrypoints: ["src/main.ts"],
    splitting: true,
    bytecode: true,
    minify: true,
    format: "esm",
    define: {
      "process.env.SENTO_BUILD_VERSION": JSON.stringify(packageJson.version),
      "process.env.SENTO_BUILD_COMMIT": JSON.stringify(commit),
      "process.env.SENTO_BUILD_FAULTS": JSON.stringify(withFaults ? "on" : ""),
    },
    compile: {
      outfile,
      autoloadDotenv: false,
      autoloadBunfig: false,
      ...(target === null ? {} : { target }),
    },
  })
  if (!built.success) throw new AggregateError(built.logs, `cannot build ${outfile}`)
  process.stderr.write(`built ${outfile}\n`)
}

async function buildReleases(): Promise<void> {
  const sums: string[] = []
  for (const target of releases) {
    const name = target.replace("bun-", "sento-")
    await rm(`dist/${name}`, { force: true })
    await compile(`dist/${name}`, target)
    sums.push(sumLine(name, await Bun.file(`dist/${name}`).bytes()))
  }
  await Bun.write("dist/SHA256SUMS", sums.join(""))
}

async function currentCommit(): Promise<string> {
  const git = Bun.spawnSync(["git", "rev-parse", "HEAD"], { stderr: "ignore" })
  return git.success ? git.stdout.toString().trim() : "unknown"
}
