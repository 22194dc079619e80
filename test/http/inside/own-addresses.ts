/** What this machine's addresses are, and which leads where, without a default route and with one, as JSON. */
import { readFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { ownAddresses, ownAddressTowards } from "../../../src/http/own-addresses.ts"

const places = ["198.51.100.20", "203.0.113.20", "192.0.2.1", "2001:db8::1", "127.0.0.1", "mira.example"]
async function look() {
  const towards = await Promise.all(places.map(async place => [place, await ownAddressTowards(place, 9876)]))
  const own = ownAddresses().map(({ address, interfaceName }) => `${address} ${interfaceName}`)
  return { own, towards: Object.fromEntries(towards) }
}

// A link that was just set up runs a moment later.
const deadline = performance.now() + 60_000
while (!("v0" in networkInterfaces() && "v1" in networkInterfaces()) && performance.now() < deadline)
  await Bun.sleep(5)
const before = await look()
Bun.spawnSync(["ip", "route", "add", "default", "via", "198.51.100.1"])
const after = await look()
const [, , , , sent] = (/^Udp: \d.*$/m.exec(readFileSync("/proc/net/snmp", "utf8"))?.[0] ?? "").split(" ")
process.stdout.write(JSON.stringify({ before, after, sent }))
process.exit()
