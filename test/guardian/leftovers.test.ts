/** A text of ours in the box that is not to be sent, or cannot be, keeps nobody else's message out. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { newPair, uuidV7 } from "../support/client.ts"
import { openGuardian, type TestGuardian } from "../support/guardian.ts"
import { type DoublePane, startDouble, until, untilState } from "../support/pane.ts"
import { tell } from "../support/peer.ts"

const kai = newPair()
const lia = newPair()

let pane: DoublePane
let guardian: TestGuardian
beforeEach(async () => {
  pane = await startDouble("claude")
  const tmux = { session: "sento", socket: pane.server.socket, profile: "claude" }
  guardian = await openGuardian({ kai: { pair: kai }, lia: { pair: lia } }, [], { tmux })
})
afterEach(async () => {
  await guardian[Symbol.asyncDispose]()
  await pane[Symbol.asyncDispose]()
})

async function receive(pair: typeof kai, text: string): Promise<void> {
  const answer = await tell(guardian, pair, { id: uuidV7(guardian.now), text })
  expect(answer).toMatchObject({ status: 202 })
}

const key = (...keys: string[]): string => pane.tmux("send-keys", "-t", "sento", ...keys)
const screen = (): string => pane.tmux("capture-pane", "-p", "-t", "sento")
const submitted = (): string[] => pane.logged("submitted").map(text => text.split("\n")[0] ?? "")

test("the peer ends the pair while its text stands behind a dialog: it is taken out, and the next one is typed", async () => {
  key("C-p")
  await receive(kai, "I shall be revoked")
  await until(() => pane.logged("dialog").length > 0 && guardian.log().includes("holding"))
  await tell(guardian, kai, { type: "unpair" })
  await receive(lia, "I wait for the box")
  key("Escape")
  await until(() => submitted().length > 0)
  expect(submitted()).toEqual([expect.stringMatching(/^← agent lia \[\w+\]: I wait for the box$/)])
  expect([pane.logged("approved"), screen().includes("revoked")]).toEqual([[], false])
}, 120_000)

test("… also where the Guardian is started again meanwhile, and where no other message waits", async () => {
  key("C-p")
  await receive(kai, "I shall be revoked")
  await until(() => pane.logged("dialog").length > 0 && guardian.log().includes("holding"))
  await tell(guardian, kai, { type: "unpair" })
  await guardian.restart()
  key("Escape")
  await untilState(pane, "claude", "ready")
  expect([screen().includes("revoked"), submitted(), pane.logged("approved")]).toEqual([false, [], []])
}, 120_000)

test("… but not words of a person's beside it: the owner is told at once what to do", async () => {
  key("C-p")
  await receive(kai, "I shall be revoked")
  await until(() => pane.logged("dialog").length > 0 && guardian.log().includes("holding"))
  await tell(guardian, kai, { type: "unpair" })
  // While no Guardian looks, which would take out the text by itself.
  await guardian.restart(async () => {
    key("Escape")
    await untilState(pane, "claude", "draft")
    key("-l", " and mine")
    await until(() => screen().includes("and mine"))
  })
  await receive(lia, "I wait for the owner")
  await until(() => /stands in the box, and was not sent: in mira's session/.test(guardian.log()))
  expect([screen().includes("I shall be revoked"), screen().includes("and mine")]).toEqual([true, true])
  expect(submitted()).toEqual([])
  key("C-u", "C-u", "C-u", "C-u", "C-u", "C-u")
  await until(() => submitted().length > 0)
  expect(submitted()).toEqual([expect.stringContaining("I wait for the owner")])
}, 120_000)

test("a text that the program will not take is taken out after 20 s, told as uncertain, and the next one is typed", async () => {
  key("C-g")
  await receive(kai, "nobody takes me")
  await until(() => screen().includes("nobody takes me"))
  await receive(lia, "take me")
  await until(() => guardian.log().includes("it was taken out"), 60_000)
  key("C-g")
  await until(() => submitted().length > 0)
  expect(guardian.log()).toMatch(/\[\w+\] from kai uncertain/)
  expect(submitted()).toEqual([expect.stringContaining("take me")])
}, 120_000)

test("a text of which the program lost a sign is taken out and typed once more, as it is", async () => {
  key("C-b")
  await receive(kai, "is the build good? I think so")
  await until(() => submitted().length > 0)
  expect(submitted()).toEqual([
    expect.stringMatching(/^← agent kai \[\w+\]: is the build good\? I think so$/),
  ])
  expect(guardian.log()).toMatch(/from kai: the screen does not show the message as it is; it was taken out/)
  await until(() => /from kai delivered/.test(guardian.log()))
}, 120_000)
