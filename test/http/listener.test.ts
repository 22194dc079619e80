/** What the listener itself does: sizes, the one deadline, and what Bun answers for us. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { connect } from "node:net"
import { type Listener, listen } from "../../src/http/listener.ts"
import { exchange, spell } from "../support/client.ts"
import { until } from "../support/world.ts"

const mostBytes = 128 * 1024
const json = [["Content-Type", "application/json"]] as const
const refusals: string[] = []
const bugs: unknown[] = []
let listener: Listener

beforeAll(() => {
  listener = listen({
    hosts: ["127.0.0.1"],
    preferredPort: 0,
    names: ["mira.example"],
    handlers: { "/v1/echo": request => Response.json({ length: request.body.length }) },
    requestSeconds: 1,
    onRefused: reason => refusals.push(reason),
    onError: error => bugs.push(error),
  })
})
afterAll(() => listener.stop())

const post = (length: number, host?: string) =>
  exchange(
    listener.port,
    spell(listener.port, { headers: json, body: Buffer.alloc(length, 97) }, "POST /v1/echo HTTP/1.1", host),
  )

const chunked = (length: number): Buffer =>
  Buffer.from(
    `POST /v1/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n${"a".repeat(length)}\r\n0\r\n\r\n`,
  )

test.each([
  "127.0.0.1",
  "127.0.0.1:1",
  "[::1]:9876",
  "192.0.2.7",
  "localhost",
  "LOCALHOST:9876",
  "mira.example",
  "MIRA.example:80",
])("answers to the host %s", async host => {
  expect(await post(1, host)).toMatchObject({ status: 200 })
})

test.each([
  ["with a length", (length: number) => post(length)],
  ["in chunks", (length: number) => exchange(listener.port, chunked(length))],
] as const)("takes exactly 128 KiB %s, and 413 for one byte more", async (_, send) => {
  expect((await send(mostBytes))?.body.toString()).toBe(`{"length":${mostBytes}}`)
  const refused = await send(mostBytes + 1)
  expect({ status: refused?.status, length: refused?.body.length }).toEqual({ status: 413, length: 0 })
  expect(bugs).toEqual([])
})

test("refuses a request that says it is too large before any of its body came", async () => {
  const head = `POST /v1/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${mostBytes + 1}\r\n\r\n`
  expect(await exchange(listener.port, Buffer.from(head))).toMatchObject({ status: 413 })
})

test.each([
  ["no HTTP at all", "hello\r\n\r\n"],
  ["HTTP/1.1 without a host", "POST /v1/echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n"],
  [
    "a length and chunks at once",
    "POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
])("%s gets a bare 400 and a closed connection", async (_, text) => {
  const response = await exchange(listener.port, Buffer.from(text))
  expect({ head: response?.head, length: response?.body.length }).toEqual({
    head: "HTTP/1.1 400 Bad Request\nConnection: close",
    length: 0,
  })
})

/** Writes a piece four times a second until the connection is cut; how long that took, in milliseconds. */
function drip(start: string, piece: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const began = performance.now()
  const socket = connect(listener.port, "127.0.0.1", () => socket.write(start))
  const dripping = setInterval(() => socket.write(piece), 250)
  socket.on("error", () => {})
  socket.on("close", () => {
    clearInterval(dripping)
    resolve(performance.now() - began)
  })
  return promise
}

test("one deadline for a whole request: dripped headers and bodies are cut, however steadily they come", async () => {
  const start = "POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
  const headers = drip(start, "X-More: 1\r\n")
  const bodies = await Promise.all([
    drip(`${start}Content-Length: 1000\r\n\r\n`, "a"),
    drip(`${start}Transfer-Encoding: chunked\r\n\r\n`, "1\r\na\r\n"),
  ])
  // Bun's clock ticks every 4 s. For headers its deadline is 10 s, which no option changes: cut at 12 s. By itself the
  // shortest of them would end after 250 s, so that the machine may be ever so busy.
  for (const milliseconds of bodies) expect(milliseconds).toBeLessThan(60_000)
  expect(await headers).toBeLessThan(60_000)
  expect(refusals).toContain("body cut off or too long")
  expect(bugs).toEqual([])
}, 120_000)

test.each([
  ["of a page", [["Origin", "http://127.0.0.1"]], "browser"],
  ["of a page, as every browser says", [["Sec-Fetch-Site", "none"]], "browser"],
  ["of another type", [["Content-Type", "text/plain"]], "content type"],
  ["of JSON in another coding", [["Content-Type", "application/json; charset=latin1"]], "content type"],
] as const)("refuses a request %s, and says why in the log alone", async (_, more, reason) => {
  refusals.length = 0
  const headers = more[0][0] === "Content-Type" ? more : [...json, ...more]
  const answer = await exchange(
    listener.port,
    spell(listener.port, { headers, body: Buffer.from("1") }, "POST /v1/echo HTTP/1.1"),
  )
  expect([answer?.status, answer?.body.length, refusals]).toEqual([403, 0, [reason]])
})

test.each([
  ["GET /v1/echo HTTP/1.1", "method"],
  ["POST /v1/echo? HTTP/1.1", "path"],
  ["POST /v1/echo/ HTTP/1.1", "path"],
  ["POST /toString HTTP/1.1", "path"],
])("refuses %s", async (start, reason) => {
  refusals.length = 0
  const answer = await exchange(
    listener.port,
    spell(listener.port, { headers: json, body: Buffer.from("1") }, start),
  )
  expect([answer?.status, refusals]).toEqual([403, [reason]])
})

test("takes JSON with its charset", async () => {
  const headers = [["Content-Type", "application/JSON; charset=UTF-8"]] as const
  const request = { headers, body: Buffer.from("1") }
  expect(
    await exchange(listener.port, spell(listener.port, request, "POST /v1/echo HTTP/1.1")),
  ).toMatchObject({ status: 200 })
})

test("a host that is not ours is refused, also behind one that is", async () => {
  expect(await post(1, "mira.example")).toMatchObject({ status: 200 })
  for (const host of ["evil.example", "mira.example.evil"]) {
    refusals.length = 0
    expect([(await post(1, host))?.status, refusals]).toEqual([403, ["host"]])
    expect(await post(1, "mira.example")).toMatchObject({ status: 200 })
  }
})

/** Writes these in turn, each once the answers before it came; all that is answered, and whether it was hung up on. */
async function talk(...writes: readonly string[]): Promise<{ answers: string[]; isOver: boolean }> {
  const socket = connect(listener.port, "127.0.0.1")
  let received = ""
  let isOver = false
  socket.on("data", chunk => {
    received += chunk
  })
  socket.on("error", () => {})
  socket.on("close", () => {
    isOver = true
  })
  const answers = (): string[] => received.split(/(?=HTTP\/1\.1 )/).filter(Boolean)
  let wanted = 0
  for (const text of writes) {
    socket.write(text)
    wanted += text.split("POST ").length - 1
    await until("the answers", () => answers().length >= wanted || isOver)
  }
  await Bun.sleep(50)
  socket.destroy()
  return { answers: answers(), isOver }
}

const one =
  "POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n1"
const closes = (text: string): boolean => /^connection: close$/im.test(text)

test("who waits for each answer may go on; what is sent behind another request in one go is the last", async () => {
  const patient = await talk(one, one, one)
  expect([patient.answers.map(closes), patient.isOver]).toEqual([[false, false, false], false])
  const hasty = await talk(one + one + one)
  expect(hasty.answers.slice(0, 2).map(closes)).toEqual([false, true])
  expect([hasty.answers.length, hasty.isOver]).toEqual([2, true])
})
