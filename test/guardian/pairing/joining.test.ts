/** The joiner's side alone, with a real Guardian as the minter, whose owner answers by a command. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { peerByName } from "../../../src/guardian/context.ts"
import { callDoor } from "../../../src/guardian/door/client.ts"
import type { PairingEvent } from "../../../src/guardian/door/results.ts"
import { createJoining, type JoinWish } from "../../../src/guardian/pairing/joining.ts"
import { createTestContext, peerOf, type TestContext } from "../../support/context.ts"
import { rejectionOf } from "../../support/errors.ts"
import { openGuardian, type TestGuardian } from "../../support/guardian.ts"
import { freePort } from "../../support/ports.ts"
import { openMinter } from "../../support/proving.ts"
import { until } from "../../support/world.ts"

const folder = mkdtempSync(join(tmpdir(), "sento-joining-"))
const [script, said] = [join(folder, "notify.sh"), join(folder, "say")]
/** Answers once the owner has: `say` holds the word. */
writeFileSync(
  script,
  `#!/bin/sh\nread -r event\ncase "$event" in *'"request"'*) ;; *) exit 0 ;; esac\nwhile ! [ -s ${said} ]; do sleep 0.02; done\ncat ${said}\n`,
  { mode: 0o700 },
)
afterAll(() => rmSync(folder, { recursive: true }))

let made: TestContext
let mira: TestGuardian
let events: PairingEvent[]
let greeted: string[]
let told: unknown[]

beforeEach(async () => {
  rmSync(said, { force: true })
  made = createTestContext(["ada"])
  made.context.config.update(config => ({ ...config, name: "kai", agent: "test-agent-kai" }))
  mira = await openGuardian({}, [], { notify: [script] })
  made.now = mira.now
  events = []
  greeted = []
  told = []
})
afterEach(async () => {
  writeFileSync(said, "no\n")
  made.stop()
  await mira[Symbol.asyncDispose]()
  made[Symbol.dispose]()
})

const open = () =>
  createJoining(
    made.context,
    {
      async tell(...words: unknown[]) {
        told.push(words)
        return { kind: "failed" }
      },
    } as never,
    pair => greeted.push(pair),
  )
const emit = (event: PairingEvent): void => void events.push(event)

/** A code of mira's that is open. */
async function code(): Promise<string> {
  let symbols = ""
  await callDoor(
    mira.paths,
    "agent",
    { op: "pair", wait: false },
    {
      onEvent: event => {
        if (event.event === "code") symbols = event.code.replace("SENTO-", "")
      },
    },
  )
  return symbols
}
const wish = (symbols: string, more: Partial<JoinWish> = {}): JoinWish => ({
  ...{ symbols, host: "127.0.0.1", port: mira.port, as: null, replace: false, heard: false },
  ...more,
})
const answer = (word: "yes" | "no"): void => writeFileSync(said, `${word}\n`)
const store = () => made.stored.store
const stateOf = (id: string) => store().requests.get(id)?.state
const questions = () => callDoor(mira.paths, "agent", { op: "requests" })
const names = () => Object.keys(made.context.config.current.agents)

