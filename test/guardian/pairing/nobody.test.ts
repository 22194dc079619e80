/** What is told where nobody with an open code answers: each cause has its own text, and one thing to do. */
import { describe, expect, test } from "bun:test"
import {
  type Miss,
  nobodyAt,
  nobodyHere,
  nobodyThere,
  ownIsNone,
} from "../../../src/guardian/pairing/nobody.ts"

const miss = (cause: Miss["cause"], port = 9876, host = "192.0.2.7"): Miss => ({
  place: { host, port },
  cause,
  reason: `the reason of ${cause}`,
})

describe("of a place that was named", () => {
  test.each<readonly [Miss["cause"], string, string]>([
    ["own", "192.0.2.7:9876 is this agent itself", "on the other machine"],
    ["no-code", "the Guardian at 192.0.2.7:9876 has no open code", "run `sento pair` again"],
    ["refused", "nothing listens on 192.0.2.7:9876", "lets in no other machine"],
    ["timed-out", "192.0.2.7:9876 does not answer", "let TCP port 9876 in at the other machine's firewall"],
    ["unroutable", "the reason of unroutable", "bring up the network or VPN"],
    ["unresolved", "the reason of unresolved", "check its spelling"],
    ["stranger", "what answers at 192.0.2.7:9876 is no Guardian", "the line that their `sento pair` prints"],
    ["failed", "what answers at 192.0.2.7:9876 is no Guardian", "the line that their `sento pair` prints"],
  ])("%s", (cause, message, hint) => {
    const error = nobodyAt("192.0.2.7", 9876, [miss(cause)])
    expect([error.code, error.message]).toEqual(["unreachable", message])
    expect(error.hint).toContain(hint)
  })

  test("of this machine nothing is said of other machines", () => {
    const error = nobodyAt("127.0.0.1", 9877, [miss("refused", 9877, "127.0.0.1")])
    expect(error.hint).toBe("ask the other owner to run `sento pair`, and for the line that it prints")
  })

  test("without a port the range is named", () => {
    const { message } = nobodyAt("192.0.2.7", null, [miss("refused")])
    expect(message).toBe("nothing listens on 192.0.2.7, port 9876 to 9975")
    expect(nobodyAt("192.0.2.7", null, [miss("timed-out")]).hint).toContain("TCP port 9876")
  })

  test("of many what says most: a Guardian first, and a first port that is swallowed before others that are shut", () => {
    const said = (...causes: Miss[]) => nobodyAt("192.0.2.7", null, causes).message
    expect(said(miss("refused"), miss("no-code", 9880), miss("own", 9881))).toContain("has no open code")
    expect(said(miss("refused"), miss("own", 9881))).toContain("is this agent itself")
    expect(said(miss("refused", 9877), miss("timed-out"))).toContain("does not answer")
    expect(said(miss("refused"), miss("timed-out", 9877))).toContain("nothing listens")
    expect(said(miss("failed"), miss("stranger", 9877), miss("timed-out", 9878))).toContain("does not answer")
    expect(said(miss("timed-out", 9877), miss("unroutable", 9878))).toContain("the reason of unroutable")
    expect(said(miss("timed-out"), miss("no-code", 9878))).toContain("has no open code")
  })

  test("where nothing was asked, and for an agent always, nothing of what is there", () => {
    const words = ["unreachable", "no agent with an open code answers on 192.0.2.7:9876"] as const
    for (const error of [nobodyAt("192.0.2.7", 9876, []), nobodyThere("192.0.2.7", 9876)])
      expect([error.code, error.message]).toEqual([...words])
    expect(nobodyThere("192.0.2.7", null).message).toEndWith("answers on 192.0.2.7")
  })
})

test("of a bare code it is said where was asked", () => {
  expect(nobodyHere("127.0.0.1", []).message).toBe("no agent with an open code answers on 127.0.0.1")
  expect(nobodyHere("127.0.0.1", ["eth0", "wlan0"]).message).toBe(
    "no agent with an open code answers on 127.0.0.1 or on the network of eth0, wlan0",
  )
})

test("a Guardian that has no code is this one, where the place is one of ours and the port too", () => {
  const own = [{ address: "192.0.2.7" }]
  const causes = (...misses: Miss[]) => ownIsNone(misses, 9876, own).map(one => one.cause)
  expect(
    causes(
      miss("no-code"),
      miss("no-code", 9876, "127.0.0.1"),
      miss("no-code", 9877),
      miss("no-code", 9876, "192.0.2.8"),
      miss("refused"),
    ),
  ).toEqual(["own", "own", "no-code", "no-code", "refused"])
})

test.each([
  ["192.168.7.9", ["192.168.8.1"], true],
  ["192.168.7.9", ["10.0.0.1", "192.168.7.1"], false],
  ["192.0.2.7", ["192.168.8.1"], false],
  ["kai.example", ["192.168.8.1"], false],
])("%s from a machine with %p is in a private network elsewhere: %p", (host, addresses, isElsewhere) => {
  const own = addresses.map(address => ({ address }))
  const { hint } = nobodyAt(host, 9876, [miss("timed-out", 9876, host)], own)
  expect(hint?.includes("an address within a private network")).toBe(isElsewhere)
})
