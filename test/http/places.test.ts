/** Several hosts on one port: which are bound, what becomes of those that cannot be, and of what is under way. */
import { afterEach, describe, expect, test } from "bun:test"
import { post } from "../../src/http/client.ts"
import { type Listener, type ListenerOptions, listen } from "../../src/http/listener.ts"
import { type HostFault, openPlaces, placesOf } from "../../src/http/places.ts"
import { canUnshare, runInside } from "../support/namespace.ts"

test.each([
  ["each once", ["127.0.0.1", "192.0.2.7", "127.0.0.1"], ["127.0.0.1", "192.0.2.7"]],
  [
    "in one spelling",
    ["localhost", "127.0.0.1", "0:0:0:0:0:0:0:1", "::1", "::ffff:192.0.2.7", "192.0.2.7"],
    ["127.0.0.1", "::1", "192.0.2.7"],
  ],
  ["none beside all", ["127.0.0.1", "::", "0.0.0.0", "fd00::2"], ["::"]],
  ["no IPv4 beside all of IPv4", ["127.0.0.1", "fd00::2", "0.0.0.0", "192.0.2.7"], ["fd00::2", "0.0.0.0"]],
] as const)("what is bound: %s", (_, hosts, want) => expect(placesOf(hosts)).toEqual([...want]))

/** Addresses of every Linux machine that nobody else listens on. */
const [home, other, third] = ["127.0.0.1", "127.77.0.2", "127.77.0.3"]
/** RFC 5737; this machine has it not. */
const absent = "203.0.113.77"

let closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  closing = []
})

type Open = { readonly listener: Listener; readonly faults: [string, HostFault | null][]; release(): void }

/** `/v1/held` answers when it is released, every other path at once. */
function open(hosts: readonly string[], more: Partial<ListenerOptions> = {}): Open {
  const faults: [string, HostFault | null][] = []
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const listener = listen({
    hosts,
    preferredPort: 0,
    names: [],
    handlers: {
      "/v1/now": () => new Response("now"),
      "/v1/held": () => released.then(() => new Response("held")),
    },
    onHost: (host, fault) => faults.push([host, fault]),
    onRefused: () => {},
    onError: error => {
      throw error
    },
    ...more,
  })
  closing.push(() => {
    release()
    return listener.stop()
  })
  return { listener, faults, release }
}

async function ask(host: string, port: number, path = "/v1/now"): Promise<string> {
  const headers = { "Content-Type": "application/json" }
  const answer = await post(host, port, path, { headers, body: new Uint8Array(), timeoutMilliseconds: 5000 })
  return answer.kind === "answered" ? Buffer.from(answer.body).toString() : answer.cause
}

/** Holds a port of one host, as another program would. */
function occupy(hostname: string, port: number): number {
  const server = Bun.serve({ hostname, port, reusePort: false, fetch: () => new Response("another") })
  closing.push(() => server.stop(true))
  return server.port ?? 0
}

describe("one port on several hosts", () => {
  test("answers on each of them, and on no other", async () => {
    const { listener } = open([home, other])
    const found = [home, other, third].map(host => ask(host, listener.port))
    expect(await Promise.all(found)).toEqual(["now", "now", "refused"])
    expect(listener.open()).toEqual([home, other])
  })

  test("a port that is taken on one of them is taken for all", async () => {
    const port = occupy(other, 0)
    const { listener, faults } = open([home, other], { preferredPort: port })
    expect(listener.port).not.toBe(port)
    expect(listener.open()).toEqual([home, other])
    expect(await ask(home, port)).toBe("refused")
    expect(faults).toEqual([])
  })

  test("one that the machine does not have is waited for, and told once, however often it is tried", async () => {
    const { promise: tried, resolve } = Promise.withResolvers<void>()
    const faults: [string, HostFault | null][] = []
    let tries = 0
    const places = openPlaces({
      hosts: [home, absent],
      preferredPort: 0,
      serve(hostname, port) {
        if (hostname === absent) tries += 1
        if (tries === 5) resolve()
        return Bun.serve({ hostname, port, reusePort: false, fetch: () => new Response("here") })
      },
      retryMilliseconds: 1,
      onHost: (host, fault) => faults.push([host, fault]),
    })
    closing.push(() => places.stop())
    expect({ open: places.open(), faults: [...faults] }).toEqual({ open: [home], faults: [] })
    await tried
    expect({ open: places.open(), faults }).toEqual({ open: [home], faults: [[absent, "absent"]] })
  })

  test.each([
    ["EADDRINUSE", [home], "unreachable", /^no free port on 127\.0\.0\.1 from 9876 to 9975$/],
    ["EADDRINUSE", [home, absent], "unreachable", /^no free port on 127\.0\.0\.1, 203\.0\.113\.77 from/],
    ["EADDRNOTAVAIL", [home, absent], "unreachable", /^cannot listen on 127\.0\.0\.1: /],
    ["EADDRNOTAVAIL", [absent], "config", /^cannot listen on 203\.0\.113\.77: /],
    ["EACCES", [absent, home], "config", /^cannot listen on 127\.0\.0\.1: /],
  ] as const)("where the kernel says %s for all of %p: %s", (code, hosts, want, sentence) => {
    const serve = (): never => {
      throw Object.assign(new Error("no"), { code })
    }
    let found: unknown
    try {
      openPlaces({ hosts, preferredPort: 9876, serve })
    } catch (error) {
      found = error
    }
    expect(found).toMatchObject({ code: want, message: expect.stringMatching(sentence) })
  })

  test("loopback of one family is enough", () => {
    const serve = (hostname: string, port: number) => {
      if (hostname === "::1") throw Object.assign(new Error("no"), { code: "EADDRNOTAVAIL" })
      return Bun.serve({ hostname, port, reusePort: false, fetch: () => new Response() })
    }
    const places = openPlaces({ hosts: ["::1", home], preferredPort: 0, serve })
    closing.push(() => places.stop())
    expect(places.open()).toEqual([home])
  })
})

