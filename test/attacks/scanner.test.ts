/** A peer that has a Guardian ask addresses for it, to learn from the time that passes what is there. */

import { afterAll, expect, spyOn, test } from "bun:test"
import dns from "node:dns/promises"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { callDoor } from "../../src/guardian/door/client.ts"
import {
  type ClientPair,
  newPair,
  post,
  readRequest,
  signAnswer,
  signSealed,
  stamp,
  uuidV7,
} from "../support/client.ts"
import { openGuardian, type TestGuardian } from "../support/guardian.ts"
import { freePort } from "../support/ports.ts"
import { until } from "../support/world.ts"

const open: { stop(): unknown }[] = []
afterAll(async () => {
  for (const one of open.splice(0)) await one.stop()
})

/** The peer itself: an address that answers rightly, and when it was asked. */
function openOwn(pair: ClientPair): { readonly port: number; readonly askedAt: number[] } {
  const askedAt: number[] = []
  const server = Bun.serve({
    port: freePort(),
    hostname: "127.0.0.1",
    async fetch(request) {
      const at = performance.now()
      const sealed = Buffer.from(await request.arrayBuffer())
      const body = readOwn(pair, sealed)
      // Another test's Guardian, whose peer had this port before.
      if (body === null) return new Response(null, { status: 403 })
      askedAt.push(at)
      const re = request.headers.get("x-sento-signature")
      const answer = signAnswer(pair, { v: 1, re, status: 202, id: body.id, state: "accepted" }, true)
      return new Response(new Uint8Array(answer.body), { status: 202, headers: answer.headers })
    },
  })
  open.push({ stop: () => server.stop(true) })
  return { port: server.port ?? 0, askedAt }
}

function readOwn(pair: ClientPair, sealed: Buffer): Record<string, unknown> | null {
  try {
    return readRequest(pair, true, sealed)
  } catch {
    return null
  }
}

function openStranger(status: number): number {
  const server = Bun.serve({
    port: freePort(),
    hostname: "127.0.0.1",
    fetch: () => new Response(null, { status }),
  })
  open.push({ stop: () => server.stop(true) })
  return server.port ?? 0
}

/** Takes connections, and either says nothing or hangs up. */
async function openMute(hangsUp: boolean): Promise<number> {
  const sockets = new Set<{ destroy(): unknown }>()
  const server: Server = createServer(socket => {
    socket.on("error", () => {})
    if (hangsUp) socket.destroy()
    else sockets.add(socket)
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, "127.0.0.1", resolve)
  await promise
  open.push({
    stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
  const address = server.address()
  return typeof address === "object" ? (address?.port ?? 0) : 0
}

async function nameAddress(mira: TestGuardian, pair: ClientPair, port: number): Promise<void> {
  const body = { v: 1, id: uuidV7(mira.now), timestamp: stamp(mira.now), type: "hello", port }
  expect((await post(mira.port, signSealed(pair, body))).status).toBe(202)
}

// At the same time: each of these two waits for what takes a fixed time.
test.concurrent("a peer cannot tell by the time that passes what an address did that it named", async () => {
  const kinds = {
    "nothing listens": freePort(),
    "a Guardian of somebody else": openStranger(403),
    "another program": openStranger(200),
    "one that hangs up": await openMute(true),
    "one that says nothing": await openMute(false),
  }
  const times = await Promise.all(
    Object.values(kinds).map(async victim => {
      const pair = newPair()
      const own = openOwn(pair)
      await using mira = await openGuardian({ kai: { pair, port: freePort() } })
      const began = performance.now()
      await nameAddress(mira, pair, victim)
      await nameAddress(mira, pair, own.port)
      await until("its own address to be asked", () => own.askedAt.length > 0)
      return ((own.askedAt[0] ?? 0) - began) / 1000
    }),
  )
  // One that refuses does so at once, one that says nothing never; a machine with much else to do takes its time.
  expect(Math.max(...times) - Math.min(...times)).toBeLessThan(5)
}, 120_000)

test.concurrent("a name that leads elsewhere by now has nobody's ports searched, and its failures take equally long", async () => {
  let contacts = 0
  const socket = {
    open() {
      contacts += 1
    },
    data() {},
  }
  const third = Bun.listen({ hostname: "127.0.0.9", port: freePort(), socket })
  open.push({ stop: () => third.stop(true) })
  using _ = spyOn(dns, "lookup").mockImplementation((async () => ({
    address: "127.0.0.9",
    family: 4,
  })) as unknown as typeof dns.lookup)
  await using mira = await openGuardian({ kai: { pair: newPair(), port: third.port + 1 } })
  const config = JSON.parse(readFileSync(mira.paths.config, "utf8"))
  config.agents.kai.host = "kai.localhost"
  writeFileSync(mira.paths.config, JSON.stringify(config))
  await mira.restart()
  const began = performance.now()
  const probe = await callDoor(mira.paths, "agent", { op: "probe", name: "kai" })
  expect(probe.reason).toContain(`nothing listens on kai.localhost:${third.port + 1}`)
  expect(performance.now() - began).toBeGreaterThan(14_000)
  expect(contacts).toBe(0)
}, 120_000)

const failures = (mira: TestGuardian): number => mira.log().split("does not answer there").length - 1

test("a peer whose addresses do not answer has no more than ten of them asked within an hour", async () => {
  const pair = newPair()
  const own = openOwn(pair)
  await using mira = await openGuardian({ kai: { pair, port: freePort() } })
  for (let i = 1; i <= 10; i += 1) {
    await nameAddress(mira, pair, freePort())
    await until("the end of the check", () => failures(mira) === i)
    mira.pass(10_000)
  }
  await nameAddress(mira, pair, own.port)
  await until("the limit", () =>
    mira.log().includes("kai named 10 addresses within an hour that do not answer"),
  )
  expect(own.askedAt).toEqual([])
}, 120_000)