describe("a join", () => {
  test("waits for the other owner, and is a pair by their yes", async () => {
    const request = await open().join(wish(await code()), emit)
    expect(events).toEqual([
      { event: "found", name: "mira", host: "127.0.0.1", port: mira.port },
      { event: "verifier", verifier: request.verifier, name: "mira" },
    ])
    expect([stateOf(request.id), names(), store().joinTries.made(request.id, made.now)]).toEqual([
      "waiting",
      ["ada"],
      0,
    ])
    answer("yes")
    await until("the pair", () => names().length > 1)
    expect([names(), stateOf(request.id), greeted]).toEqual([["ada", "mira"], "approved", [request.pairId]])
    expect(peerByName(made.context, "mira")?.peer).toMatchObject({
      ...{ id: request.pairId, host: "127.0.0.1", port: mira.port },
    })
    expect(made.events).toEqual([
      `answered approved of joiner ${request.id}`,
      `paired of joiner ${request.id}`,
    ])
    expect(store().peers.overdue(made.now + 999_999_999_999)).toEqual([])
  })

  test("is none by their no", async () => {
    const request = await open().join(wish(await code(), { as: "boss" }), emit)
    expect(request.localName).toBe("boss")
    answer("no")
    await until("the end", () => stateOf(request.id) !== "waiting")
    expect([stateOf(request.id), names(), greeted]).toEqual(["denied", ["ada"], []])
    expect(made.events).toEqual([`answered denied of joiner ${request.id}`, `denied of joiner ${request.id}`])
  })

  test("under a name that is taken proves nothing and takes no try", async () => {
    const symbols = await code()
    const error = await rejectionOf(open().join(wish(symbols, { as: "ada" }), emit))
    expect([error.code, error.hint]).toEqual([
      "usage",
      `keep both with \`sento pair CODE@127.0.0.1:${mira.port} --as OTHER-NAME\`, or end the old pair with \`sento pair CODE@127.0.0.1:${mira.port} --replace\``,
    ])
    expect([await questions(), store().joinTries.made(symbols, made.now)]).toEqual([[], 0])
  })

  test("in the place of a pair ends that one by the yes, and tells it", async () => {
    const request = await open().join(wish(await code(), { as: "ada", replace: true }), emit)
    expect(names()).toEqual(["ada"])
    expect(peerByName(made.context, "ada")?.peer.id).toBe("ada")
    answer("yes")
    await until("the pair", () => peerByName(made.context, "ada")?.peer.id === request.pairId)
    expect(store().peers.untold()).toMatchObject([{ pair: "ada" }])
    expect(told).toMatchObject([[{ name: "ada" }, { type: "unpair" }]])
  })

  test("whose name its owner gives to another one has ended, and that one alone", async () => {
    const joining = open()
    const first = await joining.join(wish(await code(), { as: "boss" }), emit)
    const kept = store().requests.keep(
      { ...first, pairing: "another", pairId: "f".repeat(32), role: "joiner" } as never,
      { localName: "other", replaces: false, confirm: null },
      made.now,
    )
    answer("no")
    await until("the question's end", async () => (await questions()).length === 0)
    rmSync(said)
    const again = store().requests.keep(
      { ...first, pairing: "again", pairId: "e".repeat(32), role: "joiner" } as never,
      { localName: "boss", replaces: false, confirm: null },
      made.now,
    )
    const second = await open().join(wish(await code(), { as: "boss", replace: true }), emit)
    expect([again, kept, second].map(({ id }) => stateOf(id))).toEqual(["denied", "waiting", "waiting"])
    expect(made.events).toContain(`answered denied of joiner ${again.id}`)
  })

  test("whose name is another pair's by the time of the yes is declined, and nobody loses theirs", async () => {
    const request = await open().join(wish(await code()), emit)
    made.context.config.update(config => ({ ...config, agents: { ...config.agents, mira: peerOf("other") } }))
    answer("yes")
    await until("the end", () => stateOf(request.id) !== "waiting")
    expect([stateOf(request.id), peerByName(made.context, "mira")?.peer.id, greeted]).toEqual([
      "denied",
      "other",
      [],
    ])
    expect(made.notices).toEqual([
      "mira's owner said yes, but another agent is called mira here by now: nothing was paired",
    ])
    expect(made.events).toEqual([`answered failed of joiner ${request.id}`, `failed of joiner ${request.id}`])
    expect(told).toMatchObject([[{ name: "mira" }, { type: "unpair" }]])
  })

  test("with a wrong code is refused, three times, and then not tried any more", async () => {
    const symbols = await code()
    const wrong = symbols.replace(/.$/, last => (last === "0" ? "1" : "0"))
    const joining = open()
    for (const tries of [1, 2]) {
      const error = await rejectionOf(joining.join(wish(wrong), emit))
      expect([error.code, error.message]).toEqual(["refused", "the code is wrong, or no longer open"])
      expect(store().joinTries.made(wrong, made.now)).toBe(tries)
    }
    await rejectionOf(joining.join(wish(wrong), emit))
    const before = events.length
    const error = await rejectionOf(joining.join(wish(wrong), emit))
    expect([error.message, events.length]).toEqual([
      "this code was tried 3 times without a right answer",
      before,
    ])
  })

  test("by an address that mDNS found has one try alone", async () => {
    const symbols = await code()
    const wrong = symbols.replace(/.$/, last => (last === "0" ? "1" : "0"))
    const error = await rejectionOf(open().join(wish(wrong, { heard: true }), emit))
    expect(error.message).toBe("whoever answered on the network has another code")
    expect((await rejectionOf(open().join(wish(wrong, { heard: true }), emit))).message).toBe(
      "what answered on the network was tried once with this code",
    )
    expect(store().joinTries.made(wrong, made.now)).toBe(1)
    expect((await rejectionOf(open().join(wish(wrong), emit))).message).toBe(
      "the code is wrong, or no longer open",
    )
  })

  test("goes on over a start, and its end is asked for once more", async () => {
    const stopped = open()
    const request = await stopped.join(wish(await code()), emit)
    const stopping = new AbortController()
    Object.assign(made.context, { stopping: stopping.signal })
    answer("yes")
    open().resume()
    await until("the pair", () => names().length > 1)
    expect(stateOf(request.id)).toBe("approved")
    stopping.abort()
  })

  test("that is withdrawn is none, whatever the other owner says, who is told", async () => {
    const joining = open()
    const request = await joining.join(wish(await code()), emit)
    expect(joining.withdraw(request)).toMatchObject({ kind: "join", id: request.id, name: "mira" })
    expect(made.events).toEqual([`answered denied of joiner ${request.id}`, `failed of joiner ${request.id}`])
    expect(told).toMatchObject([[{ name: "mira" }, { type: "unpair" }]])
    answer("yes")
    await until("the other side's pair", async () => (await questions()).length === 0)
    await Bun.sleep(50)
    expect([names(), stateOf(request.id)]).toEqual([["ada"], "denied"])
    expect(store().peers.revocations()).toMatchObject([{ pair: request.pairId, isCleared: true }])
  })
})

