/** A bare code across the room: Guardians on machines of the test's own that one wire connects. */

import { Database } from "bun:sqlite"
import { afterEach, describe, expect, test } from "bun:test"
import { join } from "node:path"
import { type Link, noLink, openLink } from "../../support/link.ts"
import {
  built,
  type Child,
  createWorld,
  finished,
  jsonLines,
  type Ran,
  until,
  type World,
} from "../../support/world.ts"

let world: World
let link: Link
const machineOf = new Map<string, string>()
afterEach(async () => {
  await world?.close()
  await link?.[Symbol.asyncDispose]()
})

/** The addresses of each machine; an agent is told as `name@machine`, and listens there where it has an address of it. */
async function openRoom(
  machines: Readonly<Record<string, readonly string[]>>,
  agents: Readonly<Record<string, readonly [machine: string, listen?: string]>>,
): Promise<void> {
  link = await openLink(machines)
  world = createWorld()
  for (const [name, [machine, listen]] of Object.entries(agents)) {
    machineOf.set(name, machine)
    const words = ["init", "--name", name, "--profile", "plain", "--tmux-socket", join(world.folder, "none")]
    const ran = await sento(name, ...words, ...(listen === undefined ? [] : ["--listen", listen]))
    expect(ran.exit).toBe(0)
    expect((await sento(name, "guard")).exit).toBe(0)
  }
}

const commandOf = (name: string): readonly string[] => [...link.on(machineOf.get(name) ?? ""), ...built]
const sento = (name: string, ...words: readonly string[]): Promise<Ran> =>
  world.sento(name, words, { command: commandOf(name) })
const start = (name: string, ...words: readonly string[]): Child =>
  world.start(name, words, { command: commandOf(name) })

async function mint(name: string, ...words: readonly string[]): Promise<string> {
  const { lines } = jsonLines(start(name, "pair", "--json", ...words))
  return until(`${name}'s code`, () => lines.find(line => line.event === "code")?.code as string)
}

const approve = (name: string): Promise<boolean> =>
  until("approval", async () => (await sento(name, "approve")).exit === 0)

const wrong = (code: string): string => code.replace(/-(.)/, (_, a) => `-${a === "0" ? "1" : "0"}`)

const isAnnounced = (machine: string): boolean => link.udpSockets(machine).includes("224.0.0.251:5353")

const room = { left: ["192.168.7.1/24"], right: ["192.168.7.2/24"], third: ["192.168.7.3/24"] }

describe.skipIf(noLink !== null)(`across the room${noLink === null ? "" : ` (skipped: ${noLink})`}`, () => {
  test("a bare code pairs with the one who has a code open, and no port is open but meanwhile", async () => {
    await openRoom(room, { mira: ["left", "192.168.7.1"], kai: ["right"] })
    const none = await sento("kai", "pair", "SENTO-4F2K")
    expect(none).toMatchObject({ exit: 69, stdout: "" })
    expect(none.stderr).toContain("no agent with an open code answers on 127.0.0.1 or on the network of eth0")
    expect([link.udpSockets("left"), link.udpSockets("right")]).toEqual(["", ""])
    const code = await mint("mira")
    await until("the announcement", () => isAnnounced("left"))
    const joining = start("kai", "pair", code)
    await approve("mira")
    const joined = await finished(joining)
    expect(joined).toMatchObject({ exit: 0, stdout: "" })
    expect(joined.stderr).toContain("Found mira at 192.168.7.1:9876.")
    expect([world.paired("mira"), world.paired("kai")]).toEqual([["kai"], ["mira"]])
    expect([link.udpSockets("left"), link.udpSockets("right")]).toEqual(["", ""])
  }, 120_000)

  test("of several the owner picks, and sees where each is; who is on this machine comes first", async () => {
    await openRoom(room, {
      mira: ["left", "all"],
      lia: ["third", "192.168.7.3"],
      kai: ["right"],
      noa: ["right"],
    })
    const code = await mint("mira")
    await mint("lia")
    await until("the announcements", () => isAnnounced("left") && isAnnounced("third"))
    const several = await sento("kai", "pair", code)
    expect(several).toMatchObject({ exit: 64, stdout: "" })
    expect(several.stderr).toContain("several agents have an open code: ")
    for (const one of ["mira (192.168.7.1:9876)", "lia (192.168.7.3:9876)", "sento pair CODE@HOST:PORT"])
      expect(several.stderr).toContain(one)
    const told = await sento("kai", "pair", code, "--json")
    const [{ candidates }] = told.stdout
      .split("\n")
      .slice(0, 1)
      .map(line => JSON.parse(line))
    expect(candidates).toHaveLength(2)
    expect(candidates).toContainEqual({ name: "lia", host: "192.168.7.3", port: 9876 })

    const noas = await mint("noa")
    expect(isAnnounced("right")).toBe(false)
    const joining = start("kai", "pair", noas)
    await approve("noa")
    expect((await finished(joining)).stderr).toContain("Found noa at 127.0.0.1:")
  }, 120_000)

  test("a liar in the room has one guess of the joiner's three, and two are left for CODE@HOST", async () => {
    // An address without a network: mira is not asked by mDNS, but can be reached.
    await openRoom(
      { left: ["10.1.1.1/32"], right: ["192.168.7.2/24"], liar: ["192.168.7.66/24"] },
      { mira: ["left", "10.1.1.1"], kai: ["right"], mallory: ["liar", "192.168.7.66"] },
    )
    await link.ip("left", "route add 192.168.7.0/24 dev eth0")
    await link.ip("right", "route add 10.1.1.1 dev eth0")
    const code = await mint("mira")
    await mint("mallory")
    await until("the lie", () => isAnnounced("liar"))
    expect(isAnnounced("left")).toBe(false)
    const tricked = await sento("kai", "pair", code)
    expect(tricked.exit).toBe(77)
    expect(tricked.stderr).toContain("Found mallory at 192.168.7.66:9876.")
    expect(tricked.stderr).toContain("whoever answered on the network has another code")
    expect(tricked.stderr).toContain("CODE@HOST")
    for (const _ of ["again", "after a restart"]) {
      const again = await sento("kai", "pair", code)
      expect(again.exit).toBe(77)
      expect(again.stderr).toContain("what answered on the network was tried once with this code")
      expect((await sento("kai", "guard", "restart")).exit).toBe(0)
    }
    const symbols = code.replace("SENTO-", "")
    const picked = { op: "join", symbols, host: "192.168.7.66", port: 9876, heard: true } as const
    await expect(world.ask("kai", "owner", picked)).rejects.toThrow("was tried once with this code")
    expect((await sento("kai", "pair", `${code}@192.168.7.66`)).exit).toBe(77)
    const joining = start("kai", "pair", `${code}@10.1.1.1`)
    await approve("mira")
    expect((await finished(joining)).exit).toBe(0)
  }, 120_000)

  test("nor has it more where the agent asked to join, or the owner picked it", async () => {
    await openRoom(
      { right: ["192.168.7.2/24"], liar: ["192.168.7.66/24"] },
      { kai: ["right"], mallory: ["liar", "192.168.7.66"] },
    )
    await mint("mallory")
    await until("the lie", () => isAnnounced("liar"))
    const bare = { op: "join", symbols: "4F2K", host: null, port: null } as const
    const events: unknown[] = []
    const asked = world.ask("kai", "agent", bare, event => events.push(event)).catch(String)
    await until("the question", () => events.length > 1)
    expect(events[0]).toEqual({ event: "found", name: "mallory", host: "192.168.7.66", port: 9876 })
    expect((await sento("kai", "guard", "restart")).exit).toBe(0)
    await asked
    const yes = await sento("kai", "approve")
    expect(yes.exit).toBe(77)
    expect(yes.stderr).toContain("whoever answered on the network has another code")
    await expect(world.ask("kai", "owner", bare)).rejects.toThrow("was tried once with this code")

    const picked = { op: "join", symbols: "4F2M", host: "192.168.7.66", port: 9876, heard: true } as const
    await expect(world.ask("kai", "owner", picked)).rejects.toThrow("has another code")
    await expect(world.ask("kai", "owner", picked)).rejects.toThrow("was tried once with this code")
    await expect(world.ask("kai", "owner", { ...bare, symbols: "4F2M" })).rejects.toThrow("was tried once")
    await expect(world.ask("kai", "agent", { ...bare, symbols: "4F2M" })).rejects.toThrow("was tried once")

    const both = { ...bare, symbols: "4F2N" }
    const waiting = world.ask("kai", "agent", both).catch(String)
    await until("the question", async () => (await world.ask("kai", "agent", { op: "requests" })).length > 0)
    await expect(world.ask("kai", "owner", both)).rejects.toThrow("has another code")
    // Three guesses burned that one.
    await mint("mallory")
    expect((await sento("kai", "approve")).stderr).toContain("was tried once with this code")
    await waiting
  }, 120_000)
})

