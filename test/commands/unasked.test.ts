/** Whether a peer's words act at once is seen of the program in the pane, and said before a yes. */
import { expect, spyOn, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unaskedOf } from "../../src/commands/unasked.ts"
import { type AskedAbout, briefQuestionLines, questionLines } from "../../src/protocol/questions.ts"
import type { Config } from "../../src/store/config.ts"
import { createHands } from "../../src/tmux/own-hands.ts"
import { sessionsOf } from "../../src/tmux/sessions.ts"
import { doubleCommand, startPane } from "../support/pane.ts"

const configOf = (socket: string, hardened?: object): Config =>
  ({ tmux: { session: "sento", socket }, ...(hardened ? { hardened } : {}) }) as unknown as Config

test.each([
  ["--dangerously-skip-permissions", "--dangerously-skip-permissions"],
  ["--verbose", null],
])("a program started with %s: %s", async (option, want) => {
  const directory = mkdtempSync(join(tmpdir(), "sento-pane-"))
  const { command, log } = doubleCommand(directory, "claude")
  await using pane = await startPane(directory, ["sh", "-c", `exec ${command} ${option}`], log, '"ready"')
  const socket = pane.server.socket ?? ""
  expect(await unaskedOf(configOf(socket))).toBe(want)
  expect(await unaskedOf(configOf(socket, { folder: "/nowhere", user: "daemon" }))).toBe(null)
  expect(await unaskedOf(configOf(`${socket}-not-there`))).toBe(null)
})

test("of a tmux that stands still nobody knows, and that is said as if the agent did", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sento-pane-"))
  const { command, log } = doubleCommand(directory, "claude")
  await using pane = await startPane(directory, ["sh", "-c", `exec ${command}`], log, '"ready"')
  const { timeout } = AbortSignal
  using _ = spyOn(AbortSignal, "timeout").mockImplementation(() => timeout.call(AbortSignal, 50))
  const server = Number(pane.tmux("display-message", "-p", "#{pid}"))
  process.kill(server, "SIGSTOP")
  try {
    const said = await unaskedOf(configOf(pane.server.socket ?? ""))
    expect(said).toBe("as far as one can see: its tmux does not answer")
    const hands = createHands({ ...pane.server, signal: AbortSignal.abort() })
    expect([
      await hands.take("sento"),
      await sessionsOf({ ...pane.server, signal: AbortSignal.abort() }),
    ]).toEqual([null, []])
  } finally {
    process.kill(server, "SIGCONT")
  }
})

const asked: AskedAbout = {
  ...{ kind: "request" as const, name: "kai", as: "kai", host: "192.0.2.7", claimedHost: null, port: 9876 },
  ...{ verifier: "65T6V-3FSB8", expiresAt: 0 },
}

test("the question promises nothing of what the agent then does, and says where it acts without asking", () => {
  expect(questionLines(asked, "mira")).toContain("what they make mira do is up to mira and its permissions.")
  const lines = questionLines({ ...asked, unasked: "auto mode on" }, "mira")
  expect(lines).toContain("mira acts without asking (auto mode on): they take effect at once.")
  expect(briefQuestionLines({ ...asked, unasked: "--yolo" }, "mira").at(-1)).toBe(
    "A yes lets kai type here, which asks nobody (--yolo).",
  )
})
