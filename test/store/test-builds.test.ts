/** What a test build can be told, and a release cannot. */
import { afterEach, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { areLimitsLifted, areStepsTraced, faultPoint, systemClock } from "../../src/store/faults.ts"

const kept = { ...process.env }
afterEach(() => {
  for (const name of [
    "SENTO_BUILD_FAULTS",
    "SENTO_LIMITS",
    "SENTO_CLOCK_OFFSET",
    "SENTO_FAULT",
    "SENTO_TRACE",
  ])
    if (kept[name] === undefined) delete process.env[name]
    else process.env[name] = kept[name]
})

const told = (settings: Readonly<Record<string, string>>): void => void Object.assign(process.env, settings)

test.each([
  [{}, false],
  [{ SENTO_LIMITS: "off" }, false],
  [{ SENTO_BUILD_FAULTS: "on" }, false],
  [{ SENTO_BUILD_FAULTS: "on", SENTO_LIMITS: "on" }, false],
  [{ SENTO_BUILD_FAULTS: "", SENTO_LIMITS: "off" }, false],
  [{ SENTO_BUILD_FAULTS: "on", SENTO_LIMITS: "off" }, true],
])("with %j limits are lifted: %p", (settings, isLifted) => {
  told(settings)
  expect(areLimitsLifted()).toBe(isLifted)
})

test.each([
  [{ SENTO_TRACE: "on" }, false],
  [{ SENTO_BUILD_FAULTS: "on" }, false],
  [{ SENTO_BUILD_FAULTS: "on", SENTO_TRACE: "on" }, true],
])("with %j steps are traced: %p", (settings, isTraced) => {
  told(settings)
  expect(areStepsTraced()).toBe(isTraced)
})

test.each([
  [{}, 0],
  [{ SENTO_CLOCK_OFFSET: "3600" }, 0],
  [{ SENTO_BUILD_FAULTS: "on" }, 0],
  [{ SENTO_BUILD_FAULTS: "on", SENTO_CLOCK_OFFSET: "3600" }, 3_600_000],
  [{ SENTO_BUILD_FAULTS: "on", SENTO_CLOCK_OFFSET: "-60" }, -60_000],
])("with %j the clock is wrong by %d ms", (settings, offset) => {
  told(settings)
  const clock = systemClock()
  const [before, at, after] = [Date.now(), clock(), Date.now()]
  expect(at - offset).toBeWithin(before, after + 1)
})

test("without a word a fault point does nothing, nor for another point's", () => {
  faultPoint("before-attempt")
  told({ SENTO_FAULT: "before-attempt" })
  faultPoint("before-attempt")
  told({ SENTO_BUILD_FAULTS: "on" })
  faultPoint("after-attempt")
})

test("a process that is to die at a point dies there, as of a power cut", async () => {
  const source = join(import.meta.dir, "../../src/store/faults.ts")
  const script = `
    import { faultPoint } from ${JSON.stringify(source)}
    process.on("exit", () => console.log("tidied up"))
    faultPoint("before-attempt")
    console.log("alive")`
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: { ...process.env, SENTO_BUILD_FAULTS: "on", SENTO_FAULT: "before-attempt" },
    stdout: "pipe",
    stderr: "pipe",
  })
  expect(await new Response(child.stdout).text()).toBe("")
  await child.exited
  expect(child.signalCode).toBe("SIGKILL")
})

test("a config whose process dies before it has its name leaves the old one", async () => {
  const home = mkdtempSync(join(tmpdir(), "sento-dies-"))
  const source = (name: string): string => JSON.stringify(join(import.meta.dir, "../..", name))
  const script = `
    import { writeConfig } from ${source("src/store/config.ts")}
    import { pathsOf } from ${source("src/store/paths.ts")}
    writeConfig(pathsOf(${JSON.stringify(home)}), { version: 1, name: "mira", agents: {} })`
  try {
    writeFileSync(join(home, ".sento-config.json"), "old")
    const child = Bun.spawn([process.execPath, "-e", script], {
      env: { ...process.env, SENTO_BUILD_FAULTS: "on", SENTO_FAULT: "before-config-is-renamed" },
    })
    await child.exited
    expect(child.signalCode).toBe("SIGKILL")
    expect(readFileSync(join(home, ".sento-config.json"), "utf8")).toBe("old")
    expect(readdirSync(home)).toHaveLength(2)
  } finally {
    rmSync(home, { recursive: true })
  }
})
