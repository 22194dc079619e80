/** `mdns-say.ts ADDRESS`: says what stands on stdin from an address of this machine, over and over until it is ended. */
import { createSocket } from "node:dgram"
import { text } from "node:stream/consumers"

const group = "224.0.0.251"
const [address = ""] = process.argv.slice(2)
const { packets, milliseconds, from } = JSON.parse(await text(process.stdin)) as {
  readonly packets: readonly string[]
  readonly milliseconds: number
  readonly from: number
}
const socket = createSocket({ type: "udp4", reuseAddr: true })
await new Promise<void>(resolve => socket.bind(from, "0.0.0.0", resolve))
socket.setMulticastInterface(address)
const say = (): void => {
  for (const packet of packets) socket.send(Buffer.from(packet, "base64"), 5353, group)
}
say()
setInterval(say, milliseconds)
process.stdout.write("{}\n")
