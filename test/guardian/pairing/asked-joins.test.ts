/** Joins that an agent asks for, over a false minter: a Guardian in this process, whose owner answers by a command. */
import { afterAll, afterEach, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { callDoor } from "../../../src/guardian/door/client.ts"
import type { PairingEvent } from "../../../src/guardian/door/results.ts"
import { openGuardian, type TestGuardian } from "../../support/guardian.ts"
import { openMinter } from "../../support/proving.ts"
import { until } from "../../support/world.ts"

const folder = mkdtempSync(join(tmpdir(), "sento-asked-"))
const [heard, said] = [join(folder, "heard"), join(folder, "say")]
const script = join(folder, "notify.sh")
writeFileSync(
  script,
  `#!/bin/sh\nread -r event\nprintf '%s\\n' "$event" >> ${heard}\ncat ${said} 2> /dev/null || :\n`,
  {
    mode: 0o700,
  },
)
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  for (const path of [heard, said]) rmSync(path, { force: true })
})

const ask = (
  guardian: TestGuardian,
  symbols: string,
  port: number,
  as: string | null = null,
): Promise<PairingEvent | null> =>
  callDoor(guardian.paths, "agent", { op: "join", symbols, host: "127.0.0.1", port, as })

const questions = (guardian: TestGuardian): Promise<unknown[]> =>
  callDoor(guardian.paths, "agent", { op: "requests" })

const events = (): Record<string, unknown>[] =>
  existsSync(heard)
    ? readFileSync(heard, "utf8")
        .split("\n")
        .slice(0, -1)
        .map(line => JSON.parse(line) as Record<string, unknown>)
    : []

test("an agent cannot wear its owner down: three joins wait at once for 10 minutes, 10 an hour, no more", async () => {
  const minter = openMinter("hana")
  await using guardian = await openGuardian({})
  let asked = 0
  /** One more join, with a code of its own: whether its owner is asked. */
  const oneMore = async (): Promise<boolean> => {
    asked += 1
    const before = (await questions(guardian)).length
    const call = ask(guardian, String(asked).padStart(4, "0"), minter.port).catch(
      error => error as { code: string },
    )
    const refused = until("a question or a refusal", async () =>
      (await questions(guardian)).length > before ? "asked" : null,
    )
    const first = await Promise.race([refused, call])
    if (first !== "asked") expect(first).toMatchObject({ code: "try-later" })
    return first === "asked"
  }
  for (const _ of [1, 2, 3]) expect(await oneMore()).toBe(true)
  for (const round of [1, 2, 3]) {
    expect(await oneMore()).toBe(false)
    guardian.now += 10 * 60_000 + 1
    await guardian.restart()
    expect(await questions(guardian)).toEqual([])
    const news = round < 3 ? 3 : 1
    for (let i = 0; i < news; i += 1) expect(await oneMore()).toBe(true)
  }
  expect(await oneMore()).toBe(false)
  expect(guardian.log()).toContain("nobody answered whether to join hana")
  await minter.stop()
}, 120_000)

test("an agent cannot have its owner say yes to a name that the question does not show", async () => {
  const minter = openMinter("hana")
  await using guardian = await openGuardian({}, [], { notify: [script] })
  void ask(guardian, "4F2K", minter.port, "boss").catch(() => {})
  const [event] = await until("the question", () => (events().length > 0 ? events() : null))
  expect(event).toMatchObject({ kind: "join", name: "hana", as: "boss" })
  expect(String(event?.text)).toContain("hana will be called boss here.")
  await minter.stop()
})

test("where another agent than the one that was shown answers after the yes, nothing is proved to it", async () => {
  writeFileSync(said, "yes\n")
  const minter = openMinter("hana", "mallory")
  await using guardian = await openGuardian({}, [], { notify: [script] })
  const end = await ask(guardian, "4F2K", minter.port)
  expect(end).toMatchObject({ event: "failed", code: "refused" })
  expect(minter.asked).toEqual(["/v1/pair/hello", "/v1/pair/hello"])
  const over = await until("the end", () => events().find(one => one.event === "withdrawn"))
  expect(over).toMatchObject({ how: "failed" })
  await minter.stop()
})

test("an agent cannot have names resolved and hosts dialled without end: 10 looks an hour, found or not, over a restart", async () => {
  let dialled = 0
  const deaf = createServer(socket => {
    dialled += 1
    socket.destroy()
  })
  await new Promise<void>(resolve => deaf.listen(0, "127.0.0.1", resolve))
  const { port } = deaf.address() as AddressInfo
  await using guardian = await openGuardian({})
  const look = (i: number) => ask(guardian, String(i).padStart(4, "0"), port).catch(error => error.code)
  for (let i = 0; i < 7; i += 1) expect(await look(i)).toBe("unreachable")
  await guardian.restart()
  for (let i = 7; i < 10; i += 1) expect(await look(i)).toBe("unreachable")
  const before = dialled
  for (let i = 10; i < 15; i += 1) expect(await look(i)).toBe("try-later")
  expect(dialled).toBe(before)
  guardian.now += 60 * 60_000
  expect(await look(15)).toBe("unreachable")
  deaf.close()
}, 120_000)

test("a join that is asked for again is the same question, and looks for nobody", async () => {
  const minter = openMinter("hana")
  await using guardian = await openGuardian({})
  const found: PairingEvent[] = []
  const again = (): void => {
    const request = { op: "join", symbols: "0001", host: "127.0.0.1", port: minter.port } as const
    const onEvent = (event: PairingEvent): unknown => event.event === "found" && found.push(event)
    callDoor(guardian.paths, "agent", request, { onEvent }).catch(() => {})
  }
  again()
  await until("the question", () => found.length === 1)
  const port = minter.port
  await minter.stop()
  for (let i = 2; i < 14; i += 1) {
    again()
    await until("the same answer", () => found.length === i)
  }
  expect(found.at(-1)).toEqual({ event: "found", name: "hana", host: "127.0.0.1", port })
  expect((await questions(guardian)).length).toBe(1)
})
