/** How a pair comes to be and how it ends, in config and database: two pairs each time, of which one stays as it is. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { calledAt, keepCalled } from "../../../src/guardian/books/called.ts"
import { fileOf } from "../../../src/guardian/books/message-files.ts"
import {
  dropPair,
  endPair,
  nameTaken,
  pairEnded,
  peerFrom,
  reconcile,
  renamePair,
  requireFreeName,
  withPeer,
} from "../../../src/guardian/books/pairs.ts"
import { peerById, peerByName } from "../../../src/guardian/context.ts"
import type { PairingRole } from "../../../src/protocol/requests.ts"
import { pathsOf } from "../../../src/store/paths.ts"
import type { PairingRequest } from "../../../src/store/requests.ts"
import {
  confirmedWith,
  createTestContext,
  keysOfPeer,
  peerOf,
  type TestContext,
} from "../../support/context.ts"
import { errorOf } from "../../support/errors.ts"
import { keep, receive } from "../../support/store.ts"

let made: TestContext
beforeEach(() => {
  made = createTestContext(["kai", "ada"])
})
afterEach(() => made[Symbol.dispose]())

const named = (name: string) => ({ name, peer: peerOf(name), keys: keysOfPeer })
const names = () => Object.keys(made.context.config.current.agents)

function request(name: string, role: PairingRole = "joiner"): PairingRequest {
  const extra = { localName: name, replaces: false, confirm: null }
  return made.stored.store.requests.keep(confirmedWith(name, role), extra, made.now)
}

describe("a name", () => {
  const as = (name: string, replace = false) => nameTaken(made.context, { name, replace }, "sento x")

  test("is free where no pair and no join that waits has it, or its owner gives it away", () => {
    request("noa", "minter")
    expect([as("lea"), as("noa"), as("kai", true), as("constructor")]).toEqual([null, null, null, null])
    expect(() => requireFreeName(made.context, { name: "lea", replace: false }, "sento x")).not.toThrow()
  })

  test("is a pair's, or kept for a join that waits, and each says what helps", () => {
    request("noa")
    expect([as("kai"), as("noa")].map(one => [one?.code, one?.message, one?.hint])).toEqual([
      [
        "usage",
        `an agent named "kai" is paired already`,
        "keep both with `sento x --as OTHER-NAME`, or end the old pair with `sento x --replace`",
      ],
      [
        "usage",
        `the name "noa" is kept for a join that waits for the other owner's yes`,
        "keep both with `sento x --as OTHER-NAME`, or give that join up with `sento x --replace`",
      ],
    ])
    expect(
      errorOf(() => requireFreeName(made.context, { name: "noa", replace: false }, "sento x")).code,
    ).toBe("usage")
  })

  test("in the config is no other pair's, and the pair's own where it is written again", () => {
    const { current } = made.context.config
    const error = errorOf(() => withPeer(current, "kai", peerOf("ada")))
    expect([error.code, error.hint]).toEqual(["usage", "end that pair first: `sento agents remove kai`"])
    const moved = { ...peerOf("kai"), port: 7 }
    expect(withPeer(current, "kai", moved).agents).toEqual({ kai: moved, ada: peerOf("ada") })
    expect(Object.keys(withPeer(current, "toString", peerOf("lea")).agents)).toEqual([
      "kai",
      "ada",
      "toString",
    ])
  })

  test("is given anew, unless it is another's, its own, or kept for a join", () => {
    request("noa")
    expect([
      errorOf(() => renamePair(made.context, named("kai"), "ada")).hint,
      errorOf(() => renamePair(made.context, named("kai"), "kai")).hint,
      errorOf(() => renamePair(made.context, named("kai"), "noa")).hint,
    ]).toEqual([
      "end that pair first: `sento agents remove ada`",
      "run `sento agents` to see the names",
      "give another one: `sento agents rename kai OTHER-NAME`",
    ])
    expect(names()).toEqual(["kai", "ada"])
    expect(renamePair(made.context, named("kai"), "lea")).toBeNull()
    expect([
      peerByName(made.context, "kai"),
      peerByName(made.context, "lea")?.peer.id,
      names().length,
    ]).toEqual([null, "kai", 2])
  })
})

test("a request makes the peer of its keys and its place, of now", () => {
  expect(peerFrom(request("noa"), made.now)).toEqual({
    id: "noa".padEnd(32, "0"),
    host: "192.0.2.7",
    port: 9876,
    sendKey: "03".repeat(32),
    receiveKey: "04".repeat(32),
    pairedAt: "2026-11-23T10:00:00.000Z",
    features: ["aes128gcm"],
  })
})

describe("after a crash", () => {
  test("a request whose pair was stored is settled under the pair's name, and no other", () => {
    const [asked, joined, other] = [request("noa", "minter"), request("lea"), request("eve", "minter")]
    made.context.config.update(config => ({
      ...config,
      agents: {
        ...config.agents,
        n: { ...peerOf("n"), id: asked.pairId },
        l: { ...peerOf("l"), id: joined.pairId },
      },
    }))
    reconcile(made.context)
    const { requests } = made.stored.store
    expect([asked, joined, other].map(({ id }) => requests.get(id)?.state)).toEqual([
      "approved",
      "approved",
      "waiting",
    ])
    expect(requests.get(asked.id)?.localName).toBe("n")
  })

  test("a pair that was revoked leaves the config, and no other", () => {
    made.stored.store.peers.revoke("kai", "kai", true, null, made.now)
    made.stored.store.peers.revoke("lea", "lea", true, null, made.now)
    reconcile(made.context)
    expect(names()).toEqual(["ada"])
  })
})

describe("the end of a pair", () => {
  const store = () => made.stored.store
  const heard: string[] = []

  function fill(): void {
    heard.length = 0
    for (const pair of ["kai", "ada"]) {
      store().peers.add(pair, null)
      receive(made.stored, pair, made.now)
      keep(made.stored, pair, made.now, "queued")
      store().receipts.note(pair, crypto.randomUUID(), "delivered", null, Bun.randomUUIDv7(), made.now)
      keepCalled(store(), pair, { host: "192.0.2.1", port: 1 })
      made.context.waiters.wait({
        pair,
        id: null,
        hear: news => heard.push(`${pair} ${JSON.stringify(news)}`),
      })
    }
    made.context.waiters.onEnd(pair => heard.push(`end of ${pair}`))
  }

  /** What is left of a pair. */
  const left = (pair: string) => ({
    isPaired: peerById(made.context, pair) !== null,
    isKnown: store().peers.lastContacts().has(pair),
    waits: store()
      .inbox.heads()
      .filter(one => one.message.pair === pair).length,
    toSend: store().outbox.head(pair) === null ? 0 : 1,
    receipts: store().receipts.head(pair) === null ? 0 : 1,
    called: calledAt(store(), pair) !== null,
  })
  const all = { isPaired: true, isKnown: true, waits: 1, toSend: 1, receipts: 1, called: true }
  const nothing = { isPaired: false, isKnown: false, waits: 0, toSend: 0, receipts: 0, called: false }

  test("by us leaves nothing of it but what tells the other side, and the other pair as it is", () => {
    fill()
    expect([left("kai"), left("ada")]).toEqual([all, all])
    endPair(made.context, named("kai"))
    expect([left("kai"), left("ada")]).toEqual([nothing, all])
    expect(store().peers.untold()).toMatchObject([
      { pair: "kai", name: "kai", at: made.now, unpair: expect.stringContaining(`"port":1`) },
    ])
    expect(store().peers.revocations()).toMatchObject([{ pair: "kai", byUs: true }])
    expect(heard).toEqual(["end of kai", `kai {"kind":"ended","state":"dropped","reason":"removed here"}`])
    expect(made.notices).toEqual([])
  })

  test("takes the files of its long messages away, and no other's", () => {
    fill()
    const folder = mkdtempSync(join(tmpdir(), "sento-pairs-"))
    try {
      Object.assign(made.context, { paths: pathsOf(folder) })
      const path = (pair: string) =>
        fileOf(
          made.context,
          store()
            .inbox.heads()
            .find(one => one.message.pair === pair)?.message.shortId ?? "",
        )
      const [kais, adas] = [path("kai"), path("ada")]
      mkdirSync(dirname(kais), { recursive: true })
      for (const one of [kais, adas]) writeFileSync(one, "text")
      endPair(made.context, named("kai"))
      expect([existsSync(kais), existsSync(adas)]).toEqual([false, true])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test("by the other side is told to the owner, and leaves nothing to tell", () => {
    fill()
    pairEnded(made.context, named("kai"))
    expect([left("kai"), left("ada")]).toEqual([nothing, all])
    expect(store().peers.untold()).toEqual([])
    expect(store().peers.revocations()).toMatchObject([{ pair: "kai", byUs: false }])
    expect(heard).toEqual(["end of kai", `kai {"kind":"ended","state":"dropped","reason":"revoked by kai"}`])
    expect(made.notices).toEqual(["kai ended the pair: nothing goes to it or comes from it any more"])
  })

  test("is on disk where the config cannot be written, and is carried out at the next start", () => {
    fill()
    const { config } = made.context
    const failing = {
      ...made.context,
      config: {
        ...config,
        current: config.current,
        update() {
          throw new Error("full")
        },
      },
    }
    expect(() => dropPair(failing, named("kai"), true, null)).toThrow("full")
    expect(left("kai")).toEqual({ ...nothing, isPaired: true })
    reconcile(made.context)
    expect([left("kai"), left("ada")]).toEqual([nothing, all])
  })
})
