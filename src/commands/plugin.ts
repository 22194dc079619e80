/**
 * `sento plugin PROGRAM hook EVENT` and `… mcp`: what the plugins of plugins/ run. Where `sento setup` of the program is
 * there as well, that one does it all, and the plugin nothing: a turn told twice is answered twice.
 */
import { existsSync } from "node:fs"
import { SentoError } from "../protocol/errors.ts"
import { setupsPath } from "../store/homes.ts"
import { hook } from "./hook.ts"
import type { Io } from "./io.ts"
import { userHomeOf } from "./which-agent.ts"

/** @param words - behind `sento plugin` @param mcp - runs `sento mcp` @throws usage; refused where both are there */
export async function plugin(
  io: Io,
  [program = "", word, event = ""]: readonly string[],
  mcp: () => Promise<number>,
): Promise<number> {
  if (word === "hook") return (await isSetUpBeside(io, program).catch(() => false)) ? 0 : hook(io, event)
  if (word !== "mcp")
    throw new SentoError("usage", "this is for plugins of agent programs to run", "run `sento --help`")
  if (await isSetUpBeside(io, program))
    throw new SentoError(
      "refused",
      `\`sento setup ${program}\` is there already, and this plugin would do the same twice`,
      `remove the plugin, or run \`sento setup ${program} --undo\``,
    )
  return mcp()
}

/** Whether what `sento setup` wrote for this program is read in this directory. Where nothing was, nothing is loaded. */
async function isSetUpBeside(io: Io, program: string): Promise<boolean> {
  const path = setupsPath(userHomeOf(io))
  if (!existsSync(path)) return false
  const { readRecords } = await import("./setup/records.ts")
  const { findSetup } = await import("./setup/programs.ts")
  const { changesOf } = await import("./setup.ts")
  const { placesOf } = await import("./setup/scope.ts")
  const cwd = `${io.cwd()}/`
  return readRecords(path)
    .filter(one => one.program === program && (one.project === null || cwd.startsWith(`${one.project}/`)))
    .filter(one =>
      Bun.deepEquals(one.environment, placesOf(one.program, { ...one, environment: io.environment })),
    )
    .some(
      one =>
        changesOf(
          findSetup(program, { ...one, environment: { ...io.environment, ...one.environment } }),
          true,
        ).length > 0,
    )
}
