import { expect, jest, spyOn, test } from "bun:test"
import dns from "node:dns/promises"
import { getEventListeners } from "node:events"
import { lookUp, post } from "../../src/http/client.ts"

const options = { headers: {}, body: new Uint8Array(), timeoutMilliseconds: 60_000 }
const hasty = { ...options, timeoutMilliseconds: 50 }

test("a name whose look-up never ends does not outlast the deadline", async () => {
  using _ = spyOn(dns, "lookup").mockImplementation((() => new Promise(() => {})) as typeof dns.lookup)
  expect(await post("slow.example", 9, "/", hasty)).toEqual({
    kind: "unreachable",
    cause: "timed-out",
    literal: null,
    reason: "slow.example:9 did not answer in time",
  })
})

test("nor the end of whoever asked", async () => {
  using _ = spyOn(dns, "lookup").mockImplementation((() => new Promise(() => {})) as typeof dns.lookup)
  const signal = AbortSignal.abort()
  const asked = post("slow.example", 9, "/", { ...options, signal })
  expect(await asked).toMatchObject({ kind: "unreachable", cause: "failed" })
})

test("nothing is sent where it is not to go any more once it is known where to", async () => {
  const found = Promise.withResolvers<void>()
  using look = spyOn(dns, "lookup").mockImplementation((async () => {
    await found.promise
    return { address: "127.0.0.1", family: 4 }
  }) as never)
  let count = 0
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch() {
      count += 1
      return new Response()
    },
  })
  let isWanted = true
  const more = { isWanted: async () => isWanted }
  const asked = post("localhost", server.port ?? 0, "/", { ...options, ...more })
  isWanted = false
  found.resolve()
  expect(await asked).toMatchObject({ kind: "unreachable", cause: "unresolved" })
  expect([look.mock.calls.length, count]).toEqual([1, 0])
})

test.each([
  ["kai.example", "127.0.0.1", "this machine"],
  ["kai.example", "::1", "this machine"],
  ["kai.example", "0.0.0.0", "this machine"],
  ["kai.example", "169.254.7.7", "no machine's address beyond its own link"],
  ["kai.example", "224.0.0.251", "no machine's address beyond its own link"],
  ["kai.example", "fe80::7", "no machine's address beyond its own link"],
  ["localhost", "192.0.2.7", "not this machine"],
  ["localhost", "224.0.0.251", "not this machine"],
])("nothing is sent where the name %s leads to %s, which is %s", async (host, address, what) => {
  using _ = spyOn(dns, "lookup").mockImplementation((async () => ({ address, family: 4 })) as never)
  using sent = spyOn(globalThis, "fetch")
  expect(await post(host, 9, "/", options)).toEqual({
    ...{ kind: "unreachable", cause: "unresolved", literal: null },
    reason: `the host name ${host} leads to ${address}, which is ${what}`,
  })
  expect(sent.mock.calls).toEqual([])
})

test("nor where a name leads nowhere", async () => {
  using _ = spyOn(dns, "lookup").mockRejectedValue(new Error("ENOTFOUND"))
  using sent = spyOn(globalThis, "fetch")
  expect(await post("kai.example", 9, "/", options)).toEqual({
    ...{ kind: "unreachable", cause: "unresolved", literal: null },
    reason: "cannot resolve the host name kai.example",
  })
  expect(sent.mock.calls).toEqual([])
})

test("a host that was looked up a moment ago is not looked up again", async () => {
  using looks = spyOn(dns, "lookup")
  using sent = spyOn(globalThis, "fetch").mockImplementation((async () => new Response("yes")) as never)
  const answer = await post("kai.example", 9, "/", { ...options, literal: "192.0.2.7" })
  expect(answer).toMatchObject({ kind: "answered", literal: "192.0.2.7" })
  expect([looks.mock.calls, sent.mock.calls.map(([where]) => where)]).toEqual([[], ["http://192.0.2.7:9/"]])
})

test("each post has a connection of its own, which is not to be kept", async () => {
  const seen: [number | undefined, string | null][] = []
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, server) {
      seen.push([server.requestIP(request)?.port, request.headers.get("connection")])
      return new Response("yes")
    },
  })
  for (const _ of [1, 2]) await post("127.0.0.1", server.port ?? 0, "/", options)
  expect(new Set(seen.map(([port]) => port)).size).toBe(2)
  expect(seen.map(([, connection]) => connection)).not.toContain("keep-alive")
})

test.each([
  ["ConnectionRefused", "refused", "nothing listens on 192.0.2.7:9"],
  ["ECONNREFUSED", "refused", "nothing listens on 192.0.2.7:9"],
  ["EHOSTUNREACH", "unroutable", "no machine answers at 192.0.2.7:9"],
  ["ENETUNREACH", "unroutable", "no way leads from this machine to 192.0.2.7:9"],
  ["EADDRNOTAVAIL", "unroutable", "no way leads from this machine to 192.0.2.7:9"],
  ["ECONNRESET", "failed", "192.0.2.7:9 closed the connection without an answer"],
  ["ConnectionClosed", "failed", "192.0.2.7:9 closed the connection without an answer"],
  ["SomethingElse", "failed", "192.0.2.7:9 gave no answer that a Guardian gives"],
  [undefined, "failed", "192.0.2.7:9 gave no answer that a Guardian gives"],
] as const)("where the system says %s it is said what that means", async (code, cause, words) => {
  using _ = spyOn(globalThis, "fetch").mockRejectedValue(Object.assign(new Error("x"), { code }))
  const answer = await post("192.0.2.7", 9, "/", options)
  expect(answer).toMatchObject({ kind: "unreachable", cause, literal: "192.0.2.7" })
  expect(answer.kind === "unreachable" && answer.reason).toStartWith(words)
})

