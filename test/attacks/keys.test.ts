/** Keys that nobody needs any more, and where they could be left on the disk. */
import { Database } from "bun:sqlite"
import { afterEach, expect, test } from "bun:test"
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import type { ConfirmedPairing } from "../../src/protocol/requests.ts"
import { readConfig, updateConfig, writeConfig } from "../../src/store/config.ts"
import { takeLock } from "../../src/store/lock.ts"
import type { Paths } from "../../src/store/paths.ts"
import { type ClientPair, newPair, post, signPlain, stamp, uuidV7 } from "../support/client.ts"
import { openGuardian, type TestGuardian } from "../support/guardian.ts"
import { createTestStore } from "../support/store.ts"
import { finished, plainEnvironment, until } from "../support/world.ts"

const [kai, lia] = [newPair(), newPair()]

let vault: string | null = null
afterEach(() => {
  if (vault !== null) rmSync(vault, { recursive: true, force: true })
  vault = null
})

const source = join(import.meta.dir, "../../src/store")

/** A process that writes the config, and dies between writing it and giving it its name. */
async function crashInAWrite({ home }: Paths): Promise<void> {
  const script = `
    const { updateConfig } = await import(${JSON.stringify(join(source, "config.ts"))})
    const { pathsOf } = await import(${JSON.stringify(join(source, "paths.ts"))})
    updateConfig(pathsOf(${JSON.stringify(home)}), config => config)`
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: { ...plainEnvironment, SENTO_BUILD_FAULTS: "on", SENTO_FAULT: "before-config-is-renamed" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  await finished(child)
  expect(child.signalCode).toBe("SIGKILL")
}

const copiesIn = (folder: string): string[] =>
  readdirSync(folder).filter(name => name.startsWith(".sento-copy-"))

/** The files below a folder in which these words stand. */
const filesWith = (folder: string, words: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(name => {
    const path = join(folder, name)
    return lstatSync(path).isFile() && readFileSync(path, "latin1").includes(words)
  })

async function unpair(guardian: TestGuardian, pair: ClientPair): Promise<void> {
  const body = { v: 1, id: uuidV7(guardian.now), timestamp: stamp(guardian.now), type: "unpair" }
  expect((await post(guardian.port, signPlain(pair, body))).status).toBe(202)
  await until("the end of the pair", () => !readFileSync(guardian.paths.config, "utf8").includes(pair.id))
}

test("a copy of all keys that a crash left goes with the next write: after a pair's end its key is in no file", async () => {
  await using guardian = await openGuardian({ kai: { pair: kai }, lia: { pair: lia } })
  const { home } = guardian.paths
  await crashInAWrite(guardian.paths)
  expect(copiesIn(home).length).toBe(1)
  expect(filesWith(home, kai.send).length).toBe(2)
  await unpair(guardian, kai)
  expect(filesWith(home, kai.send)).toEqual([])
  expect(copiesIn(home)).toEqual([])
  expect(filesWith(home, lia.send)).toEqual([".sento-config.json"])
})

test("… and as the Guardian starts", async () => {
  await using guardian = await openGuardian({ kai: { pair: kai } })
  await crashInAWrite(guardian.paths)
  expect(copiesIn(guardian.paths.home).length).toBe(1)
  await guardian.restart()
  expect(copiesIn(guardian.paths.home)).toEqual([])
  expect(guardian.log()).toContain("removed 1 of the config's copies that a crash had left")
})

const [ours, theirs] = [".sento-copy-", ""]
const ofTheParent = `${process.ppid}.0a1b2c3d`

test.each([
  ["that another process is writing now stays", ours, ofTheParent, 0, true],
  ["that is older than a minute goes, whatever process has its number now", ours, ofTheParent, -61, false],
  ["of a time to come goes too", ours, ofTheParent, 3600, false],
  ["of this process goes", ours, `${process.pid}.0a1b2c3d`, 0, false],
  ["of the owner's own stays", theirs, "bak", -3600, true],
  ["of the owner's own, with a number, stays", theirs, "2026.old", -3600, true],
  ["of the owner's own, with a date and eight hex digits, stays", theirs, "20261126.deadbeef", -3600, true],
  ["of the owner's own, with a number and a date, stays", theirs, "1.20261126", -3600, true],
] as const)("a copy of the config %s", async (_, prefix, suffix, seconds, stays) => {
  await using guardian = await openGuardian({})
  for (const config of [guardian.paths.config, moveIntoVault(guardian.paths, false)]) {
    const path = join(dirname(config), `${prefix}${basename(config)}.${suffix}`)
    writeFileSync(path, "a copy")
    const time = Date.now() / 1000 + seconds
    utimesSync(path, time, time)
    updateConfig(guardian.paths, config => config)
    expect(existsSync(path)).toBe(stays)
  }
})

/** Puts the config into a vault, and a link in its place. @returns where it lies */
function moveIntoVault({ config }: Paths, isRelative: boolean): string {
  vault = mkdtempSync(join(tmpdir(), "sento-vault-"))
  const path = join(vault, "mira.json")
  renameSync(config, path)
  symlinkSync(isRelative ? join("..", vault.slice(dirname(vault).length), "mira.json") : path, config)
  return path
}

test.each([
  ["an absolute link", false],
  ["a relative one", true],
])(
  "a config in a vault, behind %s, is written there, and no copy of its keys comes beside the link",
  async (_, isRelative) => {
    await using guardian = await openGuardian({ kai: { pair: kai }, lia: { pair: lia } })
    const { paths } = guardian
    const path = moveIntoVault(paths, isRelative)
    const link = readlinkSync(paths.config)
    await crashInAWrite(paths)
    expect(copiesIn(paths.home)).toEqual([])
    expect(readdirSync(vault as string).length).toBe(2)
    await unpair(guardian, kai)
    expect(readlinkSync(paths.config)).toBe(link)
    expect(readdirSync(vault as string)).toEqual(["mira.json"])
    expect(lstatSync(path).mode & 0o777).toBe(0o600)
    expect(Object.keys(readConfig(paths)?.config.agents ?? {})).toEqual(["lia"])
    expect(filesWith(paths.home, lia.send)).toEqual([])
  },
)

test("a link to a config that is not there yet leads to where it is written", async () => {
  await using guardian = await openGuardian({})
  const { paths } = guardian
  const config = readConfig(paths)?.config
  const path = moveIntoVault(paths, false)
  rmSync(path)
  expect(readConfig(paths)).toBeNull()
  writeConfig(paths, config as NonNullable<typeof config>)
  expect(lstatSync(paths.config).isSymbolicLink()).toBe(true)
  expect(existsSync(path)).toBe(true)
})

test("the lock is its owner's alone, whoever makes it, and a loose one is tightened", async () => {
  const guardian = await openGuardian({})
  await using _ = guardian
  const { paths } = guardian
  const mode = (): string => (lstatSync(paths.lock).mode & 0o777).toString(8)
  expect(mode()).toBe("600")
  const home = mkdtempSync(join(tmpdir(), "sento-lock-"))
  const umask = process.umask(0)
  try {
    const lock = join(home, "guardian.lock")
    takeLock(lock)?.release()
    expect(lstatSync(lock).mode & 0o777).toBe(0o600)
    chmodSync(lock, 0o644)
    takeLock(lock)?.release()
    expect(lstatSync(lock).mode & 0o777).toBe(0o600)
  } finally {
    process.umask(umask)
    rmSync(home, { recursive: true, force: true })
  }
})

test("the keys of a request that was settled are in no file of the database once its pair has ended", () => {
  using stored = createTestStore()
  const { store, path } = stored
  const request = (pairing: string): ConfirmedPairing => ({
    role: "minter",
    pairing,
    name: "kai",
    agent: "kai-00001",
    host: "127.0.0.1",
    port: 1,
    features: [],
    verifier: "65T6V-3FSB8",
    pairId: kai.id,
    sendKey: kai.receive,
    receiveKey: kai.send,
    decisionKey: "ee".repeat(32),
  })
  for (let i = 0; i < 20; i += 1) {
    const kept = store.now(() =>
      store.requests.keep(request(`${i}`), { localName: "kai", replaces: false, confirm: null }, i),
    )
    store.now(() => store.requests.settle(kept.id, "approved", i))
  }
  expect(filesWith(dirname(path), kai.send)).not.toEqual([])
  using reader = new Database(path, { readonly: true })
  reader.run("BEGIN")
  reader.query("SELECT * FROM requests").all()
  store.now(() => store.facts.set("more", 1))
  expect(store.scrub()).toBe(false)
  reader.run("COMMIT")
  expect(store.scrub()).toBe(true)
  expect(filesWith(dirname(path), kai.send)).toEqual([])
})
