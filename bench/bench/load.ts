/**
 * A flood, as a process of its own: `load.ts PORT CONNECTIONS SECONDS`, a request's bytes on stdin. Each connection
 * sends it again as soon as it is refused. Prints `{perSecond, answers}` when the time is over.
 */
const [port = 0, connections = 0, seconds = 0] = process.argv.slice(2).map(Number)
const request = new Uint8Array(await Bun.stdin.arrayBuffer())
let answers = 0

function fail(what: string): never {
  console.error(what)
  process.exit(1)
}

/** An answer that refuses has no body, so it ends with an empty line; none is longer than a chunk. */
function count(chunk: Buffer): void {
  if (!chunk.subarray(0, 12).equals(Buffer.from("HTTP/1.1 403")) || !chunk.subarray(-4).equals(crlfcrlf))
    fail(`not refused: ${chunk.toString("latin1")}`)
  answers += 1
}

const crlfcrlf = Buffer.from("\r\n\r\n")
const opened = Array.from({ length: connections }, () =>
  Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(socket, chunk) {
        count(chunk)
        socket.write(request)
      },
      close: () => fail("a connection was cut"),
    },
  }),
)
const sockets = await Promise.all(opened)
const startedAt = performance.now()
for (const socket of sockets) socket.write(request)
setTimeout(tell, seconds * 1000)

function tell(): void {
  // Of none nothing can be said: on a busy machine the first one takes its time.
  if (answers === 0) return void setTimeout(tell, 10)
  const perSecond = answers / ((performance.now() - startedAt) / 1000)
  console.log(JSON.stringify({ perSecond, answers }))
  process.exit(0)
}

export {}
