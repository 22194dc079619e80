import { describe, expect, test } from "bun:test"
import * as v from "valibot"
import {
  formatAddress,
  hostSchema,
  isAllowedHost,
  isDestination,
  isHost,
  isLoopback,
  isReachable,
  isSameHost,
  keepsItsSide,
  readAddress,
} from "../../src/protocol/addresses.ts"

describe("reading an address", () => {
  test.each([
    ["an IPv4 literal", "192.168.1.20", { host: "192.168.1.20", port: null }],
    ["with a port", "192.168.1.20:9877", { host: "192.168.1.20", port: 9877 }],
    ["a name", "hana.lan", { host: "hana.lan", port: null }],
    ["a name with a port", "hana:9876", { host: "hana", port: 9876 }],
    ["a name with an underscore and a final dot", "my_host.lan.", { host: "my_host.lan.", port: null }],
    ["a bare IPv6 literal", "fd00::1", { host: "fd00::1", port: null }],
    ["one in brackets", "[fd00::1]", { host: "fd00::1", port: null }],
    ["one with a port", "[fd00::1]:9876", { host: "fd00::1", port: 9876 }],
    ["the last port", "hana:65535", { host: "hana", port: 65535 }],
    ["the first port", "hana:1", { host: "hana", port: 1 }],
    ["the longest name", `${"a.".repeat(126)}a`, { host: `${"a.".repeat(126)}a`, port: null }],
  ])("%s", (_, text, want) => expect(readAddress(text)).toEqual(want))

  test.each([
    ["nothing", ""],
    ["a port alone", ":9876"],
    ["an empty port", "hana:"],
    ["port 0", "hana:0"],
    ["port 65536", "hana:65536"],
    ["a port of six digits", "hana:009876"],
    ["a negative port", "hana:-1"],
    ["a named port", "hana:http"],
    ["a scheme", "http://hana"],
    ["a path", "hana/v1"],
    ["a user, which would hide the host", "hana@evil.example"],
    ["a space", "hana lan"],
    ["a line break behind", "hana\n"],
    ["a header smuggled in", "hana\r\nX-Evil: 1"],
    ["an escape", "ha\u001b[2Jna"],
    ["a name of other letters", "h\u00e4na.example"],
    ["a Kelvin sign", "\u212aelvin"],
    ["an empty label", "hana..lan"],
    ["a dash first", "-hana"],
    ["a label of 64", `${"a".repeat(64)}.lan`],
    ["a name of 254", `${"a.".repeat(126)}aa`],
    ["a name in brackets", "[hana]"],
    ["an open bracket", "[fd00::1"],
    ["IPv4 in brackets", "[127.0.0.1]"],
    ["IPv6 with a zone", "fe80::1%eth0"],
    ["IPv6 with a zone in brackets", "[fe80::1%eth0]"],
    ["too many groups", "1:2:3:4:5:6:7:8:9"],
  ])("refuses %s", (_, text) => expect(readAddress(text)).toBeNull())
})

describe("a number in the place of an address is refused, since a resolver reads it as one", () => {
  test.each([
    ["one number", "2130706433"],
    ["two", "127.1"],
    ["a final dot", "127.0.0.1."],
    ["octal", "0177.0.0.1"],
    ["a leading zero", "127.0.0.01"],
    ["more than 255", "127.0.0.256"],
    ["hexadecimal", "0x7f000001"],
    ["hexadecimal in parts", "0x7f.0.0.0x1"],
    ["a hexadecimal end", "hana.0x1"],
    ["a decimal end", "hana.1"],
    ["a decimal end with a final dot", "hana.1."],
  ])("%s: %s", (_, text) => expect(isHost(text)).toBe(false))

  test.each(["0xhana.lan", "1und1.de", "3com", "0x.lan", "7.hana.lan"])("%s is a name", text =>
    expect(isHost(text)).toBe(true),
  )
})

describe("loopback", () => {
  test.each([
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "0:0:0:0:0:0:0:1",
    "0000::0001",
    "::ffff:127.0.0.1",
    "::FFFF:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:7f00:0001",
    "localhost",
    "LocalHost",
    "localhost.",
    "evil.localhost",
  ])("%s", host => expect(isLoopback(host)).toBe(true))

  test.each([
    "128.0.0.1",
    "12.7.0.0",
    "127.evil.example",
    "127.0.0.1.evil.example",
    "::ffff:127.evil.example",
    "::2",
    "::ffff:192.168.1.20",
    "fd00::1",
    "localhost.evil.example",
    "notlocalhost",
    "0.0.0.0",
    "::",
    "",
  ])("not %s", host => expect(isLoopback(host)).toBe(false))
})

