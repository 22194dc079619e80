/** A laptop that slept for a night: what waits goes soon after, not when a timer of the evening before comes. */
import { expect, test } from "bun:test"
import { newPair } from "../../support/client.ts"
import { openGuardian, sendFrom } from "../../support/guardian.ts"
import { accepted, openPeer, signed } from "../../support/peer.ts"
import { until } from "../../support/world.ts"

const night = 8 * 60 * 60 * 1000

test("a message that rests for minutes is tried within seconds of the waking, and is not expired", async () => {
  const pair = newPair()
  let isAway = true
  await using peer = await openPeer(pair, asked =>
    isAway
      ? new Response(null, { status: 503, headers: { "retry-after": "290" } })
      : signed(pair, accepted(asked), asked.isSealed),
  )
  await using guardian = await openGuardian({ kai: { pair, port: peer.port, fixed: true } })
  expect((await sendFrom(guardian.paths, "kai", "good night")).status).toBe("queued")
  isAway = false
  const before = peer.count()
  guardian.sleep(night)
  await until("the message", () => peer.asked.slice(before).some(({ body }) => body.text === "good night"))
  expect(guardian.log()).toMatch(/the machine slept for 28[78]\d\d s, or its clock was set ahead/)
  expect((await sendFrom(guardian.paths, "kai", "good morning")).status).toBe("accepted")
})
