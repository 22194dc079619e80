/** The README's walk-through is what a person sees who does it. `SENTO_UPDATE=1` writes what came out into the README. */
import { expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { canUnshare } from "../support/namespace.ts"
import { playWalkthrough } from "../support/walkthrough.ts"

const path = join(import.meta.dir, "../../README.md")
/** A block of the walk-through, indented by four. */
const block = /<!-- walk (\d) -->\n\n((?: {4}.*\n|\n)+?)(?=\n\S|\n<!--)/g

const indented = (text: string): string =>
  text
    .split("\n")
    .map(line => (line === "" ? "" : `    ${line}`))
    .join("\n")

test.skipIf(!canUnshare)(
  "README's walk-through: two agents of one user, six commands to the first answer",
  async () => {
    const { commands, blocks } = await playWalkthrough()
    expect(commands).toHaveLength(6)
    expect(commands.join("\n")).not.toMatch(/\$|SENTO_|=/)
    const readme = readFileSync(path, "utf8")
    const now = readme.replace(
      block,
      (_, number) => `<!-- walk ${number} -->\n\n${indented(blocks[Number(number)] ?? "")}\n`,
    )
    if (process.env.SENTO_UPDATE) writeFileSync(path, now)
    else expect(readme).toBe(now)
    expect([...readme.matchAll(block)].map(([, number]) => Number(number))).toEqual(blocks.map((_, i) => i))
  },
  120_000,
)
