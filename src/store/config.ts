/** `~/.sento-config.json`: who this agent is, where it listens, whom it is paired with. */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs"
import { dirname } from "node:path"
import * as v from "valibot"
import { chatFields } from "../protocol/chat-settings.ts"
import { SentoError } from "../protocol/errors.ts"
import { isName, nameSchema, profileNames } from "../protocol/names.ts"
import { shellWord } from "../protocol/shell.ts"
import { besideOf, removeCopies } from "./copies.ts"
import { faultPoint } from "./faults.ts"
import { behindLinks } from "./links.ts"
import { requireOwn } from "./ownership.ts"
import type { Paths } from "./paths.ts"

const key = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 hex digits"))
const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65535))

const hopLimit = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000)))
const amount = v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000)))

/** A paired agent. `sendKey` signs what we send, `receiveKey` is our end of the secret for what it sends. */
const peerSchema = v.looseObject({
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "32 hex digits")),
  host: v.string(),
  port,
  /** The owner's word that this address never changes by itself. */
  fixed: v.optional(v.boolean()),
  /** The IP literal at which it last gave an answer that it signed; absent where it gave none. */
  reached: v.optional(v.string()),
  sendKey: key,
  receiveKey: key,
  pairedAt: v.string(),
  features: v.array(v.string()),
  /** In place of the config's own for this agent. */
  hopLimit,
})

/** Stands for all of this machine's addresses, whichever it has. */
export const everyAddress = "all"

/** Stands for this machine's private and VPN addresses, whichever it has: never for a public one. */
export const networkAddresses = "network"

/** Builds before `hosts` had one address, in place of loopback. */
const listenSchema = v.pipe(
  v.looseObject({
    host: v.optional(v.string()),
    /** Addresses beside loopback, {@link everyAddress} or {@link networkAddresses}. */
    hosts: v.optional(v.array(v.string())),
    port,
    names: v.array(v.string()),
  }),
  v.transform(({ host, hosts, ...rest }) => ({
    hosts: hosts ?? (host === undefined ? [] : hostsBeside(host)),
    ...rest,
  })),
)

/** What it adds to loopback that one host is listened on. */
export function hostsBeside(host: string): string[] {
  if (host === "127.0.0.1" || host.toLowerCase() === "localhost") return []
  return [host === "0.0.0.0" || host === "::" ? everyAddress : host]
}

/** Unknown fields are kept: a newer build's, or the owner's own. */
const configSchema = v.looseObject({
  version: v.literal(1),
  name: nameSchema,
  agent: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{8,64}$/)),
  listen: listenSchema,
  tmux: v.looseObject({
    session: v.string(),
    socket: v.nullable(v.string()),
    /** null: whatever known program runs in the pane. */
    profile: v.nullable(v.picklist(profileNames)),
    /** What to do while the program works: wait (default), or let it queue the text where its profile can. */
    deliver: v.optional(v.picklist(["hold", "queue"])),
    /** The owner's word that a shell may be typed into, with the profile plain alone. */
    allowShell: v.optional(v.boolean()),
  }),
  /** Replies in a row after which a conversation is held until its owner resumes it. */
  hopLimit,
  /** How long, and up to which size of the database, messages are kept once nothing waits for them. */
  retention: v.optional(v.looseObject({ days: amount, megabytes: amount })),
  /** What belongs to the owner alone. */
  owner: v.optional(
    v.looseObject({
      /** Argon2id, as `Bun.password.hash` writes it. */
      pin: v.optional(v.string()),
      /** Where the owner is asked by chat. */
      ...chatFields,
    }),
  ),
  /** The owner's command that is told and may ask: its words, and the event on its stdin. */
  notify: v.optional(v.pipe(v.array(v.string()), v.minLength(1))),
  /** Where the agent runs as another user: the directory of its door, shared with that user by group. */
  hardened: v.optional(v.looseObject({ folder: v.string(), user: v.string() })),
  agents: v.record(nameSchema, peerSchema),
})

export type Config = v.InferOutput<typeof configSchema>
export type Peer = Config["agents"][string]

/** A config as read; `wasTightened` when others could read it until now. */
export type ReadConfig = { readonly config: Config; readonly wasTightened: boolean }

/**
 * The config, or null where there is none yet. A file that others may read is made 0600 first.
 * @throws config when it cannot be read, is not JSON, has another shape or is of a newer version
 */
export function readConfig(paths: Paths): ReadConfig | null {
  const text = readText(paths.config)
  if (text === null) return null
  const wasTightened = tighten(paths.config)
  return { config: parseConfig(paths.config, text), wasTightened }
}

/**
 * The config.
 * @throws config as {@link readConfig}, and where there is none
 */
export function requireConfig(paths: Paths): Config {
  const read = readConfig(paths)
  if (read === null) throw noConfig(paths)
  return read.config
}

/** The error for a home that is not set up, or is not there at all. */
export function noConfig(paths: Paths): SentoError {
  if (!existsSync(paths.home))
    return new SentoError(
      "config",
      `the directory ${paths.home} does not exist`,
      `run \`mkdir -p ${paths.home}\`, or set SENTO_HOME to the one you mean`,
    )
  return new SentoError(
    "config",
    `there is no ${paths.config}`,
    "run `sento init --name NAME --session TMUX-SESSION` to set this agent up",
  )
}

