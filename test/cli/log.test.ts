/** `sento log -f`: what becomes of a message, as it becomes so. */
import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { callDoor } from "../../src/guardian/door/client.ts"
import { newPair, uuidV7 } from "../support/client.ts"
import { openGuardian } from "../support/guardian.ts"
import { accepts, openPeer, tell } from "../support/peer.ts"
import { built, type Child, jsonLines, plainEnvironment, until } from "../support/world.ts"

const kai = newPair()

test("a followed log tells every word on a sent message, once", async () => {
  await using peer = await openPeer(kai, accepts(kai))
  await using guardian = await openGuardian({ kai: { pair: kai, port: peer.port } })
  const messageId = uuidV7(guardian.now)
  const env = { ...plainEnvironment, SENTO_HOME: guardian.paths.home }
  const pipes = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const
  await using child: Child = Bun.spawn([...built, "log", "-f", "--json"], { env, ...pipes })
  const { lines } = jsonLines(child)
  const words = (): string[] => lines.map(one => [one.state, one.peerState, one.peerReason].join(" "))
  const isTold = (word: string) => until(word, () => words().at(-1) === word)
  await callDoor(guardian.paths, "agent", { op: "send", to: "kai", text: "hi", messageId })
  await isTold("accepted  ")
  for (const reason of ["busy", "dialog"]) {
    await tell(guardian, kai, { type: "receipt", of: messageId, state: "held", reason })
    await isTold(`accepted held ${reason}`)
  }
  using database = new Database(guardian.paths.database)
  database.run("UPDATE outbox SET peer_reason = 'no session'")
  await isTold("accepted held no session")
  expect(new Set(words()).size).toBe(words().length)
})
