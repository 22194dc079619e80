/** How fast a Guardian takes messages of many pairs, each on disk before it is answered. */
import { join } from "node:path"
import { messageBody, signSealed, spell } from "../../../test/support/client.ts"
import { cpuOf } from "../proc.ts"
import { type Row, ratioAtLeast, type Take } from "../row.ts"
import type { Child, Home, Listening, Stage } from "../stage.ts"

/** One message of each in a turn: what a pair may send in a minute is limited. */
const pairs = 10_000
const connections = 32
/** As many as for a flood: one process would keep in step with the server. */
const processes = 4
const text = "which of them are due before Friday, because Blair asked? ".repeat(5)

export const accepted: Row = {
  name: "accepted",
  reference: "bare Bun.serve, grouped commits",
  figures: [
    { name: "accepted", unit: "a second", bar: ratioAtLeast(0.6) },
    { name: "cpu", unit: "µs each", bar: null },
  ],
  turns: 7,
  measure: {
    sento: async (stage, binary) => {
      const home = stage.home(stage.amount(pairs, processes))
      await stage.tmux("new-session", "-d", "-s", home.session, "-x", "100", "-y", "30", "exec cat")
      return taking(stage, await stage.guardian(binary, home), home)
    },
    // It reads nothing of them, so that anybody's will do.
    reference: async stage =>
      taking(stage, await stage.server(true), stage.home(stage.amount(pairs, processes))),
  },
}

function taking(stage: Stage, { port, pid }: Listening, { pairs }: Home): Take {
  return async () => {
    const requests = pairs.map(pair => {
      const request = spell(port, signSealed(pair, messageBody(Date.now(), { text })))
      const length = Buffer.alloc(4)
      length.writeUInt32LE(request.length)
      return Buffer.concat([length, request])
    })
    const clients = Array.from({ length: processes }, (_, n) =>
      openClient(stage, port, Buffer.concat(requests.filter((_, i) => i % processes === n))),
    )
    const ready = await Promise.all(clients)
    const before = cpuOf(pid)
    for (const { child } of ready) child.kill("SIGUSR1")
    const milliseconds = await Promise.all(ready.map(({ took }) => took()))
    const cpu = (cpuOf(pid) - before) * 1000
    return {
      accepted: requests.length / (Math.max(...milliseconds) / 1000),
      cpu: cpu / requests.length,
    }
  }
}

async function openClient(
  stage: Stage,
  port: number,
  input: Uint8Array,
): Promise<{ readonly child: Child; readonly took: () => Promise<number> }> {
  const load = join(import.meta.dir, "../post-all.ts")
  const child = stage.start([process.execPath, load, String(port), String(connections / processes)], {
    input,
  })
  const words = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  const next = async (): Promise<string> => {
    const { value } = await words.read()
    if (value === undefined) throw new Error(`a client ended: ${await new Response(child.stderr).text()}`)
    return value
  }
  await next()
  return { child, took: async () => Number(await next()) }
}
