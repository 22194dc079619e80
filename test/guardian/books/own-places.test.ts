/** Which addresses are told to others: never one that stands for all of them. */
import { describe, expect, test } from "bun:test"
import {
  hostsToOpen,
  hostToShow,
  isMeantForOthers,
  isOpenToOthers,
  networkHosts,
  placesOfHosts,
} from "../../../src/guardian/books/own-places.ts"
import type { OwnAddress } from "../../../src/http/own-addresses.ts"

const own = (address: string, interfaceName: string, isTunnel = false): OwnAddress => ({
  ...{ address, interfaceName, isTunnel },
  ...{ isPrivate: true, isDefault: false },
})
const machine = [own("192.0.2.7", "eth0"), own("100.64.0.9", "tailscale0", true), own("fd00::7", "eth0")]

describe("the addresses of a Guardian that listens on", () => {
  test.each<readonly [string, readonly string[], readonly string[]]>([
    ["loopback", ["127.0.0.1"], []],
    ["all", ["::"], ["192.0.2.7", "100.64.0.9 over tailscale0", "fd00::7"]],
    ["all of IPv4", ["127.0.0.1", "0.0.0.0"], ["192.0.2.7", "100.64.0.9 over tailscale0"]],
    ["one of them", ["127.0.0.1", "100.64.0.9"], ["100.64.0.9 over tailscale0"]],
    ["one that the machine has lost", ["127.0.0.1", "192.0.2.99"], ["192.0.2.99"]],
    ["two of loopback", ["127.0.0.1", "127.0.0.9"], []],
  ])("%s", (_, hosts, want) =>
    expect(
      placesOfHosts(hosts, machine).map(({ host, vpn }) => (vpn === null ? host : `${host} over ${vpn}`)),
    ).toEqual([...want]),
  )

  test("all, on a machine that has none: none", () => expect(placesOfHosts(["::"], [])).toEqual([]))
})

test("loopback is always open, and the word for all is bound as one", () => {
  const listen = { port: 9876, names: [] }
  expect(hostsToOpen({ ...listen, hosts: [] })).toEqual(["127.0.0.1"])
  expect(hostsToOpen({ ...listen, hosts: ["all"] })).toEqual(["127.0.0.1", "::"])
  expect(hostsToOpen({ ...listen, hosts: ["network"] })).toEqual(["127.0.0.1", ...networkHosts()])
  expect(hostsToOpen({ ...listen, hosts: ["192.0.2.7"] })).toEqual(["127.0.0.1", "192.0.2.7"])
  expect([["127.0.0.1"], ["127.0.0.1", "::1"], ["::"]].map(isOpenToOthers)).toEqual([false, false, true])
})

test("the one that is shown is what others can reach, and loopback where they reach nothing", () => {
  expect([[], ["127.0.0.1"], ["127.0.0.1", "::1"]].map(hostToShow)).toEqual(Array(3).fill("127.0.0.1"))
  expect([["127.0.0.1", "192.0.2.99"], ["kai.example"]].map(hostToShow)).toEqual(["192.0.2.99", "127.0.0.1"])
})

test("the word for one's own network stands for private addresses and VPNs, and never for a public one", () => {
  const open = { ...own("203.0.113.7", "eth0"), isPrivate: false }
  const tunnel = { ...own("2001:db8::7", "sit0", true), isPrivate: false }
  expect(networkHosts([open, ...machine.slice(1), tunnel])).toEqual(["100.64.0.9", "fd00::7"])
  expect(networkHosts([open])).toEqual([])
})

test.each<readonly [string, readonly string[], boolean]>([
  ["loopback alone is for nobody else", [], false],
  ["one's own network, also where there is none now", ["network"], true],
  ["an address, also one that is not there yet", ["192.0.2.7"], true],
])("%s", (_, hosts, want) =>
  expect(isMeantForOthers({ port: 9876, names: [], hosts: [...hosts] })).toBe(want),
)
