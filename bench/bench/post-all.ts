/**
 * What many peers send, as a process of its own: `post-all.ts PORT CONNECTIONS`, requests on stdin, each behind its
 * length (32 bits, little-endian). Prints `ready` once all is read and connected, and begins at SIGUSR1; each connection
 * sends the next one as soon as the last is answered. Prints how many milliseconds all of them took.
 */
const [port = 0, connections = 0] = process.argv.slice(2).map(Number)
const requests = split(Buffer.from(await Bun.stdin.arrayBuffer()))
let sent = 0
let answered = 0

function split(bytes: Buffer): readonly Buffer[] {
  const all: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at)
    all.push(bytes.subarray(at + 4, end))
    at = end
  }
  return all
}

function fail(what: string): never {
  console.error(what)
  process.exit(1)
}

/** Whether an answer is all there. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf("\r\n\r\n")
  if (end < 0) return false
  if (!answer.startsWith("HTTP/1.1 202")) fail(`not accepted: ${answer}`)
  const length = Number(/^content-length: (\d+)/im.exec(answer)?.[1] ?? 0)
  return answer.length >= end + 4 + length
}

type Client = Bun.Socket<{ received: string }>

function sendNext(socket: Client): void {
  const next = requests[sent]
  if (next === undefined) return
  sent += 1
  socket.write(next)
}

function take(socket: Client, chunk: Buffer): void {
  socket.data.received += chunk.toString("latin1")
  if (!isWhole(socket.data.received)) return
  socket.data.received = ""
  answered += 1
  if (answered < requests.length) sendNext(socket)
  else end()
}

function end(): never {
  console.log(performance.now() - startedAt)
  process.exit(0)
}

const sockets = await Promise.all(
  Array.from({ length: connections }, () =>
    Bun.connect<{ received: string }>({
      hostname: "127.0.0.1",
      port,
      data: { received: "" },
      socket: { data: take, close: () => fail("a connection was cut") },
    }),
  ),
)
let startedAt = 0
process.on("SIGUSR1", () => {
  startedAt = performance.now()
  sockets.forEach(sendNext)
})
console.log("ready")

export {}
