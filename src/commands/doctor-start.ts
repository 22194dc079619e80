/** Whether a Guardian starts with the machine, and whether what would start it is still there. */
import { existsSync } from "node:fs"
import { shellWord } from "../protocol/shell.ts"
import type { Paths } from "../store/paths.ts"
import type { Finding } from "./doctor-peer.ts"
import type { Io } from "./io.ts"
import { hasCron, readCrontab } from "./service/cron.ts"
import { readUnit } from "./service/systemd.ts"
import { cronMark, startedBy, unitName } from "./service/unit.ts"
import { lastingCommand } from "./setup.ts"
import { userHomeOf } from "./which-agent.ts"

/** A unit, a line of the crontab, or neither, which is no fault. */
export async function checkStart(io: Io, paths: Paths): Promise<Finding> {
  const name = unitName(paths.home, userHomeOf(io))
  const unit = readUnit(io, name)
  if (unit !== null) return judge(io, `with the machine (${name}.service)`, startedBy(unit))
  const mark = ` ${cronMark(paths.home).replaceAll("%", "\\%")}`
  const lines = hasCron()
    ? Buffer.from(await readCrontab(), "latin1")
        .toString()
        .split("\n")
    : []
  const line = lines.find(one => one.endsWith(mark))
  if (line !== undefined) return judge(io, "with the machine (your crontab)", commandIn(io, line))
  return {
    check: "start",
    is: "with the first command or agent program (`sento guard install`: with the machine)",
    fix: null,
  }
}

/** @param file - what would be started; null where it cannot be told */
function judge(io: Io, is: string, file: string | null): Finding {
  const [own = ""] = lastingCommand(io)
  const fix = "run `sento guard install` again"
  if (file === null) return { check: "start", is: `${is}, in words that are not sento's`, fix }
  if (!existsSync(file)) return { check: "start", is: `${is}, by ${file}, which is not there any more`, fix }
  return file === own
    ? { check: "start", is, fix: null }
    : { check: "start", is: `${is}, by another sento, ${file}`, fix }
}

/** The own path where the line has it, and otherwise the first word that could be one. */
function commandIn(io: Io, line: string): string | null {
  const [own = ""] = lastingCommand(io)
  if (line.includes(` ${shellWord(own).replaceAll("%", "\\%")} `)) return own
  return / (\/\S+) (?:\S+ )*guard\b/.exec(line)?.[1] ?? null
}
