/**
 * A tmux server that is none: whoever connects as a client is told to send a file, to write one, and to run a program,
 * as a real server may tell any client (tmux 3.3a: client.c, file.c and tmux-protocol.h, protocol version 8).
 * Run by itself: `SOCKET READ WRITE RUN HEARD`.
 */
import { appendFileSync, chmodSync } from "node:fs"

/** Message types of tmux-protocol.h. */
const type = {
  environ: 105,
  command: 200,
  shell: 209,
  readOpen: 300,
  read: 301,
  readDone: 302,
  writeOpen: 303,
  write: 304,
} as const
const protocolVersion = 8
const headerBytes = 16
/** O_WRONLY, O_CREAT and O_TRUNC of Linux. */
const writeFlags = 0o1 | 0o100 | 0o1000

/** An imsg of OpenBSD, as tmux has it: type, length, flags, the version in place of a peer's id, pid. */
function message(kind: number, data: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32LE(kind, 0)
  header.writeUInt16LE(headerBytes + data.length, 4)
  header.writeUInt32LE(protocolVersion, 8)
  return Buffer.concat([header, data])
}

const text = (path: string): Buffer => Buffer.from(`${path}\0`)

/** As structs of C: 32-bit numbers. */
const numbers = (...values: number[]): Buffer => Buffer.from(new Int32Array(values).buffer)

type Lures = {
  /** A file that the client is to send. */
  readonly read: string
  /** One that it is to write. */
  readonly write: string
  /** A program that it is to run, once it has sent the file. */
  readonly run: string
  /** Gets a line for each client, its environment, and what it sends. */
  readonly heard: string
}

/** Has each client do all of it, with its first command. */
export function serveFalseTmux(socket: string, { read, write, run, heard }: Lures): void {
  const stream = 3
  // A stream that is no standard one, and a file descriptor that is none: the client opens the path.
  const files = [
    message(type.writeOpen, Buffer.concat([numbers(stream, -1, writeFlags), text(write)])),
    message(type.write, Buffer.concat([numbers(stream), Buffer.from("written\n")])),
    message(type.readOpen, Buffer.concat([numbers(stream + 1, -1), text(read)])),
  ]
  Bun.listen<{ rest: Buffer }>({
    unix: socket,
    socket: {
      open(client) {
        client.data = { rest: Buffer.alloc(0) }
        appendFileSync(heard, "connected\n")
      },
      data(client, chunk) {
        client.data.rest = Buffer.concat([client.data.rest, chunk])
        for (;;) {
          const { rest } = client.data
          const length = rest.length < headerBytes ? 0 : rest.readUInt16LE(4)
          if (length < headerBytes || rest.length < length) return
          client.data.rest = rest.subarray(length)
          const kind = rest.readUInt32LE(0)
          const data = rest.subarray(headerBytes, length)
          if (kind === type.environ) appendFileSync(heard, `${data.toString().replaceAll("\0", "")}\n`)
          if (kind === type.command) for (const one of files) client.write(one)
          if (kind === type.read) appendFileSync(heard, data.subarray(4))
          if (kind === type.readDone) client.write(message(type.shell, text(run)))
        }
      },
    },
  })
  chmodSync(socket, 0o777)
}

if (import.meta.main) {
  const [socket = "", read = "", write = "", run = "", heard = ""] = process.argv.slice(2)
  serveFalseTmux(socket, { read, write, run, heard })
}
