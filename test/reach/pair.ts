/** Two agents on the two sides of a network, paired as their owners would; and what went between them. */
import type { LogEntry } from "../../src/guardian/door/results.ts"
import { finished, jsonLines, until, type World } from "../support/world.ts"
import type { Network } from "./network.ts"

/** mira is on the outer side, and lets others in; kai is behind the router, with every default. */
export async function openPair(network: Network): Promise<void> {
  await openAgent(network.outer, "mira", ["--listen", "all"])
  await openAgent(network.inner, "kai", [])
  const minting = jsonLines(network.outer.start("mira", ["pair", "--json"]))
  const target = await until("the code", () => minting.lines[0]?.address as string)
  const joining = network.inner.start("kai", ["pair", target, "--json"])
  await until("approval", async () => {
    const [request] = await network.outer.ask("mira", "owner", { op: "requests" })
    return request && network.outer.ask("mira", "owner", { op: "approve", id: request.id })
  })
  const joined = await finished(joining)
  if (joined.exit !== 0) throw new Error(`kai did not join ${target}: ${joined.stderr}`)
}

async function openAgent(world: World, name: string, words: readonly string[]): Promise<void> {
  await world.session(name, ["cat"])
  const init = ["init", "--name", name, "--profile", "plain", "--tmux-socket", world.socket, ...words]
  const made = await world.sento(name, init)
  if (made.exit !== 0) throw new Error(made.stderr)
  await world.guard(name)
}

/** Sends without waiting for what becomes of it: what cannot go now is kept. */
export const say = (world: World, from: string, to: string, text: string): Promise<unknown> =>
  world.ask(from, "agent", { op: "send", to, text })

const has = async (world: World, name: string, text: string): Promise<boolean> =>
  (await world.log(name)).some(one => one.direction === "out" && one.text === text)

/** Texts that came in, the oldest first. */
export async function heard(world: World, name: string): Promise<string[]> {
  const entries: readonly LogEntry[] = await world.log(name)
  return entries.filter(one => one.direction === "in").map(one => one.text)
}

/** Numbered messages both ways, of which each must arrive once, in order. */
export function openTraffic({ inner, outer }: Network) {
  const sent = { kai: [] as string[], mira: [] as string[] }
  const kept: Promise<unknown>[] = []
  const got = { kai: () => heard(inner, "kai"), mira: () => heard(outer, "mira") }

  return {
    sent,
    got,
    /** One message each way, kept on both sides' disks when this resolves. */
    async say(): Promise<void> {
      const [one, other] = [`kai ${sent.kai.length + 1}`, `mira ${sent.mira.length + 1}`]
      sent.kai.push(one)
      sent.mira.push(other)
      // A Guardian that dies before the first word ends the call; the message is where it was.
      kept.push(say(inner, "kai", "mira", one).catch(() => null))
      kept.push(say(outer, "mira", "kai", other).catch(() => null))
      await until(
        "the messages to be kept",
        async () => (await has(inner, "kai", one)) && has(outer, "mira", other),
      )
    },
    /** Milliseconds until everything is there, which was asked `to` one of them or to both. */
    async arrives(to: readonly ("kai" | "mira")[], milliseconds?: number): Promise<number> {
      const began = performance.now()
      const wanted = { kai: sent.mira, mira: sent.kai }
      for (const name of to)
        await until(
          `what was sent to ${name}`,
          async () => (await got[name]()).length >= wanted[name].length,
          milliseconds,
        )
      return Math.round(performance.now() - began)
    },
    /** Every `send` has had its first word. */
    settled: (): Promise<unknown> => Promise.allSettled(kept),
  }
}
