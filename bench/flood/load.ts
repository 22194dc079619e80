/**
 * The flood, as a process of its own: `load.ts PORT CONNECTIONS`, the request's bytes on stdin. Every connection
 * sends it again as soon as it was answered; a line with the number of answers goes to stdout every second.
 */
const [port = "0", connections = "64"] = process.argv.slice(2)
const request = new Uint8Array(await Bun.stdin.arrayBuffer())
let answers = 0

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

for (let i = 0; i < Number(connections); i += 1) open()
setInterval(() => process.stdout.write(`${answers}\n`), 1000)

export {}
