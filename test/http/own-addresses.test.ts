/** Which of this machine's addresses are shown to another, in which order, and which one leads where. */
import { describe, expect, spyOn, test } from "bun:test"
import {
  addressesOf,
  defaultInterfaces,
  type Networks,
  ownAddressTowards,
} from "../../src/http/own-addresses.ts"
import { canUnshare, runInside } from "../support/namespace.ts"

type Entries = NonNullable<Networks["interfaces"][string]>

const wire = "02:fc:00:00:00:01"
const none = "00:00:00:00:00:00"

/** As Bun 1.4.5 gives them; `internal` is its word for loopback. */
const entries = (mac: string, ...addresses: readonly string[]): Entries =>
  addresses.map(address => {
    const isOld = !address.includes(":")
    const rest = { address, netmask: "", cidr: null, mac, internal: address === "127.0.0.1" }
    return isOld ? { ...rest, family: "IPv4" } : { ...rest, family: "IPv6", scopeid: 0 }
  })

const heading =
  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n"
/** A default route's line in /proc/net/route. */
const way4 = (device: string, metric = 0, flags = "0003", mask = "00000000"): string =>
  `${device}\t00000000\t010200C0\t${flags}\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`
const zeros = "0".repeat(32)
/** The same in /proc/net/ipv6_route. */
const way6 = (device: string, metric = "00000400", flags = "00000003", length = "00"): string =>
  `${zeros} ${length} ${zeros} 00 fd000000000000000000000000000001 ${metric} 00000002 00000000 ${flags}     ${device}\n`

const networks = (
  interfaces: Readonly<Record<string, Entries>>,
  more: Partial<Omit<Networks, "interfaces">> = {},
): Networks => ({ interfaces, routes4: "", routes6: "", flags6: "", ...more })

const listed = (given: Networks): readonly string[] =>
  addressesOf(given).map(
    ({ address, interfaceName, isTunnel, isPrivate, isDefault }) =>
      `${address} ${interfaceName}${isTunnel ? " tunnel" : ""}${isPrivate ? " private" : ""}${isDefault ? " default" : ""}`,
  )

describe("own addresses", () => {
  test.each([
    [
      "none that nobody elsewhere could dial",
      networks({
        lo: entries(none, "127.0.0.1"),
        eth0: entries(wire, "169.254.7.7", "fe80::1", "ff02::1", "224.0.0.251", "0.0.0.0", "::", "::1"),
        wlan0: entries(wire, "255.255.255.255", "127.0.1.1", "192.168.1.7"),
      }),
      ["192.168.1.7 wlan0 private"],
    ],
    [
      "the default route's first, then tunnels, then the rest",
      networks(
        {
          docker0: entries(wire, "172.17.0.1"),
          tailscale0: entries(none, "100.64.0.3", "fd7a::3"),
          wlan0: entries(wire, "192.168.1.7"),
          eth0: entries(wire, "2001:db8::7", "203.0.113.7"),
        },
        { routes4: heading + way4("wlan0", 600) + way4("eth0", 100), routes6: way6("eth0") },
      ),
      [
        "203.0.113.7 eth0 default",
        "2001:db8::7 eth0 default",
        "192.168.1.7 wlan0 private default",
        "100.64.0.3 tailscale0 tunnel private",
        "fd7a::3 tailscale0 tunnel private",
        "172.17.0.1 docker0 private",
      ],
    ],
    [
      "a second address of an interface, which Bun gives a label and no MAC",
      networks(
        { eth0: entries(wire, "10.0.0.7"), "eth0:1": entries(none, "10.0.0.8") },
        { routes4: heading + way4("eth0") },
      ),
      ["10.0.0.7 eth0 private default", "10.0.0.8 eth0 private default"],
    ],
    [
      "of IPv6, the lasting address before the day's, and none that is on its way in or out",
      networks(
        { eth0: entries(wire, "2001:db8::bad", "2001:db8::1d", "2001:db8::1", "2001:db8::2") },
        {
          flags6: [
            ["0bad", "20"],
            ["001d", "01"],
            ["0001", "80"],
            ["0002", "40"],
          ]
            .map(([end, flags]) => `20010db8${"0".repeat(20)}${end} 04 40 00 ${flags}     eth0\n`)
            .join(""),
        },
      ),
      ["2001:db8::1 eth0", "2001:db8::1d eth0"],
    ],
    [
      "in the order in which they are named, where none is before another",
      networks({
        b: entries(wire, "10.0.0.9", "10.0.0.8"),
        a: entries(wire, "10.0.0.7"),
        c: entries(wire, "10.0.0.6"),
      }),
      ["10.0.0.9 b private", "10.0.0.8 b private", "10.0.0.7 a private", "10.0.0.6 c private"],
    ],
    ["nothing, where there is nothing", networks({}), []],
  ] as const)("are %s", (_, given, want) => expect(listed(given)).toEqual([...want]))

  test.each([
    ...[
      "tun0",
      "tap3",
      "wg0",
      "wg-home",
      "tailscale0",
      "ztabcdef12",
      "ppp0",
      "nordlynx",
      "utun4",
      "ipsec0",
    ].map(name => [name, true] as const),
    ...["eth0", "enp3s0", "wlan0", "docker0", "br-1a2b", "veth7", "virbr0", "usb0", "wtap"].map(
      name => [name, false] as const,
    ),
  ])("%s looks like a tunnel: %p", (name, want) => {
    const [found] = addressesOf(networks({ [name]: entries(wire, "10.0.0.7") }))
    expect(found?.isTunnel).toBe(want)
  })

  test("so does whatever has no address on its wire", () => {
    const [found] = addressesOf(networks({ office: entries(none, "10.0.0.7") }))
    expect(found?.isTunnel).toBe(true)
  })

  test.each([
    ["10.255.0.1", true],
    ["172.15.0.1", false],
    ["172.31.0.1", true],
    ["192.168.0.1", true],
    ["192.169.0.1", false],
    ["100.63.0.1", false],
    ["100.127.0.1", true],
    ["fd00::1", true],
    ["2001:db8::1", false],
  ])("%s is private: %p", (address, want) => {
    expect(addressesOf(networks({ eth0: entries(wire, address) }))[0]?.isPrivate).toBe(want)
  })
})

