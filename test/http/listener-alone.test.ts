/** What a listener asks of Bun, and what it makes of requests that no client brought. */
import { afterEach, describe, expect, jest, type Mock, spyOn, test } from "bun:test"
import { closeSync, openSync, readFileSync } from "node:fs"
import { descriptorLimit, sharesOf } from "../../src/http/crowd.ts"
import {
  type Listener,
  type ListenerOptions,
  listen,
  ownAddress,
  type WireRequest,
  watchPipelines,
} from "../../src/http/listener.ts"
import { descriptors, sockets } from "../../src/http/sockets.ts"

let open: Listener[] = []
let serve: Mock<typeof Bun.serve> | null = null
let refusals: [string, string][] = []
let bugs: unknown[] = []
afterEach(async () => {
  serve?.mockRestore()
  for (const listener of open.splice(0)) await listener.stop()
  open = []
})

function start(more: Partial<ListenerOptions> = {}): Listener {
  refusals = []
  bugs = []
  const listener = listen({
    hosts: ["127.0.0.1"],
    preferredPort: 0,
    names: [],
    handlers: {},
    onRefused: (reason, address) => refusals.push([reason, address]),
    onError: error => bugs.push(error),
    ...more,
  })
  open.push(listener)
  return listener
}

type Fetch = (request: Request, server: unknown) => Promise<Response>
type Asked = { readonly fetch: Fetch; readonly error: (error: unknown) => Response }

/** What was asked of Bun, which opens nothing. */
function startFalse(more: Partial<ListenerOptions> = {}): Asked {
  serve = spyOn(Bun, "serve").mockImplementation((() => ({ port: 1, stop: async () => {} })) as never)
  start(more)
  return serve.mock.calls[0]?.[0] as unknown as Asked
}

type From = { readonly address: string; readonly port: number } | null
const serverOf = (from: From) => ({ requestIP: () => from, hostname: "127.0.0.1", timeout: () => {} })
const request = (path: string, more: RequestInit = {}): Request =>
  new Request(`http://127.0.0.1${path}`, {
    method: "POST",
    headers: { Host: "127.0.0.1", "Content-Type": "application/json" },
    body: "{}",
    ...more,
  })

test("Bun is to cut a request of 10 s, or what else is said, and of more than 128 KiB, to share no port and to show no page", () => {
  const own = { reusePort: false, maxRequestBodySize: 128 * 1024, development: false }
  expect(startFalse()).toMatchObject({ ...own, hostname: "127.0.0.1", port: 0, idleTimeout: 10 })
  serve?.mockRestore()
  expect(startFalse({ requestSeconds: 3 })).toMatchObject({ ...own, idleTimeout: 3 })
})

test("two listeners do not share a port", () => {
  const { port } = start()
  expect(start({ preferredPort: port }).port).not.toBe(port)
})

