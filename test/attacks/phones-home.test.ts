/** Nothing phones home: what a day's commands send beyond this machine, and that the watch would see it. */
import { expect, test } from "bun:test"
import { canUnshare, runInside } from "../support/namespace.ts"

/** A wire that ends in the same namespace, and a way out over it for every address there is. */
const wire = [
  "link set lo up",
  "link add out type veth peer name far",
  "link set far up",
  "addr add 192.0.2.77/24 dev out",
  "link set out up",
  "route add default via 192.0.2.254",
  "neigh add 192.0.2.254 lladdr 02:00:00:00:00:01 dev out",
]

test.skipIf(!canUnshare || Bun.which("nft") === null)(
  "a day's commands send nothing beyond this machine but mDNS, for a code that came without an address",
  async () => {
    const { ran, day, control } = (await runInside(wire, "attacks/inside/day.ts")) as Record<string, string[]>
    expect(day?.filter(one => !/^(?:224\.0\.0\.251|ff02::fb) udp 5353$/.test(one))).toEqual([])
    expect(day).toContain("224.0.0.251 udp 5353")
    expect(control).toEqual(["192.0.2.1 udp 53", "192.0.2.2 tcp 80"])
    // They did what they are for; these say that something is not there, or not as it should be.
    const failed = ran?.filter(one => !one.endsWith(": 0"))
    expect(failed?.sort()).toEqual(["deny zzzz: 77", "doctor kai: 1", "pair SENTO-ZZZZ: 69", "send kai: 124"])
    expect(ran?.length).toBeGreaterThan(25)
  },
)
