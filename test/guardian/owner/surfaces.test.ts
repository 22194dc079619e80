/** Every surface is asked and told alike, from what waited at the start on. */
import { expect, test } from "bun:test"
import type { PairingEvent } from "../../../src/guardian/door/results.ts"
import { createNotices } from "../../../src/guardian/notices.ts"
import { connectSurfaces, type Surface } from "../../../src/guardian/owner/surfaces.ts"
import type { Question } from "../../../src/protocol/questions.ts"
import { ada, kai } from "../../support/chats/asked.ts"
import { createTestContext } from "../../support/context.ts"
import { settle } from "../../support/settle.ts"

test("what waits is asked everywhere, what ended is withdrawn, what is told is told, and all are waited for", async () => {
  using made = createTestContext([])
  const { context, stored } = made
  Object.assign(context, { notices: createNotices(stored.store.owner, context.log, context.now) })
  const did: string[] = []
  const ends: PromiseWithResolvers<void>[] = []
  const surface = (name: string): Surface => ({
    name,
    ask: ({ id }) => did.push(`${name} asks ${id}`),
    withdraw: (id, how) => did.push(`${name} withdraws ${id} ${how}`),
    tell: ({ text }) => did.push(`${name} tells ${text}`),
    stopped() {
      const end = Promise.withResolvers<void>()
      ends.push(end)
      return end.promise
    },
  })
  let waiting: Question[] = [kai]
  const connected = connectSurfaces(context, () => waiting, [surface("a"), surface("b")])
  const seen = () => did.splice(0)
  const happens = (event: object) => context.events.emit(event as PairingEvent, null)
  expect(seen()).toEqual(["a asks k7q2", "b asks k7q2"])
  waiting = [kai, ada]
  happens({ event: "request", id: ada.id })
  happens({ event: "request", id: "gone" })
  happens({ event: "paired", id: ada.id })
  expect(seen()).toEqual(["a asks m3x9", "b asks m3x9"])
  happens({ event: "answered", id: kai.id, state: "denied" })
  expect(seen()).toEqual(["a withdraws k7q2 denied", "b withdraws k7q2 denied"])
  context.notices.tell("key", "words")
  expect(seen()).toEqual(["a tells words", "b tells words"])
  let isStopped = false
  const stopped = connected.stopped().then(() => {
    isStopped = true
  })
  ends[0]?.reject(new Error("bug"))
  await settle()
  expect([ends.length, isStopped]).toEqual([2, false])
  ends[1]?.resolve()
  await stopped
})