test("of a listener, also on a port of the kernel's, the kernel tells who comes", () => {
  const { port } = start()
  const { own, isListening } = sockets()
  const ours = descriptors().filter(one => own(one)?.port === port && isListening(one))
  const flags = ours.map(one =>
    Number(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${one}`, "utf8"))?.[1]),
  )
  // O_ASYNC, in octal.
  expect(flags.map(one => Math.floor(one / 20_000) % 2)).toEqual([1])
})

test("what has stopped looks for nobody any more", async () => {
  jest.useFakeTimers()
  try {
    startFalse()
    expect(jest.getTimerCount()).toBe(1)
    await open.pop()?.stop()
    expect(jest.getTimerCount()).toBe(0)
  } finally {
    jest.useRealTimers()
  }
})

test("where nobody can be asked who comes, that is told, and it listens all the same", () => {
  const bug = new Error("EMFILE")
  using _ = spyOn(sockets(), "own").mockImplementation(() => {
    throw bug
  })
  expect(start().open()).toEqual(["127.0.0.1"])
  expect(bugs).toEqual([bug])
})

test("a request that is held is no stranger's until it has its answer, also where nobody let it go", async () => {
  const most = sharesOf(descriptorLimit(readFileSync("/proc/self/limits", "utf8"))).connections
  const strangers: number[] = []
  const cut: number[] = []
  using _ = spyOn(sockets(), "own").mockImplementation(one =>
    strangers.includes(one) ? { address: "127.0.0.1", port: 1 } : null,
  )
  using __ = spyOn(sockets(), "other").mockImplementation(one => ({ address: "192.0.2.7", port: 1000 + one }))
  using ___ = spyOn(sockets(), "cut").mockImplementation(one => cut.push(one))
  const answered = Promise.withResolvers<Response>()
  const held = (one: WireRequest): Promise<Response> => {
    one.hold()
    return answered.promise
  }
  jest.useFakeTimers()
  try {
    const { fetch } = startFalse({ handlers: { "/v1/held": held } })
    while (strangers.length <= most) strangers.push(openSync("/dev/null", "r"))
    const from = { address: "192.0.2.7", port: 1000 + (strangers[0] ?? 0) }
    const asked = fetch(request("/v1/held"), serverOf(from))
    await new Promise(resolve => setImmediate(resolve))
    open[0]?.look()
    expect([cut, refusals]).toEqual([[], []])
    answered.resolve(new Response())
    await asked
    open[0]?.look()
    expect([cut.length, refusals]).toEqual([1, [["too many connections", "192.0.2.7"]]])
  } finally {
    jest.useRealTimers()
    for (const one of strangers) closeSync(one)
  }
})

describe("a handler", () => {
  const from = { address: "::ffff:192.0.2.7", port: 5000 }
  const asked: WireRequest[] = []
  const handlers = {
    "/v1/ask": (one: WireRequest) => {
      asked.push(one)
      one.hold()()
      return new Response()
    },
  }

  test("is told where a request comes from, in one spelling, and its headers", async () => {
    const { fetch } = startFalse({ handlers })
    expect((await fetch(request("/v1/ask"), serverOf(from))).status).toBe(200)
    const [one] = asked.splice(0)
    expect([one?.address, one?.header("content-type"), one?.header("x-none")]).toEqual([
      "192.0.2.7",
      "application/json",
      null,
    ])
  })

  test("takes a request, and may hold it, of whose caller nothing is known any more", async () => {
    const { fetch } = startFalse({ handlers })
    expect((await fetch(request("/v1/ask"), serverOf(null))).status).toBe(200)
    expect(asked.splice(0).map(({ address }) => address)).toEqual(["unknown"])
  })

  test("is not asked for another path, whatever else is amiss, which is told with the address", async () => {
    const { fetch } = startFalse({ handlers })
    const answers = [
      await fetch(request("/v1/other"), serverOf(from)),
      await fetch(request("/toString"), serverOf(null)),
      await fetch(request("/v1/other", { method: "PUT" }), serverOf(from)),
      await fetch(request("/v1/ask", { method: "PUT" }), serverOf(from)),
    ]
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403])
    expect([refusals, asked]).toEqual([
      [
        ["path", "192.0.2.7"],
        ["path", "unknown"],
        ["path", "192.0.2.7"],
        ["method", "192.0.2.7"],
      ],
      [],
    ])
  })

  test("that fails is told of, and the request gets the one answer", () => {
    const { error } = startFalse()
    const bug = new Error("a bug")
    const { status, body } = error(bug)
    expect([status, body, bugs]).toEqual([403, null, [bug]])
  })
})

test("a host that is not ours is refused however often it is named", async () => {
  const { fetch } = startFalse({ names: ["mira.example"], handlers: { "/v1/ask": () => new Response() } })
  const answers = ["evil.example", "evil.example", "mira.example", "mira.example", "evil.example"].map(
    async Host => {
      const headers = { Host, "Content-Type": "application/json" }
      return (await fetch(request("/v1/ask", { headers }), serverOf(null))).status
    },
  )
  expect(await Promise.all(answers)).toEqual([403, 403, 200, 200, 403])
})

test("pipelined is what the same connection asks again in one turn, and not what another one does", async () => {
  const isPipelined = watchPipelines()
  const [a, sameHost, samePort] = [
    { address: "192.0.2.7", port: 5000 },
    { address: "192.0.2.7", port: 5001 },
    { address: "192.0.2.8", port: 5000 },
  ]
  const turn = [a, { ...a }, sameHost, a, samePort, a, a].map(isPipelined)
  expect(turn).toEqual([false, true, false, false, false, false, true])
  await new Promise(resolve => setImmediate(resolve))
  expect(isPipelined(a)).toBe(false)
})

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["fd00::2", "fd00::2"],
  ["::", null],
  ["0.0.0.0", null],
  ["localhost", null],
  [undefined, null],
])("where a server listens on %s the address of this end is %s", (hostname, want) =>
  expect(ownAddress({ hostname })).toBe(want),
)