test("where a host leads: an address to itself, a name nowhere where that is not known in time", async () => {
  using _ = spyOn(dns, "lookup").mockImplementation((() => new Promise(() => {})) as typeof dns.lookup)
  const never = new AbortController().signal
  const stopped = AbortSignal.abort()
  const found = [
    lookUp("192.0.2.7", 50, never),
    lookUp("slow.example", 50, never),
    lookUp("slow.example", 60_000, stopped),
  ]
  expect(await Promise.all(found)).toEqual(["192.0.2.7", null, null])
})

/** Answers with these chunks, one after the other; `end` is called where the caller hangs up. */
const chunksOf = (chunks: () => Uint8Array | null, end: () => void = () => {}) =>
  Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      new Response(
        new ReadableStream({
          pull(stream) {
            const chunk = chunks()
            if (chunk === null) stream.close()
            else stream.enqueue(chunk)
          },
          cancel: end,
        }),
      ),
  })

test("an answer without an end is left, and one of the greatest length comes as it was sent", async () => {
  const left = Promise.withResolvers<void>()
  await using endless = chunksOf(() => new Uint8Array(64 * 1024), left.resolve)
  expect(await post("127.0.0.1", endless.port ?? 0, "/", options)).toMatchObject({
    kind: "unreachable",
    reason: "the answer is too long",
  })
  await left.promise
  const chunks = [1, 2].map(one => new Uint8Array(64 * 1024).fill(one))
  const left2 = [...chunks]
  await using greatest = chunksOf(() => left2.shift() ?? null)
  const answer = await post("127.0.0.1", greatest.port ?? 0, "/", options)
  expect(answer.kind === "answered" && Buffer.from(answer.body).equals(Buffer.concat(chunks))).toBe(true)
}, 120_000)

/** An answer whose pieces come one by one, and whether it was given up before its end. */
function answerOf(...pieces: readonly Uint8Array[]) {
  const left = [...pieces]
  let isCut = false
  const body = new ReadableStream(
    {
      pull(stream) {
        const piece = left.shift()
        if (piece === undefined) stream.close()
        else stream.enqueue(piece)
      },
      cancel() {
        isCut = true
      },
    },
    { highWaterMark: 0 },
  )
  return { response: new Response(body), isCut: () => isCut }
}

test("an answer is read in the order in which it comes, and left with the first byte behind 128 KiB", async () => {
  const bytes = (length: number, value: number) => new Uint8Array(length).fill(value)
  const greatest = answerOf(bytes(1, 1), bytes(2, 2), bytes(128 * 1024 - 3, 3))
  const longer = answerOf(bytes(128 * 1024, 1), bytes(1, 2), bytes(1, 3))
  using sent = spyOn(globalThis, "fetch")
  sent.mockResolvedValueOnce(greatest.response).mockResolvedValueOnce(longer.response)
  const answer = await post("192.0.2.7", 9, "/", options)
  const body = answer.kind === "answered" ? answer.body : bytes(0, 0)
  expect([body.length, [...body.slice(0, 4)], greatest.isCut()]).toEqual([128 * 1024, [1, 2, 2, 3], false])
  expect(await post("192.0.2.7", 9, "/", options)).toEqual({
    ...{ kind: "unreachable", cause: "failed", literal: "192.0.2.7" },
    reason: "the answer is too long",
  })
  expect(longer.isCut()).toBe(true)
})

test("what is packed is not unpacked: 128 KiB stay 128 KiB", async () => {
  const packed = Bun.gzipSync(new Uint8Array(1024 * 1024))
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response(packed, { headers: { "Content-Encoding": "gzip" } }),
  })
  const answer = await post("127.0.0.1", server.port ?? 0, "/", options)
  expect(answer.kind === "answered" && Buffer.from(answer.body).equals(packed)).toBe(true)
})

test("a post and a look-up leave no timer, and nothing with whoever may end them", async () => {
  jest.useFakeTimers()
  try {
    const { signal } = new AbortController()
    using sent = spyOn(globalThis, "fetch").mockImplementation((async () => new Response()) as never)
    using _ = spyOn(dns, "lookup").mockImplementation((async () => ({ address: "192.0.2.7" })) as never)
    expect(await post("kai.example", 9, "/", { ...options, signal })).toMatchObject({ kind: "answered" })
    expect(await lookUp("kai.example", 50, signal)).toBe("192.0.2.7")
    const { signal: own } = (sent.mock.calls[0]?.[1] ?? {}) as { readonly signal: AbortSignal }
    const left = [signal, own].map(one => getEventListeners(one, "abort").length)
    expect([left, jest.getTimerCount()]).toEqual([[0, 0], 0])
  } finally {
    jest.useRealTimers()
  }
})
