/** `mdns-ear.ts ADDRESS SPEAKER`: prints what another address announces on the network of this one, and when. */
import { createSocket } from "node:dgram"
import { decode } from "dns-packet"

const group = "224.0.0.251"
const [address = "", speaker] = process.argv.slice(2)
const socket = createSocket({ type: "udp4", reuseAddr: true })
socket.on("message", (bytes, { address: from }) => {
  if (from !== speaker) return
  const { answers = [] } = decode(bytes)
  const texts = bytes.toString("latin1")
  for (const answer of answers)
    if (answer.type === "SRV")
      process.stdout.write(
        `${JSON.stringify({ port: answer.data.port, seconds: answer.ttl, at: performance.now(), texts })}\n`,
      )
})
await new Promise<void>(resolve => socket.bind(5353, group, resolve))
socket.addMembership(group, address)
process.stdout.write("{}\n")