type Line = { readonly port: number; readonly seconds: number; readonly texts: string }

describe.skipIf(noLink !== null)(`taken back${noLink === null ? "" : ` (skipped: ${noLink})`}`, () => {
  type Ear = { readonly lines: readonly Line[] }

  async function openEar(): Promise<Ear> {
    await openRoom({ left: room.left, right: room.right }, { mira: ["left", "all"], kai: ["right"] })
    return link.start<Line>("right", "http/inside/mdns-ear.ts", ["192.168.7.2", "192.168.7.1"])
  }

  const heard = (ear: Ear, seconds: number): Promise<boolean> =>
    until(`a TTL of ${seconds}`, () => ear.lines.at(-1)?.seconds === seconds)

  test.each([
    ["spent", async (code: string) => void start("kai", "pair", `${code}@192.168.7.1`)],
    [
      "burned",
      async (code: string) => {
        for (const _ of [1, 2, 3]) await sento("kai", "pair", `${wrong(code)}@192.168.7.1`)
      },
    ],
    ["of a Guardian that stops", async () => void (await sento("mira", "guard", "stop"))],
    [
      "of a Guardian that listens on loopback alone from now on",
      async () => void (await sento("mira", "init", "--listen", "127.0.0.1")),
    ],
  ])(
    "is what was announced of a code that is %s",
    async (_, end) => {
      const ear = await openEar()
      const code = await mint("mira")
      await heard(ear, 120)
      await end(code)
      await heard(ear, 0)
      await until("the end of the socket", () => link.udpSockets("left") === "")
      for (const { port, texts } of ear.lines) {
        expect(port).toBe(9876)
        expect(texts).not.toMatch(/mira|left/)
      }
    },
    120_000,
  )

  test("is what was announced of a code that has expired; a code from before a restart is announced until then", async () => {
    const ear = await openEar()
    await mint("mira")
    await heard(ear, 120)
    expect((await sento("mira", "guard", "stop")).exit).toBe(0)
    await heard(ear, 0)
    const before = ear.lines.length
    using database = new Database(join(world.home("mira"), ".sento/sento.db"))
    database.run("UPDATE codes SET expires_at = $at WHERE state = 'open'", [Date.now() + 10_000])
    expect((await sento("mira", "guard")).exit).toBe(0)
    await until("the announcement", () => ear.lines.slice(before).some(one => one.seconds === 120))
    await heard(ear, 0)
    await until("the end of the socket", () => link.udpSockets("left") === "")
  }, 120_000)
})
