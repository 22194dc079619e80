/** Much that is to be said of what came, and a message behind it. */
import { expect, test } from "bun:test"
import { messageBody, newPair, post, signSealed } from "../../support/client.ts"
import { openCollector, openHolder, queue } from "../../support/collecting.ts"
import { until } from "../../support/world.ts"

test("receipts go first, but a message does not wait for all of them", async () => {
  const pair = newPair()
  await using mira = await openHolder(pair)
  const kai = openCollector(mira, pair)
  for (let i = 0; i < 20; i += 1) {
    if (i === 10) mira.pass(61_000)
    expect((await post(mira.port, signSealed(pair, messageBody(mira.now)))).status).toBe(202)
  }
  await until("all to be held", async () => (await mira.status()).waiting.inbox === 20)
  await queue(mira, "kai", "an answer")
  const texts = await kai.fetch(21)
  expect(texts.filter(text => text !== undefined)).toEqual(["an answer"])
  expect(texts.indexOf("an answer")).toBeLessThanOrEqual(10)
})
