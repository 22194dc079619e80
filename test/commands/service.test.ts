/** What starts a Guardian with the machine: a unit of the user's systemd, a line of the user's crontab. */
import { describe, expect, test } from "bun:test"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { amendCrontab, cronLine, startedBy, unitName, unitText } from "../../src/commands/service/unit.ts"
import { hasSystemd, runWithSystemd } from "../support/user-systemd.ts"
import { createWorld, guardiansOf, initAgent } from "../support/world.ts"

test.skipIf(!hasSystemd)(
  "by systemd: started after a crash, not after a stop; after a reboot what was queued is typed; uninstalled, nothing is left",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "sento-systemd-"))
    try {
      expect(await runWithSystemd("support/reboot.ts", folder)).toEqual({
        isUnit: true,
        isStartedAgain: true,
        isRevivedByHook: false,
        isStartedByUnit: true,
        queued: 75,
        isTyped: true,
        uninstalled: 0,
        left: { unit: null, links: [], guardians: 0, door: false },
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
  120_000,
)

const service = (command: string[], environment = {}) => ({
  ...{ name: "sento", description: "kai's Guardian", command, environment, isEndless: false },
})

describe("a unit", () => {
  test.each(["/usr/bin/sento", "/a b/sento", "/%n/sento", "/$HOME/$$/sento", '/"q"/\\/sento', "/é/'/sento"])(
    "starts %s, and says so",
    file => expect(startedBy(unitText(service([file, "guard"])))).toBe(file),
  )

  test("has the name of its home's directory, which no other home has", () => {
    expect(unitName("/home/u", "/home/u")).toBe("sento")
    expect(unitName("/home/u/.sento/agents/kai", "/home/u")).toBe("sento-kai")
    expect(unitName("/srv/kai", "/home/u")).toMatch(/^sento-[0-9a-f]{8}$/)
    expect(unitName("/srv/kai", "/home/u")).not.toBe(unitName("/srv/mira", "/home/u"))
  })
})

test("a unit of that name that is not sento's is neither written over nor taken away", async () => {
  const world = createWorld()
  try {
    initAgent(world, "kai", ".")
    const bin = join(world.folder, "bin")
    const units = join(world.folder, ".config/systemd/user")
    mkdirSync(bin)
    mkdirSync(units, { recursive: true })
    writeFileSync(join(bin, "systemctl"), "#!/bin/sh\nexit 0\n")
    chmodSync(join(bin, "systemctl"), 0o755)
    writeFileSync(join(units, "sento.service"), "[Service]\nExecStart=/opt/mine\n")
    const env = { PATH: `${bin}:${process.env.PATH}`, SENTO_HOME: "" }
    await world.guard(".")
    const install = await world.sento(".", ["guard", "install"], { env })
    expect(install).toMatchObject({ exit: 78, stderr: expect.stringContaining("did not write it") })
    expect(guardiansOf(world.folder)).toHaveLength(1)
    await world.sento(".", ["guard", "uninstall"], { env })
    expect(readFileSync(join(units, "sento.service"), "utf8")).toContain("/opt/mine")
  } finally {
    await world.close()
  }
})

describe("a line of a crontab", () => {
  const line = cronLine(service(["/a b/sento", "guard"], { SENTO_HOME: "/home/u 100%" }), "/home/u 100%")

  test("is one that sh(1) and crontab(5) read rightly", () => {
    expect(line).toBe(
      "@reboot env SENTO_HOME='/home/u 100\\%' '/a b/sento' guard >/dev/null 2>&1 # sento: /home/u 100\\%",
    )
    const command = line.slice("@reboot ".length, line.indexOf(" >/dev/null")).replaceAll("\\%", "%")
    const words = Bun.spawnSync(["sh", "-c", `printf '%s\\n' ${command}`]).stdout.toString()
    expect(words).toBe("env\nSENTO_HOME=/home/u 100%\n/a b/sento\nguard\n")
  })

  test.each([
    ["nothing", ""],
    ["other lines", "# mine\n\n0 5 * * * backup\n"],
    ["no line break at its end", "0 5 * * * backup"],
    ["another home's line", "@reboot env sento guard # sento: /home/u\n"],
  ])("comes once to %s, and goes again", (_, before) => {
    const once = amendCrontab(before, "/home/u 100%", line)
    expect(once).toContain(`${line}\n`)
    expect(once.startsWith(before)).toBe(true)
    expect(amendCrontab(once, "/home/u 100%", line)).toBe(once)
    expect(amendCrontab(once, "/home/u 100%", null).trimEnd()).toBe(before.trimEnd())
  })
})

test("where there is no systemd of the user's: cron, by a stand-in for crontab(1)", async () => {
  const world = createWorld()
  try {
    const bin = join(world.folder, "bin")
    const table = join(world.folder, "table")
    mkdirSync(bin)
    writeFileSync(
      join(bin, "crontab"),
      `#!/bin/sh\ncase "$1" in -l) cat ${table} 2>/dev/null || { echo "no crontab for you" >&2; exit 1; };; -r) rm ${table};; -) cat >${table};; esac\n`,
    )
    writeFileSync(join(bin, "systemctl"), "#!/bin/sh\nexit 1\n")
    for (const name of ["crontab", "systemctl"]) chmodSync(join(bin, name), 0o755)
    initAgent(world, "kai", ".")
    await world.session("kai", ["cat"], ".")
    const env = { PATH: `${bin}:${process.env.PATH}`, SENTO_HOME: "" }
    // Whose encoding nobody knows.
    const own = Buffer.from("0 5 * * * /home/u/caf\xe9/backup.sh\n", "latin1")
    writeFileSync(table, own)
    const install = await world.sento(".", ["guard", "install"], { env })
    expect(install).toMatchObject({ exit: 0, stderr: expect.stringContaining("a line in your crontab") })
    expect(readFileSync(table).subarray(0, own.length)).toEqual(own)
    expect(readFileSync(table).subarray(own.length).toString()).toMatch(
      /^@reboot env PATH=\S+ .* guard >\/dev\/null 2>&1 # sento: \S+\n$/,
    )
    expect(guardiansOf(world.folder)).toHaveLength(1)
    expect((await world.sento(".", ["doctor"], { env })).stdout).toContain("with the machine (your crontab)")
    expect((await world.sento(".", ["guard", "uninstall"], { env })).exit).toBe(0)
    expect(readFileSync(table)).toEqual(own)
    expect(guardiansOf(world.folder)).toEqual([])
    // A crontab that cannot be read is not one that is empty.
    writeFileSync(join(bin, "crontab"), "#!/bin/sh\necho trouble >&2; exit 1\n")
    const failed = await world.sento(".", ["guard", "install"], { env })
    expect(failed).toMatchObject({ exit: 1, stderr: expect.stringContaining("crontab -l: trouble") })
  } finally {
    await world.close()
  }
})
