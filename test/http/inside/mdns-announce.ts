/** `mdns-announce.ts PORT`: announces a minter on each network of this machine until its stdin ends. */
import { text } from "node:stream/consumers"
import { announce } from "../../../src/http/mdns.ts"
import { localNetworks } from "../../../src/http/mdns-networks.ts"

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))
const elapsed = (): number => performance.now()
const options = { port: Number(process.argv[2]), random, elapsed }
const open = await Promise.all(localNetworks().map(network => announce({ ...options, network })))
process.stdout.write("{}\n")
await text(process.stdin)
await Promise.all(open.map(one => one.close()))