describe("changed without a restart", () => {
  test("what is under way on a host that stays goes on; a host that goes refuses at once", async () => {
    const { listener, release } = open([home, other])
    const held = ask(home, listener.port, "/v1/held")
    listener.setHosts([home, third])
    expect(listener.open()).toEqual([home, third])
    const now = [home, other, third].map(host => ask(host, listener.port))
    expect(await Promise.all(now)).toEqual(["now", "refused", "now"])
    release()
    expect(await held).toBe("held")
  })

  test("to all addresses and back: nothing under way is lost, and there is loopback at any time", async () => {
    const { listener, release, faults } = open([home])
    const held = [ask(home, listener.port, "/v1/held")]
    expect(await ask(home, listener.port)).toBe("now")
    listener.setHosts([home, "0.0.0.0"])
    expect(listener.open()).toEqual(["0.0.0.0"])
    expect(await ask(other, listener.port)).toBe("now")
    held.push(ask(home, listener.port, "/v1/held"))
    expect(await ask(home, listener.port)).toBe("now")
    listener.setHosts([home])
    const found = [home, other].map(host => ask(host, listener.port))
    expect(await Promise.all(found)).toEqual(["now", "refused"])
    release()
    expect(await Promise.all(held)).toEqual(["held", "held"])
    expect(faults).toEqual([])
  })

  test("to all addresses, of which one has the port taken: the rest of what was asked for", async () => {
    const { listener, faults } = open([home])
    occupy(other, listener.port)
    listener.setHosts([home, "0.0.0.0", third])
    expect(listener.open()).toEqual([home, third])
    expect(await Promise.all([home, other, third].map(host => ask(host, listener.port)))).toEqual([
      "now",
      "another",
      "now",
    ])
    expect(faults).toEqual([["0.0.0.0", "taken"]])
  })

  test("a host whose port is taken is told, and opened once it is free", async () => {
    const { promise: opened, resolve } = Promise.withResolvers<void>()
    const faults: [string, HostFault | null][] = []
    const { listener } = open([home], {
      retryMilliseconds: 5,
      onHost(host, fault) {
        faults.push([host, fault])
        if (fault === null) resolve()
      },
    })
    const another = Bun.serve({
      hostname: other,
      port: listener.port,
      reusePort: false,
      fetch: () => new Response(),
    })
    listener.setHosts([home, other])
    expect(listener.open()).toEqual([home])
    await another.stop(true)
    await opened
    expect(await ask(other, listener.port)).toBe("now")
    expect(faults).toEqual([
      [other, "taken"],
      [other, null],
    ])
  })
})

// Skipped where this user may not make a network namespace.
test.skipIf(!canUnshare)("a VPN's address that comes late, goes and comes again is listened on", async () => {
  const late = "198.51.100.7"
  expect(await runInside(["link set lo up"], "http/inside/late-host.ts")).toEqual([
    ["127.0.0.1"],
    [late, "absent"],
    ["127.0.0.1", 200],
    [late, "unreachable"],
    [late, null],
    ["127.0.0.1", late],
    [late, 200],
    [late, "unreachable"],
    [late, 200],
  ])
})
