/** A peer that comes back: what waits there is fetched as soon as anything shows that it is there. */
import { expect, test } from "bun:test"
import { callDoor } from "../../../src/guardian/door/client.ts"
import { newPair } from "../../support/client.ts"
import { openGuardian, sendFrom, type TestGuardian } from "../../support/guardian.ts"
import { until } from "../../support/world.ts"

const incoming = async ({ paths }: TestGuardian): Promise<string[]> =>
  (await callDoor(paths, "agent", { op: "log", limit: 1000 }))
    .filter(one => one.direction === "in")
    .map(one => one.text)

/** The way from kai to mira: while it is cut, whatever comes is hung up on. */
function openWay(port: number) {
  const state = { isCut: false, refused: 0 }
  const open = new Set<Bun.Socket<{ other: Bun.Socket | null; early: Buffer[] }>>()
  const server = Bun.listen<{ other: Bun.Socket | null; early: Buffer[] }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { other: null, early: [] }
        if (state.isCut) {
          state.refused += 1
          socket.end()
          return
        }
        open.add(socket)
        void Bun.connect({
          hostname: "127.0.0.1",
          port,
          socket: {
            open(other) {
              socket.data.other = other
              for (const bytes of socket.data.early) other.write(bytes)
            },
            data: (_, bytes) => void socket.write(bytes),
            close: () => void socket.end(),
          },
        })
      },
      data({ data }, bytes) {
        if (data.other === null) data.early.push(Buffer.from(bytes))
        else data.other.write(bytes)
      },
      close(socket) {
        open.delete(socket)
        socket.data.other?.end()
      },
    },
  })
  return {
    state,
    port: server.port,
    cut(): void {
      state.isCut = true
      for (const socket of open) socket.terminate()
    },
    [Symbol.dispose]: () => server.stop(true),
  }
}

test("an answer to anything ends the rest of a collector whose collects failed", async () => {
  const pair = newPair()
  await using mira = await openGuardian({ kai: { pair, fixed: true } })
  using way = openWay(mira.port)
  const toMira = { pair: { ...pair, send: pair.receive, receive: pair.send }, port: way.port, fixed: true }
  await using kai = await openGuardian({ mira: toMira }, [], { name: "kai" })
  await sendFrom(mira.paths, "kai", "one")
  await sendFrom(kai.paths, "mira", "here")
  await until("the first to be fetched", async () => (await incoming(kai)).length === 1)
  way.cut()
  // Rests of at least 0.5, 1, 2 and 4 s, then of 8 s and more.
  await until("collects that failed", () => way.state.refused >= 5)
  // It waits for the next collect, and so for its first word.
  const two = sendFrom(mira.paths, "kai", "two")
  way.state.isCut = false
  await sendFrom(kai.paths, "mira", "here again")
  await until("the second", async () => (await incoming(kai)).length === 2, 7000)
  expect((await two).status).toBe("accepted")
}, 120_000)
