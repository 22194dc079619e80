/** On which networks is asked by mDNS, and which senders are believed to be on them. */
import { describe, expect, test } from "bun:test"
import type { networkInterfaces } from "node:os"
import { isNeighbour, networksOf, ownIPv4 } from "../../src/http/mdns-networks.ts"
import { addressesOf } from "../../src/http/own-addresses.ts"

type Interfaces = ReturnType<typeof networkInterfaces>

const wire = "02:fc:00:00:00:01"
const noWire = "00:00:00:00:00:00"

/** @param addresses - as `192.168.1.7 255.255.255.0` */
const entries = (mac: string, ...addresses: readonly string[]): NonNullable<Interfaces[string]> =>
  addresses.map(one => {
    const [address = "", netmask = ""] = one.split(" ")
    const rest = { address, netmask, cidr: null, mac, internal: address.startsWith("127.") }
    return address.includes(":") ? { ...rest, family: "IPv6", scopeid: 0 } : { ...rest, family: "IPv4" }
  })

const listed = (interfaces: Interfaces, isCovered?: (address: string) => boolean): readonly string[] => {
  const own = addressesOf({ interfaces, routes4: "", routes6: "", flags6: "" })
  return networksOf(own, interfaces, isCovered).map(
    ({ interfaceName, address, prefix }) => `${interfaceName} ${address}/${prefix}`,
  )
}

const c = "255.255.255.0"

describe("mDNS asks", () => {
  test.each([
    [
      "each interface's IPv4 network, whatever its size",
      {
        eth0: entries(wire, `192.168.1.7 ${c}`, "2001:db8::7 ffff:ffff::"),
        docker0: entries(wire, "172.17.0.1 255.255.0.0"),
      },
      ["eth0 192.168.1.7/24", "docker0 172.17.0.1/16"],
    ],
    [
      "not loopback, not a link-local one",
      { lo: entries(noWire, "127.0.0.1 255.0.0.0"), eth0: entries(wire, "169.254.7.7 255.255.0.0") },
      [],
    ],
    [
      "no tunnel, by its name or for want of a wire",
      {
        wg0: entries(noWire, `10.8.0.2 ${c}`),
        tailscale0: entries(wire, "100.64.0.3 255.192.0.0"),
        strange: entries(noWire, `10.9.0.2 ${c}`),
      },
      [],
    ],
    [
      "no address that has no neighbours, or all the world, or of which nobody says it",
      {
        none: entries(wire, `203.0.112.7 ${c}`).map(one => ({ ...one, netmask: null as never })),
        a: entries(wire, "203.0.113.7 255.255.255.255"),
        b: entries(wire, "203.0.114.7 0.0.0.0"),
        c: entries(wire, "203.0.115.7 128.0.0.0"),
        d: entries(wire, "203.0.116.7 255.0.255.0"),
        e: entries(wire, "203.0.117.7 "),
        f: entries(wire, "203.0.118.6 255.255.255.254"),
        g: entries(wire, "10.0.0.7 255.0.0.0"),
      },
      ["f 203.0.118.6/31", "g 10.0.0.7/8"],
    ],
    [
      "two networks of one interface, and one of two addresses once",
      { eth0: entries(wire, `192.168.1.7 ${c}`, `192.168.1.8 ${c}`, `10.1.0.7 ${c}`) },
      ["eth0 192.168.1.7/24", "eth0 10.1.0.7/24"],
    ],
  ])("%s", (_, interfaces: Interfaces, want) => expect(listed(interfaces)).toEqual(want))

  test("where an address is covered, by that one", () => {
    const interfaces = { eth0: entries(wire, `192.168.1.7 ${c}`, `192.168.1.8 ${c}`, `10.1.0.7 ${c}`) }
    expect(listed(interfaces, address => address === "192.168.1.8")).toEqual(["eth0 192.168.1.8/24"])
  })

  test("none that went while it was looked", () => {
    const interfaces = { eth0: entries(wire, `192.168.1.7 ${c}`) }
    const own = addressesOf({ interfaces, routes4: "", routes6: "", flags6: "" })
    expect(networksOf(own, {})).toEqual([])
  })

  test("no more than 16 of them", () => {
    const many = Array.from({ length: 40 }, (_, i) => [`br${i}`, entries(wire, `10.0.${i}.1 ${c}`)] as const)
    expect(listed(Object.fromEntries(many))).toHaveLength(16)
  })
})

describe("a packet is believed to be", () => {
  const network = { address: "192.168.1.7", interfaceName: "eth0", prefix: 24 }
  const own = ownIPv4({ eth0: entries(wire, `192.168.1.7 ${c}`), eth1: entries(wire, `192.168.1.9 ${c}`) })
  test.each([
    ["a neighbour's", "192.168.1.66", true],
    ["nobody's: from another network", "192.168.2.66", false],
    ["nobody's: from far away", "8.8.8.8", false],
    ["nobody's: our own, echoed", "192.168.1.7", false],
    ["nobody's: our own of another interface", "192.168.1.9", false],
    ["nobody's: the network itself", "192.168.1.0", false],
    ["nobody's: all of the network", "192.168.1.255", false],
    ["nobody's: loopback", "127.0.0.1", false],
    ["nobody's: IPv6", "fe80::1", false],
    ["nobody's: IPv4 in IPv6's spelling", "::ffff:192.168.1.66", false],
    ["nobody's: a name", "mira.local", false],
    ["nobody's: nothing", "", false],
  ])("%s", (_, sender, want) => expect(isNeighbour(network, sender, own)).toBe(want))

  test("of a network of two, the other one", () => {
    const two = { address: "10.0.0.0", interfaceName: "eth0", prefix: 31 }
    expect(isNeighbour(two, "10.0.0.1", new Set(["10.0.0.0"]))).toBe(true)
    expect(isNeighbour(two, "10.0.0.2", new Set(["10.0.0.0"]))).toBe(false)
  })

  test("of 10.0.0.0/8, whoever is in it: no bit is lost where the first one is set, either", () => {
    expect(isNeighbour({ ...network, address: "10.0.0.7", prefix: 8 }, "10.255.3.4", own)).toBe(true)
    expect(isNeighbour({ ...network, address: "203.0.113.7", prefix: 25 }, "203.0.113.126", own)).toBe(true)
    expect(isNeighbour({ ...network, address: "203.0.113.7", prefix: 25 }, "203.0.113.129", own)).toBe(false)
  })
})
