/** Asks for minters on the networks of this machine, and prints what was found and how long it took. */
import { search } from "../../../src/http/mdns.ts"
import { localNetworks } from "../../../src/http/mdns-networks.ts"

const startedAt = performance.now()
const { places, asked } = await search(localNetworks(), new AbortController().signal)
const interfaces = asked.map(one => `${one.interfaceName} ${one.address}/${one.prefix}`)
process.stdout.write(JSON.stringify({ places, interfaces, milliseconds: performance.now() - startedAt }))