describe("the default route", () => {
  test.each([
    ["of nobody", heading, "", [], []],
    ["of each family", heading + way4("eth0"), way6("wlan0"), ["eth0"], ["wlan0"]],
    [
      "in tables with blanks before and behind, rows without any words, and one with a lone word",
      `\n  ${way4("eth0").trim()}   \n \nlone\n`,
      `\n  ${way6("wlan0").trim()}   \n \nlone\n`,
      ["eth0"],
      ["wlan0"],
    ],
    [
      "by its metric",
      way4("a", 9) + way4("b", 10) + way4("b", 1),
      way6("a", "0000000a") + way6("b", "00000009"),
      ["b", "a"],
      ["b", "a"],
    ],
    [
      "but half of everywhere is not it",
      way4("tun0", 0, "0003", "00000080"),
      way6("tun0", "00000400", "00000003", "01"),
      [],
      [],
    ],
    ["but one that rejects is not it", way4("lo", 0, "0201"), way6("lo", "ffffffff", "00200200"), [], []],
  ] as const)("%s", (_, routes4, routes6, ipv4, ipv6) =>
    expect(defaultInterfaces(routes4, routes6)).toEqual({ IPv4: [...ipv4], IPv6: [...ipv6] }),
  )
})

test.each([
  ["that is up, without a gateway", "0001", ["eth0"]],
  ["that has a gateway and is not up", "0002", []],
  ["that leads nowhere", "0201", []],
])("a default route %s", (_, flags, want) => {
  expect(defaultInterfaces(heading + way4("eth0", 0, flags), "").IPv4).toEqual(want)
})

test("which address leads where is asked from all of its family, and a name leads nowhere", async () => {
  const asked: unknown[] = []
  const closed: string[] = []
  using _ = spyOn(Bun, "udpSocket").mockImplementation((async (options: unknown) => {
    asked.push(options)
    return { address: { address: "::ffff:198.51.100.7" }, close: () => closed.push("one") }
  }) as never)
  const found = ["192.0.2.7", "2001:db8::7", "kai.example"].map(host => ownAddressTowards(host, 9876))
  expect(await Promise.all(found)).toEqual(["198.51.100.7", "198.51.100.7", null])
  expect([asked, closed]).toEqual([
    [
      { hostname: "0.0.0.0", connect: { hostname: "192.0.2.7", port: 9876 } },
      { hostname: "::", connect: { hostname: "2001:db8::7", port: 9876 } },
    ],
    ["one", "one"],
  ])
})

// Skipped where this user may not make a network namespace.
test.skipIf(!canUnshare)(
  "real interfaces: which address leads where, and nothing is sent for it",
  async () => {
    const setUp = [
      "link set lo up",
      "link add v0 type veth peer name v1",
      "address add 203.0.113.9/24 dev v1",
      "address add 198.51.100.7/24 dev v0",
      "address add 198.51.100.8/24 dev v0 label v0:1",
      "link set v1 up",
      "link set v0 up",
    ]
    const towards = {
      "198.51.100.20": "198.51.100.7",
      "203.0.113.20": "203.0.113.9",
      "192.0.2.1": null,
      "2001:db8::1": null,
      "127.0.0.1": "127.0.0.1",
      "mira.example": null,
    }
    expect(await runInside(setUp, "http/inside/own-addresses.ts")).toEqual({
      before: { own: ["203.0.113.9 v1", "198.51.100.7 v0", "198.51.100.8 v0"], towards },
      after: {
        own: ["198.51.100.7 v0", "198.51.100.8 v0", "203.0.113.9 v1"],
        towards: { ...towards, "192.0.2.1": "198.51.100.7" },
      },
      sent: "0",
    })
  },
)