/** Makes `.sento/` where it is missing, for its owner alone. @throws config, also where something in it is another user's */
export function makeFolder(paths: Paths): void {
  requireOwn(paths.folder)
  try {
    mkdirSync(paths.folder, { recursive: true, mode: 0o700 })
    if ((statSync(paths.folder).mode & 0o077) !== 0) chmodSync(paths.folder, 0o700)
  } catch (error) {
    throw new SentoError(
      "config",
      `cannot use ${paths.folder}: ${reasonOf(error)}`,
      `see \`ls -ld ${shellWord(paths.folder)}\`, and move away what is no directory`,
    )
  }
  for (const path of [paths.database, paths.lock, paths.log, paths.ownerSocket, paths.agentSocket])
    requireOwn(path)
}

/**
 * Applies a change to the file's content as it is now, and returns what was written. The file is replaced
 * whole or not at all: written beside, synced, renamed; one that does not parse is never touched.
 * @throws config as {@link readConfig}
 */
export function updateConfig(paths: Paths, change: (config: Config) => Config): Config {
  const config = change(requireConfig(paths))
  writeConfig(paths, config)
  return config
}

/** Writes a whole config, 0600, durably: behind its links where it is one, into a vault for instance. */
export const writeConfig = (paths: Paths, config: Config): void => put(paths, config, renameSync)

/** The same for one that is not there yet. @throws config where somebody has made one meanwhile, which stays */
export const createConfig = (paths: Paths, config: Config): void =>
  put(paths, config, (beside, path) => {
    linkSync(beside, path)
    rmSync(beside)
  })

function put(paths: Paths, config: Config, give: (beside: string, path: string) => void): void {
  if (!existsSync(paths.home)) throw noConfig(paths)
  let beside: string | null = null
  try {
    const path = behindLinks(paths.config)
    beside = besideOf(path)
    removeCopies(paths)
    writeDurably(beside, `${JSON.stringify(config, null, 2)}\n`)
    faultPoint("before-config-is-renamed")
    give(beside, path)
    syncFolder(dirname(path))
  } catch (error) {
    if (beside !== null) rmSync(beside, { force: true })
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw new SentoError("config", `${paths.config} is there by now, and stays as it is`, "run it again")
    throw new SentoError(
      "config",
      `cannot write ${paths.config}: ${(error as Error).message}`,
      "free some space or mend the directory's permissions; the old file is as it was",
    )
  }
}

function parseConfig(path: string, text: string): Config {
  const broken = (what: string): SentoError =>
    new SentoError("config", `${path} ${what}`, "mend it or move it away; sento does not overwrite it")
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw broken("is not JSON")
  }
  const version = (value as { version?: unknown } | null)?.version
  if (typeof version === "number" && version > 1)
    throw new SentoError(
      "config",
      `${path} is of version ${version}; this sento knows version 1`,
      "use a newer sento",
    )
  // A record leaves some keys out without a word, and the next write would erase them from the file.
  const noName = Object.keys((value as { agents?: object } | null)?.agents ?? {}).find(name => !isName(name))
  if (noName !== undefined) throw broken(`has a wrong ${JSON.stringify(`agents.${noName}`)}`)
  const parsed = v.safeParse(configSchema, value)
  if (parsed.success) return parsed.output
  throw broken(describe(parsed.issues[0]))
}

/** Which field is wrong and what was expected there; never its value, which may be a key. */
function describe(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue)
  if (path === null) return "is no JSON object"
  const isMissing = issue.received === "undefined"
  return isMissing ? `lacks ${JSON.stringify(path)}` : `has a wrong ${JSON.stringify(path)}`
}

function readText(path: string): string | null {
  try {
    requireOwn(path)
    return readWhole(path)
  } catch (error) {
    if (error instanceof SentoError) throw error
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null
    throw new SentoError(
      "config",
      `cannot read ${path}: ${reasonOf(error)}`,
      `see \`ls -ld ${shellWord(path)}\``,
    )
  }
}

/** A pipe into which nobody writes would hold everybody who looks. */
function readWhole(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile() && !stat.isDirectory()) throw new Error("it is no file")
    return readFileSync(descriptor, "utf8")
  } finally {
    closeSync(descriptor)
  }
}

/** What the system says, without the path that the message has already. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === "EISDIR") return "it is a directory"
  if (code === "EEXIST") return "it is no directory"
  if (code === "ENOTDIR") return "what should be its directory is a file"
  return code === "EACCES" ? "permission denied" : message
}

function tighten(path: string): boolean {
  if ((statSync(path).mode & 0o077) === 0) return false
  chmodSync(path, 0o600)
  return true
}

function writeDurably(path: string, text: string): void {
  const descriptor = openSync(path, "wx", 0o600)
  const bytes = Buffer.from(text)
  try {
    // A disk that is nearly full takes a part, and says so only of the next one (write(2)).
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Makes a rename durable (fsync(2): a new name needs a sync of its directory). */
function syncFolder(path: string): void {
  const descriptor = openSync(path, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
