/** What a release holds besides the file for a machine, under the paths that it has below a prefix such as /usr. */
import { readFileSync } from "node:fs"
import { completionScripts } from "../src/commands/completions/scripts.ts"
import type { Entry } from "./archive.ts"
import { manPage } from "./man.ts"

const textOf = (name: string): string => readFileSync(`${import.meta.dir}/../${name}`, "utf8")

/** The licence, as every package has it. */
export const licence = (): string => textOf("LICENSE")

/** For people who unpack it: to be read first. */
export const documents = (): Entry[] =>
  ["CHANGELOG.md", "LICENSE", "README.md"].map(path => ({ path, bytes: textOf(path), mode: 0o644 }))

/** Man page and completions, where a shell or `man` looks for them below /usr, /usr/local or ~/.local. */
export async function shared(zshFolder = "share/zsh/site-functions"): Promise<Entry[]> {
  const files = {
    "share/man/man1/sento.1": await manPage(),
    "share/bash-completion/completions/sento": completionScripts.bash,
    [`${zshFolder}/_sento`]: completionScripts.zsh,
    "share/fish/vendor_completions.d/sento.fish": completionScripts.fish,
  }
  return Object.entries(files).map(([path, bytes]) => ({ path, bytes, mode: 0o644 }))
}
