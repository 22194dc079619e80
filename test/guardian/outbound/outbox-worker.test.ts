/** What is kept is tried, whatever becomes of the call that kept it. */
import { expect, test } from "bun:test"
import { createOutboxWorker } from "../../../src/guardian/outbound/outbox-worker.ts"
import type { Sender } from "../../../src/guardian/outbound/sender.ts"
import { createTestContext } from "../../support/context.ts"
import { until } from "../../support/world.ts"

test("a message whose call fails behind the commit is on its way all the same", async () => {
  using made = createTestContext(["kai"])
  const told: string[] = []
  const sender: Pick<Sender, "tell" | "isFree" | "untilFetched"> = {
    isFree: () => true,
    untilFetched: () => null,
    tell: async (_, body) => {
      told.push(body.type)
      return {
        kind: "failed",
        reason: "nobody answers",
        cause: "refused",
        status: null,
        retryAfterSeconds: null,
      }
    },
  }
  const outbox = createOutboxWorker(made.context, sender as Sender)
  const fail = (): never => {
    throw new Error("the caller has gone")
  }
  const sending = outbox.send("kai", { id: null, text: "hello", inReplyTo: null, hops: 0, onKept: fail })
  await expect(sending).rejects.toThrow("the caller has gone")
  await until("the attempt", () => told.length > 0)
  expect(told).toEqual(["message"])
  made.stop()
  await outbox.stopped()
})
