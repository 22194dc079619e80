/** A port that somebody passes on, as `ssh -L` and a router do: the minter is where it was reached, not where it says. */

import { Database } from "bun:sqlite"
import { afterEach, expect, test } from "bun:test"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { createWorld, finished, jsonLines, setUpAgent, until, type World } from "../../support/world.ts"

let world: World
let forward: Server
afterEach(async () => {
  forward.close()
  await world.close()
})

/** A port of its own that leads to this one. */
async function forwardTo(port: number): Promise<number> {
  forward = createServer((near: Socket) => {
    const far = connect(port, "127.0.0.1")
    near.pipe(far).pipe(near)
    near.on("error", () => far.destroy())
    far.on("error", () => near.destroy())
  })
  await new Promise<void>(resolve => forward.listen(0, "127.0.0.1", resolve))
  return (forward.address() as AddressInfo).port
}

/** Where kai asks for the answer. */
function waitingPorts(): number[] {
  using database = new Database(join(world.home("kai"), ".sento/sento.db"), { readonly: true })
  return database
    .query<{ port: number }, []>("SELECT port FROM requests WHERE role = 'joiner'")
    .all()
    .map(one => one.port)
}

test("a code is joined, its answer heard and messages go both ways through a forwarded port", async () => {
  world = createWorld()
  const mira = await setUpAgent(world, "mira")
  await setUpAgent(world, "kai")
  const port = await forwardTo(mira.port)
  const minting = jsonLines(world.start("mira", ["pair", "--json"]))
  const code = await until("the code", () => minting.lines[0]?.code as string)
  const joining = world.start("kai", ["pair", `${code}@127.0.0.1:${port}`])
  // Here both ports lead to it; between machines the one that was passed on is the only one.
  await until("the wait for an answer", () => waitingPorts().length > 0)
  expect(waitingPorts()).toEqual([port])
  await until("approval", async () => {
    const [request] = await world.ask("mira", "owner", { op: "requests" })
    return request && world.ask("mira", "owner", { op: "approve", id: request.id })
  })
  const joined = await finished(joining)
  expect(joined.exit).toBe(0)
  expect(joined.stderr).toContain("Paired with mira.")
  await world.ask("kai", "agent", { op: "send", to: "mira", text: "to mira" })
  await world.ask("mira", "agent", { op: "send", to: "kai", text: "to kai" })
  await until("both", async () => {
    const texts = [...(await world.log("mira")), ...(await world.log("kai"))].filter(
      one => one.direction === "in",
    )
    return Bun.deepEquals(texts.map(one => one.text).toSorted(), ["to kai", "to mira"])
  })
}, 120_000)
