/**
 * Vector files that are too long to keep here, in a `shared/vectors` directory beside the project; null where
 * it is absent. Whoever reads them skips its test then: a transcribed set in test/vectors always runs.
 */
import { existsSync, readFileSync } from "node:fs"

const directory = new URL("../../../shared/vectors/", import.meta.url)

/** @param name - as `cpace-vectors.json` */
export function sharedVectors<Vectors>(name: string): Vectors | null {
  const file = new URL(name, directory)
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Vectors) : null
}
