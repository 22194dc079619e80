/**
 * Where `sento setup` has written on this account, projects too: `~/.sento/setups.json`, whichever agent a command is
 * for. `sento uninstall` takes it all away by this, and `sento doctor` looks whether it is still so.
 */
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as v from "valibot"
import { SentoError } from "../../protocol/errors.ts"
import { agentProgramNames } from "../../protocol/names.ts"
import { ChangedMeanwhile, readFile, replaceFile } from "./files.ts"
import { type ProgramSetup, placesOf, placeVariables, type Scope } from "./scope.ts"
import { asJson } from "./texts.ts"

const setupRecord = v.object({
  program: v.picklist(agentProgramNames),
  /** The project's directory, or null for the user. */
  project: v.nullable(v.string()),
  /** The variable that says where the program keeps the user's files, where it was set; absolute. */
  environment: v.record(v.picklist(Object.values(placeVariables)), v.string()),
  /** How `sento` is started from what was written. */
  sento: v.tupleWithRest([v.string()], v.string()),
  /** Every file with something of ours in it, as the latest run wrote it or one before. */
  paths: v.array(v.string()),
})

/** One run of `sento setup` that stands. */
export type SetupRecord = Readonly<v.InferOutput<typeof setupRecord>>

const setupRecords = v.object({ version: v.literal(1), setups: v.array(setupRecord) })

/** What was set up, oldest first; empty where nothing was. @throws config for a file that cannot be read */
export const readRecords = (path: string): readonly SetupRecord[] => parse(path, readFile(path))

/** What a record is made of. */
export const recordOf = (
  program: SetupRecord["program"],
  scope: Scope,
  { parts }: ProgramSetup,
): SetupRecord => ({
  program,
  project: scope.project,
  environment: placesOf(program, scope),
  sento: [...scope.sento],
  paths: parts.map(one => one.path),
})

/** Notes a setup before it is written: one that is noted and not there is found out, one that is not noted stays. @throws config */
export function noteSetup(record: SetupRecord, path: string): void {
  change(path, records => {
    const at = records.findIndex(one => isSamePlace(one, record))
    const paths = [...new Set([...record.paths, ...(records[at]?.paths ?? [])])]
    const noted = { ...record, paths }
    return at < 0 ? [...records, noted] : records.with(at, noted)
  })
}

/** Forgets one that was taken away. @throws config */
export const forgetSetup = (record: SetupRecord, path: string): void =>
  change(path, records => records.filter(one => !isSamePlace(one, record)))

const isSamePlace = (one: SetupRecord, other: SetupRecord): boolean =>
  one.program === other.program &&
  one.project === other.project &&
  isDeepStrictEqual(one.environment, other.environment)

/** Two setups at once are two writers of one file. */
const mostTries = 5

function change(path: string, edit: (records: readonly SetupRecord[]) => readonly SetupRecord[]): void {
  for (let tries = 1; ; tries += 1)
    try {
      changeOnce(path, edit)
      return
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile) || tries === mostTries) throw error
    }
}

function changeOnce(path: string, edit: (records: readonly SetupRecord[]) => readonly SetupRecord[]): void {
  const before = readFile(path)
  const setups = edit(parse(path, before))
  const after = setups.length === 0 ? null : asJson({ version: 1, setups })
  if (after === before) return
  if (after !== null) makeFolder(dirname(path))
  replaceFile({ path, before, after }, dirname(dirname(path)))
}

/** As an agent's folder: it may be the first one's. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new SentoError("config", `cannot make ${folder}: ${(error as Error).message}`, null)
  }
}

function parse(path: string, text: string | null): readonly SetupRecord[] {
  if (text === null) return []
  try {
    return v.parse(setupRecords, JSON.parse(text)).setups
  } catch (error) {
    throw new SentoError(
      "config",
      `${path} is no list of setups: ${(error as Error).message}`,
      "it only says where `sento setup` wrote: move it away, and run each `sento setup` again",
    )
  }
}