describe("where nobody has the code", () => {
  test.each<readonly [string, () => Partial<JoinWish>, string]>([
    ["nothing listens", () => ({ port: freePort() }), "nothing listens on 127.0.0.1:"],
    ["a Guardian has none", () => ({}), "the Guardian at 127.0.0.1:"],
    [
      "no host has the name",
      () => ({ host: "nobody.invalid" }),
      "no host is known by the name nobody.invalid",
    ],
  ])("%s", async (_, more, words) => {
    const error = await rejectionOf(open().join(wish("4F2K", more()), emit))
    expect(error.code).toBe("unreachable")
    expect(error.message).toStartWith(words)
    expect(events).toEqual([])
  })

  test("this agent itself is said to be that", async () => {
    Object.assign(made.context, { address: { host: "127.0.0.1", port: mira.port } })
    const error = await rejectionOf(open().join(wish("4F2K"), emit))
    expect(error.message).toBe(`127.0.0.1:${mira.port} is this agent itself`)
  })

  test("what is no Guardian is said to be none", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") })
    const error = await rejectionOf(open().join(wish("4F2K", { port: server.port ?? 0 }), emit))
    expect(error.message).toBe(`what answers at 127.0.0.1:${server.port} is no Guardian`)
    await server.stop(true)
  })

  test("an agent hears no more than that", async () => {
    for (const more of [{ port: freePort() }, {}, { host: "nobody.invalid" }]) {
      const { message } = await rejectionOf(open().find(wish("4F2K", more), emit))
      expect(message).toStartWith("no agent with an open code answers on ")
    }
  })
})

describe("what an agent asks for", () => {
  test("is looked for by a hello alone, under a name that is free", async () => {
    const symbols = await code()
    expect(await open().find(wish(symbols), emit)).toEqual({
      ...{ host: "127.0.0.1", port: mira.port, name: "mira", agent: "test-agent-mira", isHeard: false },
    })
    expect([await questions(), store().joinTries.made(symbols, made.now)]).toEqual([[], 0])
    expect((await rejectionOf(open().find(wish(symbols, { as: "ada" }), emit))).code).toBe("usage")
  })

  test("is not looked for once its code was tried three times", async () => {
    const symbols = await code()
    for (let i = 0; i < 3; i += 1) store().joinTries.add(symbols, made.now)
    for (const work of [open().find(wish(symbols), emit), open().carryOut(asked(symbols), as)])
      expect((await rejectionOf(work)).message).toBe("this code was tried 3 times without a right answer")
    expect(events).toEqual([])
  })

  const asked = (symbols: string, more: object = {}) => {
    const place = { host: "127.0.0.1", port: mira.port }
    const agent = { name: "mira", agent: "test-agent-mira", localName: "mira" }
    return store().joins.keep({ symbols, ...place, ...agent, ...more }, made.now)
  }
  const as = { name: "mira", replace: false }

  test("is carried out by its owner's yes under the id of the question", async () => {
    const one = asked(await code())
    const request = await open().carryOut(one, as)
    expect([request.id, store().joins.stateOf(one.id)?.state]).toEqual([one.id, "approved"])
  })

  test.each([
    ["another agent of the name", { agent: "test-agent-other" }],
    ["an agent of another name", { name: "noa" }],
  ])("is not carried out where %s answers by then", async (_, more) => {
    const error = await rejectionOf(open().carryOut(asked(await code(), more), as))
    expect([error.code, error.message]).toEqual([
      "refused",
      `another agent than ${"name" in more ? "noa" : "mira"} answers at 127.0.0.1:${mira.port} now`,
    ])
    expect(await questions()).toEqual([])
  })

  test("is not carried out where nobody has the code by then", async () => {
    const error = await rejectionOf(open().carryOut(asked("4F2K"), as))
    expect(error.message).toContain("has no open code")
  })

  test("by mDNS has one try", async () => {
    const minter = openMinter("hana")
    const one = asked("4F2K", { port: minter.port, name: "hana", agent: "test-hana" })
    store().facts.set("joins by mDNS", [one.id])
    expect((await rejectionOf(open().carryOut(one, as))).code).toBeOneOf(["refused", "unreachable"])
    expect((await rejectionOf(open().carryOut(one, as))).message).toBe(
      "what answered on the network was tried once with this code",
    )
    await minter.stop()
  })
})
