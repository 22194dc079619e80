/** A listener, one of whose addresses comes after the start, goes and comes again; what happened, as JSON. */
import { post } from "../../../src/http/client.ts"
import { type Listener, listen } from "../../../src/http/listener.ts"
import type { HostFault } from "../../../src/http/places.ts"

const late = "198.51.100.7"
const events: unknown[] = []
const opened = Promise.withResolvers<void>()
const listener: Listener = listen({
  hosts: ["127.0.0.1", late],
  preferredPort: 0,
  names: [],
  handlers: { "/v1/messages": () => new Response("here") },
  retryMilliseconds: 20,
  onHost(host: string, fault: HostFault | null) {
    events.push([host, fault])
    if (fault === null) opened.resolve()
  },
  onRefused: reason => events.push(reason),
  onError: error => events.push(String(error)),
})
const ip = (words: string): unknown => Bun.spawnSync(["ip", ...words.split(" ")])
async function ask(host: string): Promise<void> {
  const headers = { "Content-Type": "application/json" }
  const options = { headers, body: new Uint8Array([1]), timeoutMilliseconds: 60_000 }
  const answer = await post(host, listener.port, "/v1/messages", options)
  events.push([host, answer.kind === "answered" ? answer.status : answer.kind])
}
const show = (): unknown => events.push(listener.open())

show()
await ask("127.0.0.1")
await ask(late)
ip(`address add ${late}/24 dev lo`)
await opened.promise
show()
await ask(late)
ip(`address del ${late}/24 dev lo`)
await ask(late)
ip(`address add ${late}/24 dev lo`)
await ask(late)
process.stdout.write(JSON.stringify(events))
process.exit()
