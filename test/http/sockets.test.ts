/** One spelling for an address, whoever names it: Bun, the kernel or an owner. */
import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { descriptors, plainAddress, readEnd, sockets } from "../../src/http/sockets.ts"
import { until } from "../support/world.ts"

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["::FFFF:C000:207", "192.0.2.7"],
  ["0:0:0:0:0:ffff:0:1", "0.0.0.1"],
  ["::1", "::1"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["2001:DB8:0:0::7", "2001:db8::7"],
  ["fe80::1%eth0", "fe80::1"],
  ["::192.0.2.7", "::c000:207"],
  ["mira.example", "mira.example"],
])("%s is %s", (literal, want) => expect(plainAddress(literal)).toBe(want))

/** A `struct sockaddr`: the family as this machine has it, then as it goes over the wire. */
const socketAddress = (family: number, rest: string): Buffer => {
  const bytes = Buffer.alloc(128)
  bytes.writeUInt16LE(family, 0)
  bytes.write(rest, 2, "hex")
  return bytes
}

test.each([
  ["IPv4", socketAddress(2, "2694c0000207"), { address: "192.0.2.7", port: 9876 }],
  ["IPv6", socketAddress(10, `269400000000fd00${"0".repeat(27)}2`), { address: "fd00::2", port: 9876 }],
  [
    "IPv4 in IPv6",
    socketAddress(10, `269400000000${"0".repeat(20)}ffffc0000207`),
    { address: "192.0.2.7", port: 9876 },
  ],
  ["a local socket", socketAddress(1, "2f746d70"), null],
] as const)("the kernel's word for %s", (_, bytes, want) => expect(readEnd(bytes)).toEqual(want))

test("of this process's sockets: which listens, both ends, who is let in, and the end of one", async () => {
  let opened = 0
  const server = Bun.listen({
    ...{ hostname: "127.0.0.1", port: 0 },
    socket: {
      open() {
        opened += 1
      },
      data() {},
    },
  })
  const ended = Promise.withResolvers<void>()
  const connectTo = () => connect(server.port, "127.0.0.1").on("error", () => {})
  const client = connectTo().on("close", () => ended.resolve())
  await until("the connection", () => opened === 1)
  const { own, other, isListening, cut, admit } = sockets()
  const ours = descriptors().filter(one => own(one)?.port === server.port)
  const [listener = -1] = ours.filter(isListening)
  const [accepted = -1] = ours.filter(one => !isListening(one))
  expect([ours.length, own(listener), other(listener)]).toEqual([
    2,
    { address: "127.0.0.1", port: server.port },
    null,
  ])
  expect(other(accepted)).toEqual({ address: "127.0.0.1", port: client.localPort ?? 0 })
  expect([own(0)?.port, isListening(0)]).toEqual([undefined, false])
  admit(listener, false)
  const late = connectTo()
  await Bun.sleep(100)
  expect(opened).toBe(1)
  admit(listener, true)
  // Its kernel knocks again after a second.
  await until("the late one", () => opened === 2)
  cut(accepted)
  await ended.promise
  late.destroy()
  server.stop(true)
})

/** As fcntl(2) has them. */
const flagsOf = (descriptor: number): number =>
  Number.parseInt(
    /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8"))?.[1] ?? "",
    8,
  )

test("this process is told as somebody comes, and what else the socket was told stays", async () => {
  let told = 0
  const hear = (): void => {
    told += 1
  }
  // For good: a SIGIO that nobody handles would end the process.
  process.on("SIGIO", hear)
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
  const { own, isListening, announce } = sockets()
  const [listener = -1] = descriptors().filter(one => own(one)?.port === server.port && isListening(one))
  const before = flagsOf(listener)
  announce(listener)
  expect(flagsOf(listener)).toBe(before | 0o20000)
  const client = connect(server.port, "127.0.0.1").on("error", () => {})
  await until("the signal", () => told > 0)
  client.destroy()
  server.stop(true)
})
