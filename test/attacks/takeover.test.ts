/** Whose name it is: neither a stranger nor a late yes gets what another pair, or a join that waits, is called. */
import { afterEach, describe, expect, test } from "bun:test"
import type { Approval, PairingEvent } from "../../src/guardian/door/results.ts"
import { requireConfig, updateConfig } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { askOwnerOf, questionsOf } from "../support/proving.ts"
import { createWorld, initAgent, until, type World } from "../support/world.ts"

let world: World
afterEach(async () => world?.close())

/** Mira, and two agents that both call themselves kai. Pairing needs no panes. */
async function openWorld(pin: string | null): Promise<void> {
  world = createWorld()
  for (const home of ["mira", "kai", "other"]) {
    initAgent(world, home)
    if (home === "other") updateConfig(pathsOf(world.home(home)), config => ({ ...config, name: "kai" }))
    await world.guard(home)
  }
  if (pin !== null) await world.ask("mira", "owner", { op: "pin", pin: null, next: pin })
}

type Joined = { readonly end: Promise<PairingEvent | null>; readonly id: string }

/** Mira's owner joins an agent by its code, and that agent's owner has not answered yet. */
async function joinWaits(minter: string, pin: string | null, wish: object = {}): Promise<Joined> {
  let code = ""
  await world.ask(minter, "agent", { op: "pair", wait: false }, event => {
    if (event.event === "code") code = event.code
  })
  const port = (await world.status(minter))?.port ?? 0
  const symbols = code.replace("SENTO-", "")
  const request = { op: "join", symbols, host: "127.0.0.1", port, pin, ...wish } as const
  const verified = Promise.withResolvers<void>()
  const end = world.ask("mira", "owner", request, event => {
    if (event.event === "verifier") verified.resolve()
  })
  await Promise.race([verified.promise, end])
  const [asked] = await until("the question", async () => {
    const all = await questionsOf(world, minter)
    return all.length > 0 ? all : null
  })
  return { end, id: asked?.id ?? "" }
}

const pairOf = (home: string, name: string): string | undefined =>
  requireConfig(pathsOf(world.home(home))).agents[name]?.id

const isReached = (home: string, name: string): boolean =>
  requireConfig(pathsOf(world.home(home))).agents[name]?.reached !== undefined

const refusal = (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
  work.then(
    () => Promise.reject(new Error("it was done")),
    error => error as { code: string; message: string },
  )

describe.each([
  ["without a PIN", null],
  ["with a PIN", "482 916"],
] as const)("%s", (_, pin) => {
  const approve = (id: string, wish: object = {}): Promise<Approval> =>
    world.ask("mira", "owner", { op: "approve", id, pin, ...wish })

  test("a stranger cannot be approved under the name of a join that waits, and the late yes takes nobody's", async () => {
    await openWorld(pin)
    const { end, id } = await joinWaits("kai", pin)
    const stranger = await askOwnerOf(world, "mira", "kai")
    const questions = await world.ask("mira", "agent", { op: "requests" })
    expect(questions).toMatchObject([{ taken: true }])
    expect(await refusal(approve(stranger))).toMatchObject({
      code: "usage",
      message: `the name "kai" is kept for a join that waits for the other owner's yes`,
    })
    expect(await approve(stranger, { as: "stranger" })).toMatchObject({ name: "stranger" })
    const strangers = pairOf("mira", "stranger")
    expect(
      await refusal(world.ask("mira", "owner", { op: "rename", from: "stranger", to: "kai" })),
    ).toMatchObject({ message: `the name "kai" is kept for a join that waits for the other owner's yes` })
    await world.ask("kai", "owner", { op: "approve", id })
    expect(await end).toMatchObject({ event: "paired", name: "kai" })
    expect(world.paired("mira").sort()).toEqual(["kai", "stranger"])
    expect(pairOf("mira", "stranger")).toBe(strangers as string)
    expect(pairOf("mira", "kai")).toBe(pairOf("kai", "mira") as string)
  }, 120_000)

  test("a pair that has the name when the yes of a join comes stays as it is, and the other side is told", async () => {
    await openWorld(pin)
    const { end, id } = await joinWaits("kai", pin)
    const { id: first } = await joinWaits("other", pin, { as: "first" })
    await world.ask("other", "owner", { op: "approve", id: first })
    // The Guardian writes the config once more as that peer has answered: the edit below must not fall in between.
    await until("the pair, and its answer", () => isReached("mira", "first"))
    // As an editor, or a build that did not keep names yet, may leave it.
    updateConfig(pathsOf(world.home("mira")), config => {
      const { first: pair, ...others } = config.agents
      if (pair === undefined) throw new Error("the pair is not there")
      return { ...config, agents: { ...others, kai: pair } }
    })
    const before = pairOf("mira", "kai")
    await world.ask("kai", "owner", { op: "approve", id })
    expect(await end).toMatchObject({ event: "failed", code: "refused" })
    expect(world.paired("mira")).toEqual(["kai"])
    expect(pairOf("mira", "kai")).toBe(before as string)
    await until("kai hears of it", () => world.paired("kai").length === 0)
  }, 120_000)

  test("only the owner's explicit word gives a name to another: a join that waits ends, and its yes comes too late", async () => {
    await openWorld(pin)
    const { end, id } = await joinWaits("kai", pin)
    expect(await refusal(joinWaits("other", pin))).toMatchObject({
      message: `the name "kai" is kept for a join that waits for the other owner's yes`,
    })
    const { id: second } = await joinWaits("other", pin, { replace: true })
    expect(await end).toEqual({ event: "denied" })
    await world.ask("kai", "owner", { op: "approve", id })
    await world.ask("other", "owner", { op: "approve", id: second })
    await until("the pair", () => pairOf("mira", "kai") !== undefined)
    expect(pairOf("mira", "kai")).toBe(pairOf("other", "mira") as string)
    const stranger = await askOwnerOf(world, "mira", "kai")
    expect(await refusal(approve(stranger))).toMatchObject({
      message: `an agent named "kai" is paired already`,
    })
    expect(pairOf("mira", "kai")).toBe(pairOf("other", "mira") as string)
  }, 120_000)
})
