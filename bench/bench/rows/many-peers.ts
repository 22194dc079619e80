/** What a Guardian's peers cost it, who say nothing: as it starts, and for each message of one of them. */
import { connect } from "node:net"
import { join } from "node:path"
import { messageBody, post, signSealed } from "../../../test/support/client.ts"
import { letAnHourGoBy, noteCalls } from "../books.ts"
import { runTimeOf } from "../proc.ts"
import { type Figure, type Row, ratioAtMost, type Take } from "../row.ts"
import { type Home, type Stage, until } from "../stage.ts"

const counts = [100, 10_000] as const

const figures = (limit: number): readonly Figure[] => [
  { name: "wall", unit: "ms", bar: ratioAtMost(limit) },
  { name: "cpu", unit: "ms", bar: ratioAtMost(limit) },
]

/** From its start until it answers at its door. */
export const startsWithMany: readonly Row[] = counts.map(count => ({
  name: `start-${count}`,
  reference: "the same with 1 peer",
  figures: figures(1.5),
  turns: 15,
  measure: {
    sento: (stage, binary) => starting(stage, binary, stage.amount(count, 2)),
    reference: (stage, binary) => starting(stage, binary, 1),
  },
}))

/** As many as a pair may send in a minute. */
const messages = 10

export const acceptsWithMany: readonly Row[] = counts.map(count => ({
  name: `accepting-${count}`,
  reference: "the same with 1 peer",
  figures: figures(1.1),
  turns: 120,
  measure: {
    sento: (stage, binary) => accepting(stage, binary, stage.amount(count, 2)),
    reference: (stage, binary) => accepting(stage, binary, 1),
  },
}))

async function starting(stage: Stage, binary: string, peers: number): Promise<Take> {
  const home = await openHome(stage, peers)
  return async () => {
    const startedAt = performance.now()
    const child = stage.start([binary, "guard", "--foreground"], { home })
    await until("the Guardian", () => asksDoor(home), 1)
    const sample = { wall: performance.now() - startedAt, cpu: runTimeOf(child.pid) }
    child.kill("SIGTERM")
    await child.exited
    return sample
  }
}

async function accepting(stage: Stage, binary: string, peers: number): Promise<Take> {
  const home = await openHome(stage, peers)
  const first = await stage.guardian(binary, home)
  await first.stop()
  noteCalls(home, first.port)
  const { port, pid } = await stage.guardian(binary, home)
  const pair = home.pairs.at(-1)
  if (pair === undefined) throw new Error("no peer")
  return async () => {
    letAnHourGoBy(home)
    const requests = Array.from({ length: messages }, () => signSealed(pair, messageBody(Date.now())))
    const before = runTimeOf(pid)
    const startedAt = performance.now()
    for (const request of requests) {
      const { status } = await post(port, request)
      if (status !== 202) throw new Error(`a message was answered with ${status}`)
    }
    const wall = (performance.now() - startedAt) / messages
    const cpu = (runTimeOf(pid) - before) / messages
    letAnHourGoBy(home)
    await until("the last to be typed", () => isQuiet(stage, binary, home))
    return { wall, cpu }
  }
}

async function openHome(stage: Stage, peers: number): Promise<Home> {
  const home = stage.home(peers)
  await stage.tmux("new-session", "-d", "-s", home.session, "-x", "100", "-y", "30", "exec cat")
  return home
}

async function isQuiet(stage: Stage, binary: string, home: Home): Promise<true | null> {
  const { stdout } = await stage.run([binary, "guard", "status", "--json"], { home })
  return (JSON.parse(stdout) as { waiting: { inbox: number } }).waiting.inbox === 0 ? true : null
}

/** Whether somebody answers; null where not. */
function asksDoor({ path }: Home): Promise<true | null> {
  const { promise, resolve } = Promise.withResolvers<true | null>()
  const socket = connect(join(path, ".sento/agent.sock"), () => socket.write('{"op":"alive"}\n'))
  socket.on("data", () => resolve(true))
  socket.on("error", () => resolve(null))
  socket.on("close", () => resolve(null))
  return promise.finally(() => socket.destroy())
}
