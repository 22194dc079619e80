/** What the books keep beside pairs and messages, each of one pair alone: where others are, when they came, what is to be told. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { listAgents } from "../../../src/guardian/books/agent-list.ts"
import { calledAt, forgetCalled, keepCalled } from "../../../src/guardian/books/called.ts"
import { claimOf, noteClaim, openNamedPlaces } from "../../../src/guardian/books/claims.ts"
import { createContacts } from "../../../src/guardian/books/contacts.ts"
import { lossOf, lossWords, noteLoss } from "../../../src/guardian/books/losses.ts"
import { fileOf, fileSizes, forgetFiles, keepInFile } from "../../../src/guardian/books/message-files.ts"
import { answerWords, listQuestions, requestEvent } from "../../../src/guardian/books/open-questions.ts"
import { rememberPort } from "../../../src/guardian/books/own-port.ts"
import { setPlace } from "../../../src/guardian/books/peer-places.ts"
import { pinKeyOf, pinnedIn } from "../../../src/guardian/books/pins.ts"
import { requirePeer, requireSendable, unknownAgent } from "../../../src/guardian/books/requirements.ts"
import { createNotices, deferNotices, tellDeferred } from "../../../src/guardian/notices.ts"
import {
  countTry,
  forgetTries,
  isHeardJoin,
  noteHeardJoin,
  requireHeardTry,
} from "../../../src/guardian/pairing/heard.ts"
import type { SentoError } from "../../../src/protocol/errors.ts"
import { mostTextUnits } from "../../../src/protocol/messages.ts"
import { pathsOf } from "../../../src/store/paths.ts"
import {
  confirmedWith,
  createTestContext,
  keysOfPeer,
  peerOf,
  type TestContext,
} from "../../support/context.ts"
import { errorOf } from "../../support/errors.ts"
import { receive } from "../../support/store.ts"

let made: TestContext
beforeEach(() => {
  made = createTestContext(["kai", "ada"])
})
afterEach(() => made[Symbol.dispose]())

const store = () => made.stored.store
const named = (name: string) => ({
  name,
  peer: made.context.config.current.agents[name] ?? peerOf(name),
  keys: keysOfPeer,
})
const request = (name: string) =>
  store().requests.keep(confirmedWith(name), { localName: name, replaces: false, confirm: null }, made.now)
const askedJoin = (name: string) =>
  store().joins.keep(
    { symbols: name, host: "192.0.2.7", port: 9876, name, agent: `agent-${name}`, localName: name },
    made.now,
  )

test("where a peer called us is kept by pair, until it is forgotten; what is broken there is nothing", () => {
  const place = { host: "192.0.2.1", port: 7 }
  keepCalled(store(), "kai", place)
  keepCalled(store(), "ada", false)
  expect([calledAt(store(), "kai"), calledAt(store(), "ada"), calledAt(store(), "lea")]).toEqual([
    place,
    false,
    null,
  ])
  forgetCalled(store(), "kai")
  store().facts.set("called ada", "there")
  expect([calledAt(store(), "kai"), calledAt(store(), "ada")]).toEqual([null, null])
})

test("the same is not written again", () => {
  const facts = { get: () => ({ host: "192.0.2.1", port: 7 }), set: () => expect.unreachable() }
  keepCalled({ facts } as never, "kai", { host: "192.0.2.1", port: 7 })
  expect(() => keepCalled({ facts } as never, "kai", { host: "192.0.2.1", port: 8 })).toThrow()
})

test("where a joiner says that it is is kept as long as its request waits, and of it alone", () => {
  const [noa, lea] = [request("noa"), request("lea")]
  noteClaim(store(), noa.id, "noa.example")
  noteClaim(store(), lea.id, "lea.example")
  expect([claimOf(store(), noa.id), claimOf(store(), lea.id), claimOf(store(), "toString")]).toEqual([
    "noa.example",
    "lea.example",
    null,
  ])
  store().requests.settle(noa.id, "denied", made.now)
  noteClaim(store(), lea.id, "192.0.2.5")
  expect([claimOf(store(), noa.id), claimOf(store(), lea.id)]).toEqual([null, "192.0.2.5"])
})

test("an address that a peer named outlives a start until it is settled, or the pair has ended", () => {
  const places = openNamedPlaces(made.context)
  for (const [i, pair] of ["kai", "ada"].entries()) places.note(pair, { host: "192.0.2.1", port: i + 1 })
  places.settle("lea")
  expect(openNamedPlaces(made.context).pairs()).toEqual(["kai", "ada"])
  expect(openNamedPlaces(made.context).of("ada")).toEqual({ host: "192.0.2.1", port: 2 })
  places.settle("ada")
  expect([places.of("ada"), openNamedPlaces(made.context).pairs()]).toEqual([null, ["kai"]])
  made.remove("kai")
  places.note("ada", { host: "192.0.2.1", port: 3 })
  expect(openNamedPlaces(made.context).pairs()).toEqual(["ada"])
})

test("and stays in memory where the disk refuses it", () => {
  const facts = {
    get: () => "broken",
    set() {
      throw new Error("full")
    },
  }
  const places = openNamedPlaces({ ...made.context, store: { facts } } as never)
  places.note("kai", { host: "192.0.2.1", port: 1 })
  expect([places.of("kai"), made.log]).toEqual([
    { host: "192.0.2.1", port: 1 },
    ["it cannot be kept where peers say that they are: full"],
  ])
})

test("a contact is noted once a minute for each pair, and at once of one that is new", () => {
  const contacts = createContacts(made.context)
  const at = () => ["kai", "ada"].map(pair => store().peers.lastContacts().get(pair) ?? null)
  const begun = made.now
  contacts.note("kai")
  made.now += 59_999
  contacts.note("kai")
  contacts.note("ada")
  expect(at()).toEqual([begun, begun + 59_999])
  made.now += 1
  contacts.note("kai")
  contacts.note("ada")
  expect(at()).toEqual([begun + 60_000, begun + 59_999])
  contacts.forget("ada")
  contacts.note("ada")
  expect(at()).toEqual([begun + 60_000, begun + 60_000])
})

test("a contact that cannot be noted is no error", () => {
  const peers = {
    touch() {
      throw new Error("full")
    },
  }
  createContacts({ ...made.context, store: { peers } } as never).note("kai")
  expect(made.log).toEqual(["a contact cannot be noted: full"])
})

test("the port is kept for the next start where it is another one, and who can come is in the log", () => {
  const context = { ...made.context, listening: () => ["127.0.0.1"] }
  rememberPort(context)
  expect([made.context.config.current.listen.port, made.log]).toEqual([9876, []])
  rememberPort({ ...context, listening: () => ["127.0.0.1", "192.0.2.1"] })
  expect(made.log).toEqual(["this agent can be reached from other machines on port 9876"])
  const config = { current: made.context.config.current, update: () => expect.unreachable() }
  expect(() => rememberPort({ ...context, config })).not.toThrow()
})

test("an address by the owner's word is fixed, and another one, of one pair; where it was reached goes with the old one", () => {
  made.context.config.update(config => ({
    ...config,
    agents: { ...config.agents, kai: { ...peerOf("kai"), reached: "192.0.2.1" } },
  }))
  const kai = () => made.context.config.current.agents.kai
  expect(setPlace(made.context, named("kai"), "127.0.0.1", null)).toEqual({
    host: "127.0.0.1",
    port: 1,
    fixed: true,
  })
  expect(kai()).toMatchObject({ reached: "192.0.2.1" })
  expect(setPlace(made.context, named("kai"), null, null)).toEqual({
    host: "127.0.0.1",
    port: 1,
    fixed: false,
  })
  expect(kai()).toMatchObject({ reached: "192.0.2.1" })
  expect(kai()).not.toHaveProperty("fixed")
  expect(setPlace(made.context, named("kai"), "kai.example", 7)).toEqual({
    host: "kai.example",
    port: 7,
    fixed: true,
  })
  expect(kai()).not.toHaveProperty("reached")
  expect(setPlace(made.context, named("ada"), null, null).fixed).toBe(false)
  expect(made.context.config.current.agents.ada).toEqual(peerOf("ada"))
  expect(made.context.config.current.agents.ada).not.toHaveProperty("reached")
})

test("what the hands of the agent's user pinned counts in hardened mode alone", () => {
  const [pane, hands] = [1, 2].map(pid => ({ pane: `%${pid}`, pid, startTicks: 0 }))
  store().facts.set("pane", pane)
  store().facts.set("pane of the hands", hands)
  const hardened = { hardened: { user: "a", folder: "/x" } } as never
  expect([pinKeyOf({}), pinKeyOf(hardened)]).toEqual(["pane", "pane of the hands"])
  expect([pinnedIn(store().facts, {}), pinnedIn(store().facts, hardened)]).toEqual([pane, hands] as never)
  store().facts.set("pane", "broken")
  expect(pinnedIn(store().facts, {})).toBeNull()
})

test("a loss is noted where pairs are not known, and known again by that; one that ended is known", () => {
  const { store: books } = made.stored
  books.peers.add("kai", null)
  books.peers.revoke("ada", "ada", true, null, made.now)
  noteLoss(made.context)
  expect([lossOf(books.facts), made.log]).toEqual([null, []])
  made.context.config.update(config => ({ ...config, agents: { ...config.agents, noa: peerOf("noa") } }))
  noteLoss(made.context)
  expect([lossOf(books.facts), [...books.peers.lastContacts().keys()], made.log]).toEqual([
    made.now,
    ["kai", "noa"],
    [lossWords],
  ])
  const at = made.now
  made.now += 1
  noteLoss(made.context)
  expect(lossOf(books.facts)).toBe(at)
  books.facts.set("database lost", "then")
  expect(lossOf(books.facts)).toBeNull()
})

test("files of messages go with their messages, and nothing else that lies beside them", () => {
  const folder = mkdtempSync(join(tmpdir(), "sento-files-"))
  try {
    Object.assign(made.context, { paths: pathsOf(folder) })
    const message = (pair: string, text: string): string => {
      const id = receive(made.stored, pair, made.now, { text })
      const { shortId = "", seq = 0 } = store().inbox.byId(pair, id) ?? {}
      keepInFile(made.context, shortId, text)
      expect(fileSizes(made.context).get(seq)).toBe(text.length)
      return shortId
    }
    const [kept, ended] = [message("kai", "one"), message("ada", "three")]
    const inbox = dirname(fileOf(made.context, kept))
    const others = ["notes.txt", "zzzz.log", "ZZYY.txt", `${kept}.md`, ".txt"]
    for (const name of [...others, "zzzz.txt"]) writeFileSync(join(inbox, name), "")
    expect(fileSizes(made.context).size).toBe(2)
    made.remove("ada")
    forgetFiles(made.context)
    expect(readdirSync(inbox).toSorted()).toEqual([...others, `${kept}.txt`].toSorted())
    expect(readdirSync(inbox)).not.toContain(`${ended}.txt`)
    expect(statSync(fileOf(made.context, kept)).mode & 0o777).toBe(0o600)
    expect(statSync(inbox).mode & 0o7777).toBe(0o700)
    rmSync(inbox, { recursive: true })
    expect(() => forgetFiles(made.context)).not.toThrow()
    expect(fileSizes(made.context).size).toBe(0)
    writeFileSync(inbox, "no folder")
    forgetFiles(made.context)
    expect(made.log.at(-1)).toContain("cannot remove files of messages")
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("in hardened mode the agent's user reads the files of messages by group, and writes none", () => {
  const folder = mkdtempSync(join(tmpdir(), "sento-files-"))
  try {
    made.context.config.update(config => ({ ...config, hardened: { user: "a", folder } }))
    keepInFile(made.context, "k7q2", "long")
    const modes = [join(folder, "inbox"), join(folder, "inbox", "k7q2.txt")].map(path => statSync(path).mode)
    expect(modes.map(mode => mode & 0o7777)).toEqual([0o2750, 0o640])
    keepInFile(made.context, "k7q2", "anew")
    expect(readFileSync(fileOf(made.context, "k7q2"), "utf8")).toBe("anew")
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("a peer that is required is paired, or it is said whether it ended the pair, or who was meant", () => {
  expect(requirePeer(made.context, "kai").peer.id).toBe("kai")
  store().peers.revoke("lea", "lea", false, null, made.now)
  store().peers.revoke("eve", "eve", true, null, made.now)
  const errors = ["lea", "eve", "kia"].map(name => errorOf(() => requirePeer(made.context, name)))
  expect(errors.map(({ code, hint }) => [code, hint])).toEqual([
    ["refused", "pair again: `sento pair`"],
    ["unknown-agent", expect.stringContaining("to see the paired ones")],
    ["unknown-agent", expect.stringContaining("did you mean kai?")],
  ])
  expect(unknownAgent("x", []).message).toBe(`no agent named "x" is paired`)
})

test("a text is sendable up to what a message holds, in units and in bytes", () => {
  expect(() => requireSendable("a".repeat(mostTextUnits))).not.toThrow()
  expect(
    [" \n", "a".repeat(mostTextUnits + 1)].map(text => errorOf(() => requireSendable(text)).code),
  ).toEqual(["usage", "too-long"])
  // 128 KiB less 1,024 for the rest of the body; each of these is 6 bytes as JSON, and the quotation marks 2.
  const most = Math.floor((128 * 1024 - 1024 - 2) / 6)
  expect(() => requireSendable("\u0001".repeat(most))).not.toThrow()
  expect(errorOf(() => requireSendable("\u0001".repeat(most + 1))).message).toContain("bytes as JSON")
})

test("the owner is told of an event once, whoever listens; what came while nobody ran is told later, the last twenty", () => {
  const told: string[] = []
  const notices = createNotices(store().owner, made.context.log, () => made.now)
  notices.on(({ text }) => told.push(`a ${text}`))
  notices.on(({ key }) => told.push(`b ${key}`))
  notices.tell("k", "one")
  notices.tell("k", "again")
  expect([told, made.log]).toEqual([["a one", "b k"], ["told the owner: one"]])
  const later = deferNotices(store().facts)
  for (let i = 0; i < 22; i += 1) later.tell(String(i), `text ${i}`)
  const heard: string[] = []
  tellDeferred(store().facts, { tell: (key, text) => heard.push(`${key} ${text}`) })
  tellDeferred(store().facts, { tell: () => expect.unreachable() })
  expect([heard.length, heard[0], heard.at(-1)]).toEqual([20, "2 text 2", "21 text 21"])
})

test("what mDNS found gets one of a code's tries, counted as one of them, until they are forgotten", () => {
  const refused = (symbols: string) => {
    try {
      requireHeardTry(made.context, symbols)
      return null
    } catch (error) {
      return (error as SentoError).code
    }
  }
  const tries = () => store().joinTries.made("4F2K", made.now)
  countTry(made.context, "4F2K", false)
  expect([refused("4F2K"), tries()]).toEqual([null, 1])
  countTry(made.context, "4F2K", true)
  expect([refused("4F2K"), refused("5G3L"), tries()]).toEqual(["refused", null, 2])
  forgetTries(store(), "4F2K")
  expect([refused("4F2K"), tries()]).toEqual([null, 0])
})

test("of joins that wait it is known which mDNS found", () => {
  const [noa, lea, eve] = [askedJoin("noa"), askedJoin("lea"), askedJoin("eve")].map(({ id }) => id) as [
    string,
    string,
    string,
  ]
  const heard = () => [noa, lea, eve].map(id => isHeardJoin(store(), id))
  expect(heard()).toEqual([false, false, false])
  noteHeardJoin(store(), noa)
  noteHeardJoin(store(), lea)
  noteHeardJoin(store(), lea)
  expect([heard(), store().facts.get("joins by mDNS")]).toEqual([
    [true, true, false],
    [noa, lea],
  ])
  store().joins.settle(noa, "denied")
  noteHeardJoin(store(), eve)
  expect(heard()).toEqual([false, true, true])
  store().facts.set("joins by mDNS", "broken")
  expect(heard()).toEqual([false, false, false])
})

test("what waits for the owner, with what is known of it", () => {
  const asked = request("kai")
  noteClaim(store(), asked.id, "kai.example")
  const wanted = askedJoin("noa")
  const day = 24 * 60 * 60 * 1000
  expect(listQuestions(store(), made.context.config.current)).toMatchObject([
    { id: asked.id, kind: "request", taken: true, claimedHost: "kai.example", expiresAt: made.now + day },
    { id: wanted.id, kind: "join", taken: false, claimedHost: null, expiresAt: made.now + 600_000 },
  ])
  expect(requestEvent(made.context, asked)).toMatchObject({
    event: "request",
    expiresAt: "2026-11-24T10:00:00.000Z",
  })
  expect(requestEvent(made.context, asked)).not.toHaveProperty("createdAt")
  expect([
    answerWords({ outcome: "paired", name: "kai", id: "x" }),
    answerWords({ outcome: "asked", name: "kai", verifier: "1" } as never),
  ]).toEqual(["Paired with kai.", expect.stringContaining("kai is asked. Verifier: 1;")])
})

test("the list of agents has of each what is known of it, and of those that ended the pair which its owner has not seen", () => {
  const { current } = made.context.config
  const revocation = { pair: "x", byUs: false, at: made.now, isCleared: false }
  const at = { host: "192.0.2.1", port: 7 }
  const list = listAgents(
    current,
    at,
    new Map([["kai", made.now]]),
    new Map([["kai", 3]]),
    new Map([["kai", { until: null, reason: "owner" }]]),
    new Map([["kai", 9]]),
    [
      { ...revocation, name: "lea" },
      { ...revocation, name: "eve", byUs: true },
      { ...revocation, name: "noa", isCleared: true },
      { ...revocation, name: "ada" },
    ],
    peer => (peer.id === "kai" ? { way: "dialled" } : {}) as never,
  )
  const same = { host: "127.0.0.1", port: 1, pairedAt: "2026-11-23T09:00:00.000Z" }
  expect(list).toEqual({
    self: { name: "mira", ...at },
    agents: [
      {
        ...{ name: "kai", id: "kai", ...same, lastContactAt: "2026-11-23T10:00:00.000Z", waiting: 3 },
        ...{ pausedUntil: "resume", pauseReason: "owner", loopThere: 9, way: "dialled" },
      },
      {
        ...{ name: "ada", id: "ada", ...same, lastContactAt: null, waiting: 0 },
        ...{ pausedUntil: null, pauseReason: null },
      },
    ] as never,
    revoked: [{ name: "lea", at: "2026-11-23T10:00:00.000Z" }],
  })
  expect(list.agents.map(agent => "loopThere" in agent)).toEqual([true, false])
  const none = new Map<string, never>()
  expect(listAgents(current, at, none, none, none, none, [])).not.toHaveProperty("revoked")
})