describe("a host that another Guardian names as its own", () => {
  test.each(["0.0.0.0", "0.1.2.3", "::", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0"])(
    "%s would be this machine",
    host => expect([isHost(host), isDestination(host)]).toEqual([true, false]),
  )

  test.each(["192.168.1.20", "fd00::1", "hana.lan", "127.0.0.1"])("%s", host =>
    expect(isDestination(host)).toBe(true),
  )
})

describe("an address that may be another machine's", () => {
  test.each([
    "169.253.255.255",
    "169.255.0.0",
    "192.0.2.7",
    "223.255.255.255",
    "240.0.0.1",
    "255.255.255.254",
    "1.0.0.0",
    "fe00::1",
    "fe7f:ffff::1",
    "fec0::1",
    "feff::1",
    "fd00::1",
    "::2",
  ])("%s", literal => expect(isReachable(literal)).toBe(true))

  test.each([
    "169.254.0.0",
    "169.254.255.255",
    "224.0.0.0",
    "239.255.255.255",
    "255.255.255.255",
    "0.0.0.0",
    "0.255.255.255",
    "::",
    "fe80::1",
    "febf:ffff::1",
    "ff00::1",
    "ffff::1",
    "::ffff:169.254.0.1",
  ])("not %s", literal => expect(isReachable(literal)).toBe(false))
})

test.each([
  ["itself", "192.0.2.7", "192.0.2.7", true],
  ["its neighbour", "192.0.2.7", "192.0.2.8", false],
  ["itself mapped into IPv6", "192.0.2.7", "::ffff:192.0.2.7", true],
  ["itself in another spelling", "fd00::1", "fd00:0:0:0:0:0:0:1", true],
  ["another of its network", "fd00::1", "fd00::2", false],
  ["one of the other kind", "fd00::1", "192.0.2.7", false],
] as const)("the same host: %s", (_, a, b, want) => expect(isSameHost(a, b)).toBe(want))

test("a host of 253 signs may be named, and no longer one", () => {
  const longest = `${"a.".repeat(126)}a`
  expect(v.is(hostSchema, longest)).toBe(true)
  // With the final dot that a name may have.
  expect(v.is(hostSchema, `${longest}.`)).toBe(false)
})

describe("a Host header", () => {
  const own = ["hana.lan", "hana.example"]

  test.each([
    ["the address listened on", "127.0.0.1:9876", true],
    ["without a port", "192.168.1.20", true],
    ["IPv6", "[::1]:9876", true],
    ["localhost in any case", "LocalHost:9876", true],
    ["a name the owner configured", "hana.lan:9876", true],
    ["that name in upper case", "HANA.LAN", true],
    ["rebinding: a name that points here", "evil.example:9876", false],
    ["rebinding: an address within a name", "127.0.0.1.nip.io:9876", false],
    ["rebinding: a name below localhost", "evil.localhost", false],
    ["rebinding: a name below the owner's", "evil.hana.lan", false],
    ["rebinding: a name that ends like the owner's", "evilhana.lan", false],
    ["rebinding: a final dot", "evil.example.", false],
    ["a number that a browser reads as 127.0.0.1", "2130706433", false],
    ["a user before it", "localhost@evil.example", false],
    ["two hosts", "localhost, evil.example", false],
    ["none", "", false],
  ])("%s: %s", (_, header, want) => expect(isAllowedHost(header, own)).toBe(want))

  test("no name is allowed where none is configured", () => {
    expect(isAllowedHost("hana.lan", [])).toBe(false)
  })
})

test.each([
  ["127.0.0.1", "127.0.0.1:9876"],
  ["hana.lan", "hana.lan:9876"],
  ["fd00::1", "[fd00::1]:9876"],
])("%s is written %s", (host, want) => {
  expect(formatAddress(host, 9876)).toBe(want)
  expect(readAddress(want)).toEqual({ host, port: 9876 })
})

test.each([
  ["an address stays itself", "127.0.0.1", "127.0.0.1", true],
  ["a name leads elsewhere", "kai.example", "192.0.2.7", true],
  ["a name leads to this machine", "kai.example", "127.0.0.1", false],
  ["to another address of it", "kai.example", "127.0.1.1", false],
  ["to it by IPv6", "kai.example", "::1", false],
  ["to it by an address that is none", "kai.example", "0.0.0.0", false],
  ["to it mapped into IPv6", "kai.example", "::ffff:127.0.0.1", false],
  ["a name leads no further than this link", "kai.example", "169.254.0.8", false],
  ["to it by IPv6", "kai.example", "fe80::8", false],
  ["to many at once", "kai.example", "224.0.0.251", false],
  ["a link-local address that is said as such stays itself", "169.254.0.8", "169.254.0.8", true],
  ["localhost leads to this machine", "localhost", "::1", true],
  ["localhost leads elsewhere", "kai.localhost", "192.0.2.7", false],
] as const)("sides of loopback: %s", (_, host, literal, want) =>
  expect(keepsItsSide(host, literal)).toBe(want),
)
