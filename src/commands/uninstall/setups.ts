/** What `sento setup` wrote, by its own list, taken away as `--undo` does. */
import { setupsPath } from "../../store/homes.ts"
import type { Io } from "../io.ts"
import { findSetup } from "../setup/programs.ts"
import { forgetSetup, type SetupRecord } from "../setup/records.ts"
import type { ProgramSetup } from "../setup/scope.ts"
import { changesOf, setUp } from "../setup.ts"
import { userHomeOf } from "../which-agent.ts"
import { short } from "./short-path.ts"

const setupOf = ({ program, sento, project, environment }: SetupRecord): ProgramSetup =>
  findSetup(program, { sento, project, environment })

/** The files with something of ours in them; `goes` where nothing else is. What cannot be read is told when it is tried. */
export function filesOf(record: SetupRecord): { readonly path: string; readonly goes: boolean }[] {
  try {
    return changesOf(setupOf(record), true).map(({ path, after }) => ({ path, goes: after === null }))
  } catch {
    return record.paths.map(path => ({ path, goes: false }))
  }
}

/** @returns a line for each file @throws config; the list then still has it */
export function undoSetup(io: Io, record: SetupRecord): string[] {
  const changes = setUp(setupOf(record), true)
  forgetSetup(record, setupsPath(userHomeOf(io)))
  return changes.map(({ path, after }) => `${after === null ? "removed" : "changed"} ${short(path)}`)
}
