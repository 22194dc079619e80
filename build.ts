/** Compiles `dist/sento`, with `--faults` the test build `dist/sento-faults`. The files of a release: release/release.ts. */
import { mkdir } from "node:fs/promises"
import { compile, currentCommit } from "./compile.ts"

const withFaults = process.argv.includes("--faults")
await mkdir("dist", { recursive: true })
await compile(withFaults ? "dist/sento-faults" : "dist/sento", { commit: currentCommit(), withFaults })
