/** What CHANGELOG.md says of the version that package.json has. */
import { readFileSync } from "node:fs"
import { version } from "../package.json" with { type: "json" }

/** The day under which it stands there, `2026-11-30`. @throws Error where it has none */
export function releasedOn(): string {
  const text = readFileSync(`${import.meta.dir}/../CHANGELOG.md`, "utf8")
  const found = [...text.matchAll(/^## (\S+) \((\d{4}-\d\d-\d\d)\)$/gm)].find(
    ([, named]) => named === version,
  )
  if (found?.[2] === undefined) throw new Error(`CHANGELOG.md has no line \`## ${version} (DATE)\``)
  return found[2]
}
