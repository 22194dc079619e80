/**
 * The flood, as a process of its own: `load.ts PORT CONNECTIONS SHAPE`, the request's bytes on stdin. Every connection
 * sends it again as soon as it was answered (`asking`), sends the shortest one over and over and reads nothing (`pipelining`), or
 * says nothing (`silent`); one that is cut is opened again. A line goes to stdout every second: how many answers,
 * and of the other two shapes how many cuts.
 */
import { connect, type Socket } from "node:net"

const [port = "0", connections = "64", shape = "asking"] = process.argv.slice(2)
const request = new Uint8Array(await Bun.stdin.arrayBuffer())
let answers = 0

/** The shortest requests: so the most of them are handled at one go. */
const pipelined = shape === "pipelining" ? "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(30_000) : null

/** Of node:net, which tells of the end of a connection that is paused; `Bun.connect` does not (Bun 1.4.5). */
function openDeaf(): void {
  const push = (): void => {
    if (pipelined !== null) socket.write(pipelined)
  }
  const socket: Socket = connect(Number(port), "127.0.0.1", push)
  if (pipelined !== null) socket.pause()
  socket.on("drain", push)
  socket.on("error", () => {})
  socket.on("close", () => {
    answers += 1
    openDeaf()
  })
}

/** The one answer has no body, so an empty line ends it; a bare server's has a length of 0. */
function open(): void {
  let tail = ""
  void Bun.connect({
    hostname: "127.0.0.1",
    port: Number(port),
    socket: {
      open: socket => void socket.write(request),
      data(socket, chunk) {
        tail = (tail + chunk.toString("latin1")).slice(-4)
        if (tail !== "\r\n\r\n") return
        answers += 1
        tail = ""
        socket.write(request)
      },
      close: open,
      error() {},
      connectError: () => void setTimeout(open, 10),
    },
  }).catch(() => {})
}

const start = shape === "asking" ? open : openDeaf
for (let i = 0; i < Number(connections); i += 1) start()
setInterval(() => process.stdout.write(`${answers}\n`), 1000)
