/** Two Guardians that are paired, of which the second is dialled, or fetches because nobody can dial it. */
import { readFileSync } from "node:fs"
import { connect, createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { freePort } from "../../../test/support/ports.ts"
import { type Asked, askToSend } from "../../chaos/door.ts"
import { type Peer, readConfig, writeConfig } from "../books.ts"
import { type Home, type Listening, type Stage, until } from "../stage.ts"

export type Pairing = {
  /** Each may bring 10 messages a minute. */
  readonly pairs: number
  readonly isDialled: boolean
  /** Milliseconds from the one to the other and back. */
  readonly roundTrip: number
  /** Whether each has a pane in which what comes is typed; otherwise it waits. */
  readonly hasPanes: boolean
}

export type TwoGuardians = {
  /** Of the first. */
  readonly home: Home
  /** Whose messages are measured. */
  readonly holder: Listening
  /** To which they go. */
  readonly collector: Listening
  /** Connections to the holder so far. */
  readonly connections: () => number
  /** Sends from the holder to the collector, over the n-th pair, until that one has it. @returns milliseconds */
  send(pair: number): Promise<number>
}

/** Nothing listens there, so every attempt is refused at once (tcpmux is long gone). */
const closedPort = 1

export async function openTwo(stage: Stage, binary: string, options: Pairing): Promise<TwoGuardians> {
  const [holderHome, collectorHome] = [stage.home(options.pairs), stage.home()]
  const [holderPort, collectorPort] = [freePort(), freePort()]
  const toHolder = await openWire(holderPort, options.roundTrip)
  const toCollector = await openWire(collectorPort, options.roundTrip)
  edit(holderHome, holderPort, agents =>
    agents.map(([name, agent]) => [
      name,
      { ...agent, port: options.isDialled ? toCollector.port : closedPort },
    ]),
  )
  const mirrored = agentsOf(holderHome).map(
    ([name, agent]) =>
      [
        name,
        { ...agent, port: toHolder.port, sendKey: agent.receiveKey, receiveKey: agent.sendKey },
      ] as const,
  )
  edit(collectorHome, collectorPort, () => mirrored)
  if (options.hasPanes)
    for (const { session } of [holderHome, collectorHome])
      await stage.tmux("new-session", "-d", "-s", session, "-x", "100", "-y", "30", "exec cat")
  const holder = await stage.guardian(binary, holderHome)
  const collector = await stage.guardian(binary, collectorHome)
  for (let pair = 0; pair < options.pairs; pair += 1) {
    await say(holderHome, pair)
    // Where the holder could not bring its own, this one's answer says so.
    await say(collectorHome, pair)
  }
  await until("all to be there", () => isAllThere(stage, binary, holderHome)).catch((error: Error) => {
    const logs = [holderHome, collectorHome].map(({ path }) =>
      readFileSync(join(path, ".sento/guardian.log"), "utf8"),
    )
    throw new Error(`${error.message}\n${logs.join("\n")}`)
  })
  return {
    home: holderHome,
    holder,
    collector,
    connections: toHolder.connections,
    async send(pair) {
      const startedAt = performance.now()
      const asked = await say(holderHome, pair)
      const milliseconds = performance.now() - startedAt
      if (asked.kind !== "taken" || asked.status !== "accepted")
        throw new Error(`a message is ${JSON.stringify(asked)}`)
      return milliseconds
    },
  }
}

const say = ({ path }: Home, pair: number): Promise<Asked> =>
  askToSend(join(path, ".sento/agent.sock"), `peer${pair}`, "hello", Bun.randomUUIDv7())

async function isAllThere(stage: Stage, binary: string, home: Home): Promise<true | null> {
  const { stdout } = await stage.run([binary, "guard", "status", "--json"], { home })
  return (JSON.parse(stdout) as { waiting: { outbox: number } }).waiting.outbox === 0 ? true : null
}

type Agents = readonly (readonly [string, Peer])[]

const agentsOf = (home: Home): Agents => Object.entries(readConfig(home).agents)

function edit(home: Home, port: number, change: (agents: Agents) => Agents): void {
  const config = readConfig(home)
  config.listen.port = port
  config.agents = Object.fromEntries(change(Object.entries(config.agents)))
  writeConfig(home, config)
}

/** A wire to a port of this machine, as long as a round trip says; what opens a connection pays for its handshake. */
async function openWire(
  target: number,
  roundTrip: number,
): Promise<{ readonly port: number; readonly connections: () => number }> {
  let connections = 0
  const server: Server = createServer(near => {
    connections += 1
    const far = connect(target, "127.0.0.1")
    let isFirst = true
    near.on("data", (chunk: Buffer) => {
      later(far, chunk, isFirst ? roundTrip * 1.5 : roundTrip / 2)
      isFirst = false
    })
    far.on("data", (chunk: Buffer) => later(near, chunk, roundTrip / 2))
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("end", () => setTimeout(() => other.end(), roundTrip * 2))
      one.on("error", () => other.destroy())
      one.on("close", () => setTimeout(() => other.destroy(), roundTrip * 2))
    }
  })
  // Whoever measures ends without it.
  server.unref()
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
  return { port: (server.address() as { port: number }).port, connections: () => connections }
}

function later(to: Socket, chunk: Buffer, milliseconds: number): void {
  if (milliseconds === 0) to.write(chunk)
  else setTimeout(() => to.write(chunk), milliseconds)
}
