import { afterEach, beforeEach, expect, test } from "bun:test"
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { callDoor } from "../../src/guardian/door/client.ts"
import { openLog } from "../../src/guardian/log.ts"
import { openGuardian } from "../support/guardian.ts"

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-log-"))
  path = join(folder, "guardian.log")
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test("of lines that the agent brings about 30 are written at once, then one every half minute with their count", () => {
  let now = 0
  const log = openLog(path, () => now)
  const written = (): string[] => readFileSync(path, "utf8").trimEnd().split("\n")
  for (let i = 0; i < 100; i += 1) expect(log.sparingly("hands", `line ${i}`)).toBe(i < 30)
  expect(written()).toHaveLength(30)
  for (let i = 0; i < 100; i += 1) {
    now += 1000
    log.sparingly("hands", `later ${i}`)
  }
  expect(
    written()
      .slice(30)
      .map(line => line.slice(line.indexOf(" ") + 1)),
  ).toEqual([
    "later 29 (99 lines like this were left out)",
    "later 59 (29 lines like this were left out)",
    "later 89 (29 lines like this were left out)",
  ])
  expect(log.sparingly("another kind", "is counted apart")).toBe(true)
})

test("of refusals each reason has a line a second, with how many there were since the last", () => {
  let now = 5000
  const log = openLog(path, () => now)
  const written = (): string[] =>
    readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map(line => line.slice(line.indexOf(" ") + 1))
  for (let i = 1; i < 5; i += 1) log.refused("signature", `192.0.2.${i}`)
  log.refused("host", "192.0.2.9")
  now += 999
  log.refused("signature", "192.0.2.5")
  expect(written()).toEqual([
    "refused 1 request (signature), the last from 192.0.2.1",
    "refused 1 request (host), the last from 192.0.2.9",
  ])
  now += 1
  log.refused("signature", "192.0.2.6")
  log.refused("host", "192.0.2.9")
  // A clock that is set back does not silence it.
  now -= 3_600_000
  log.refused("host", "192.0.2.9")
  expect(written().slice(2)).toEqual([
    "refused 5 requests (signature), the last from 192.0.2.6",
    "refused 1 request (host), the last from 192.0.2.9",
    "refused 1 request (host), the last from 192.0.2.9",
  ])
})

test("a line is one line of visible signs, told to who watches as it is written", () => {
  const heard: string[] = []
  const log = openLog(
    path,
    () => 0,
    line => heard.push(line),
  )
  log.write("a\nb\u001b[31mc\u007f\u009b2Jd\u2028e\u202ef\u200bg\u{e0041}h")
  const escapes = String.raw`a\nb\u001b[31mc\u007f\u009b2Jd\u2028e\u202ef\u200bg\udb40\udc41h`
  expect(heard).toEqual([`1970-01-01T00:00:00.000Z ${escapes}`])
  expect(readFileSync(path, "utf8")).toBe(`${heard[0]}\n`)
})

test("half a line of before is not gone on with, and a file that cannot be written stops nothing", () => {
  appendFileSync(path, "half")
  openLog(path, () => 0).write("next")
  expect(readFileSync(path, "utf8")).toBe("half\n1970-01-01T00:00:00.000Z next\n")
  openLog(path, () => 0).write("then")
  expect(readFileSync(path, "utf8")).toEndWith("Z next\n1970-01-01T00:00:00.000Z then\n")
  expect(() => openLog(join(folder, "no/log"), () => 0).write("next")).not.toThrow()
})

test("the log is turned over at a mebibyte, and two older files are kept", () => {
  const log = openLog(path, () => 0)
  for (let i = 0; i < 50; i += 1) log.write(`${i} ${"ä".repeat(50_000)}`)
  expect(readdirSync(folder).sort()).toEqual(["guardian.log", "guardian.log.1", "guardian.log.2"])
  for (const name of readdirSync(folder))
    expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(1024 * 1024)
  expect(readFileSync(path, "utf8")).toContain("Z 49 ")
})

test("a mebibyte to the byte is one file, and one byte more two", () => {
  const stamp = "1970-01-01T00:00:00.000Z ".length
  const half = "a".repeat(512 * 1024 - stamp - 1)
  const log = openLog(path, () => 0)
  log.write(half)
  log.write(half)
  expect([readdirSync(folder), statSync(path).size]).toEqual([["guardian.log"], 1024 * 1024])
  log.write("")
  expect(readdirSync(folder).sort()).toEqual(["guardian.log", "guardian.log.1"])
})

/**
 * A process that writes lines until its file may not grow, as on a disk that is full, and one more when there is room
 * again (the limit of a file's size is lifted from outside, prlimit(1)).
 */
const untilFull = `
  const { openLog } = await import(${JSON.stringify(join(import.meta.dir, "../../src/guardian/log.ts"))})
  const log = openLog(process.argv[1], () => 0)
  for (let i = 0; i < 100; i += 1) log.write("line " + i + " of those that fit")
  const lift = ["prlimit", "--pid", String(process.pid), "--fsize=unlimited"]
  if (process.argv[2] === "lifted") {
    if (Bun.spawnSync(lift).exitCode !== 0) throw new Error("the limit cannot be lifted")
    log.write("there is room again")
  }`

test.each(["lifted", "started anew"])(
  "a line that a full disk cut does not run into the next one: %s",
  how => {
    // In blocks of 1,024 bytes; without a handler SIGXFSZ would end the process.
    const words = ["bash", "-c", `trap "" XFSZ; ulimit -S -f 2; exec "$0" "$@"`]
    const ran = Bun.spawnSync([...words, process.execPath, "-e", untilFull, path, how])
    expect(ran.stderr.toString()).toBe("")
    if (how !== "lifted") openLog(path, () => 0).write("there is room again")
    const lines = readFileSync(path, "utf8").split("\n")
    expect(lines.at(-2)).toMatch(/^1970-01-01T00:00:00\.000Z there is room again$/)
    expect(lines.at(-3)).toMatch(/^1970-01-01T.*[^t]$/)
    expect(lines.at(-4)).toMatch(/^1970-01-01T00:00:00\.000Z line \d+ of those that fit$/)
    expect(lines.at(-1)).toBe("")
  },
)

test.each([
  ["in a test build that is asked to", { SENTO_BUILD_FAULTS: "on", SENTO_TRACE: "on" }, true],
  ["not unasked", { SENTO_BUILD_FAULTS: "on" }, false],
  ["not in a release", { SENTO_TRACE: "on" }, false],
])("each step of a machine is a line of names alone, %s", async (_, environment, isTraced) => {
  const before = { ...process.env }
  Object.assign(process.env, environment)
  try {
    await using guardian = await openGuardian({})
    let code = ""
    const onEvent = (event: { event: string; code?: string }): void => {
      code = event.code ?? code
    }
    await callDoor(guardian.paths, "agent", { op: "pair", wait: false }, { onEvent })
    expect(guardian.log().includes("minter: closed + code-opened → open\n")).toBe(isTraced)
    expect(code).not.toBe("")
    expect(guardian.log()).not.toContain(code.replace("SENTO-", ""))
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name]
    Object.assign(process.env, before)
  }
})
