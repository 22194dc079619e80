/** Requests that are held for a peer, and crowds of strangers beside them, on all of a port's listeners. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { post } from "../../src/http/client.ts"
import { mostConnections, mostHolds } from "../../src/http/crowd.ts"
import { type Listener, listen, type WireRequest } from "../../src/http/listener.ts"
import { exchange, spell } from "../support/client.ts"
import { until } from "../support/world.ts"

const json = [["Content-Type", "application/json"]] as const
const headers = { "Content-Type": "application/json" }
const body = Buffer.from("{}")

let listener: Listener
let release = (): void => {}
let cut = 0
const bugs: unknown[] = []
const held: WireRequest[] = []
const ended: string[] = []

/** Holds a request, as one that may take long, until its connection ends or `release` is called. */
async function hold(request: WireRequest): Promise<Response> {
  const name = Buffer.from(request.body).toString()
  const { promise, resolve } = Promise.withResolvers<void>()
  request.allow(35)
  request.hold()
  request.signal.addEventListener("abort", () => {
    ended.push(name)
    resolve()
  })
  const before = release
  release = () => {
    before()
    resolve()
  }
  held.push(request)
  await promise
  return new Response("released")
}

beforeAll(() => {
  listener = listen({
    hosts: ["127.0.0.1"],
    preferredPort: 0,
    names: [],
    handlers: {
      "/v1/held": hold,
      "/v1/request": () =>
        new Response(Buffer.from([0, 255, 13, 10]), {
          headers: { "Content-Encoding": "aes128gcm", "X-Sento-Pair": "ab", "X-Sento-Signature": "cd" },
        }),
    },
    onRefused: reason => {
      if (reason === "too many connections") cut += 1
    },
    onError: error => bugs.push(error),
  })
})
afterAll(async () => {
  release()
  await listener.stop()
  expect(bugs).toEqual([])
})

const heldRequest = (text: string): Buffer =>
  spell(listener.port, { headers: json, body: Buffer.from(text) }, "POST /v1/held HTTP/1.1")

async function openHeld(text: string): Promise<Socket> {
  const count = held.length
  const socket = connect({ port: listener.port, host: "127.0.0.1", allowHalfOpen: true })
  socket.on("error", () => {})
  socket.resume().write(heldRequest(text))
  await until("it to be held", () => held.length > count)
  return socket
}

describe("the end of a held request shows at once, when its connection", () => {
  test.each([
    ["is closed", (socket: Socket): unknown => socket.destroy()],
    ["is reset", (socket: Socket): unknown => socket.resetAndDestroy()],
    ["is half-closed", (socket: Socket): unknown => socket.end()],
    ["brings another request", (socket: Socket): unknown => socket.write(heldRequest("the next"))],
  ] as const)("%s", async (how, end) => {
    const socket = await openHeld(how)
    end(socket)
    await until("the end", () => ended.includes(how))
    expect(ended).not.toContain("the next")
    socket.destroy()
  })

  test("or its client gives it up", async () => {
    const giveUp = new AbortController()
    const count = held.length
    const options = { headers, body: Buffer.from("given up"), timeoutMilliseconds: 35_000 }
    const asked = post("127.0.0.1", listener.port, "/v1/held", { ...options, signal: giveUp.signal })
    await until("it to be held", () => held.length > count)
    giveUp.abort()
    expect(await asked).toMatchObject({ kind: "unreachable", cause: "failed" })
    await until("the end", () => ended.includes("given up"))
  })
})

test("an answer can be a request of the other side's: its headers and bytes come as they are", async () => {
  const answer = await post("127.0.0.1", listener.port, "/v1/request", {
    headers,
    body,
    timeoutMilliseconds: 5000,
  })
  if (answer.kind !== "answered") throw new Error(answer.reason)
  const names = ["content-encoding", "x-sento-pair", "x-sento-signature", "x-sento-timestamp", "retry-after"]
  expect({ status: answer.status, body: [...answer.body], headers: names.map(answer.header) }).toEqual({
    status: 200,
    body: [0, 255, 13, 10],
    headers: ["aes128gcm", "ab", "cd", null, null],
  })
})

/** They begin to say something: of who says nothing Bun hears a second later (TCP_DEFER_ACCEPT, Bun 1.4.5). */
function openStrangers(count: number): Promise<Socket[]> {
  const opening = Array.from({ length: count }, () => {
    const { promise, resolve } = Promise.withResolvers<Socket>()
    const socket = connect(listener.port, "127.0.0.1", () => socket.write("POST", () => resolve(socket)))
    socket.on("error", () => {}).resume()
    return promise
  })
  return Promise.all(opening)
}

const descriptors = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1])

test("no more may be held than descriptors allow", () => {
  expect(mostHolds()).toBe(Math.min(1024, Math.floor(descriptors / 4)))
})

// Both ends are here: where this process may open few descriptors, the crowd would be cut at another number.
test.skipIf(descriptors < 4096)(
  "a crowd of strangers from the same address is cut, and 300 held requests, older and more, go on",
  async () => {
    const count = held.length
    const waiting = Array.from({ length: 300 }, () => exchange(listener.port, heldRequest("patient")))
    await until("all to be held", () => held.length === count + 300)
    const strangers: Socket[] = []
    // No more at once than wait at the listener: what it drops knocks again a second later.
    while (strangers.length < mostConnections + 100) strangers.push(...(await openStrangers(102)))
    try {
      await until("the strangers to be cut", () => cut >= 100)
      // Now: what is released counts among the crowd until it is closed.
      expect(cut).toBe(100)
      expect(ended).not.toContain("patient")
      release()
      const answers = await Promise.all(waiting)
      expect(answers.filter(answer => answer?.body.toString() === "released")).toHaveLength(300)
    } finally {
      for (const stranger of strangers) stranger.destroy()
    }
  },
)

test("where hardly a descriptor is left, every listener is shut to newcomers until there are some again", async () => {
  const script = new URL("inside/gate.ts", import.meta.url).pathname
  const child = Bun.spawn(["prlimit", "--nofile=256:256", process.execPath, script], { stderr: "inherit" })
  const [open, shut] = [
    [false, false],
    [true, true],
  ]
  expect(JSON.parse(await child.stdout.text())).toEqual([open, shut, open, shut, open])
})
