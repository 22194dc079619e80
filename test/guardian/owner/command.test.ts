/** The owner's own command, without a Guardian; and what a Guardian tells it. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Context } from "../../../src/guardian/context.ts"
import { callDoor } from "../../../src/guardian/door/client.ts"
import { createNotifySurface } from "../../../src/guardian/owner/command.ts"
import type { Answered, Surface } from "../../../src/guardian/owner/surfaces.ts"
import { isAlive } from "../../../src/tmux/process.ts"
import { kai } from "../../support/chats/asked.ts"
import { messageBody, newPair, post, signSealed } from "../../support/client.ts"
import { openGuardian } from "../../support/guardian.ts"
import { greet, postJson, proofOf } from "../../support/pairing-attacks.ts"
import { until } from "../../support/world.ts"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-notify-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A command that writes down what it is told. @param then - what it does after that, in shell */
function script(then = ""): { command: string[]; heard: () => Record<string, unknown>[] } {
  const [path, heard] = [join(folder, "notify.sh"), join(folder, "heard")]
  writeFileSync(path, `#!/bin/sh\nread -r event\nprintf '%s\\n' "$event" >> ${heard}\n${then}\n`, {
    mode: 0o700,
  })
  const lines = () => (existsSync(heard) ? readFileSync(heard, "utf8").split("\n").slice(0, -1) : [])
  return { command: [path], heard: () => lines().map(line => JSON.parse(line) as Record<string, unknown>) }
}

function surfaceOf(
  notify: readonly string[],
  answers: string[] = [],
  { answered = { kind: "done", text: "" }, log = [] }: { answered?: Answered; log?: string[] } = {},
): Surface {
  const context = {
    config: { current: { notify, name: "mira" } },
    paths: { home: folder },
    log: { write: (line: string) => void log.push(line) },
    stopping: new AbortController().signal,
  } as unknown as Context
  const [surface] = createNotifySurface(context, async (id, word) => {
    answers.push(`${word} ${id}`)
    return answered
  })
  if (surface === undefined) throw new Error("no surface")
  return surface
}

test.each(["yes", "no"])("a notify command that prints %s answers", async word => {
  const answers: string[] = []
  const { command } = script(`echo ${word}`)
  const surface = surfaceOf(command, answers)
  surface.ask(kai)
  await until("the answer", () => answers.length > 0)
  expect(answers).toEqual([`${word} k7q2`])
  await surface.stopped()
})

test.each<readonly [Answered, readonly string[]]>([
  [{ kind: "impossible", text: "another agent is called kai" }, ["request", "notice"]],
  [{ kind: "done", text: "Paired with kai." }, ["request"]],
  [{ kind: "late" }, ["request"]],
])("what an answer comes to is told where it cannot be done: %j", async (answered, events) => {
  const answers: string[] = []
  const { command, heard } = script('case "$event" in *\'"request"\'*) echo yes ;; esac')
  const surface = surfaceOf(command, answers, { answered })
  surface.ask(kai)
  await until("the answer", () => answers.length > 0)
  await until("what is told", () => heard().length >= events.length)
  await surface.stopped()
  expect(heard().map(({ event }) => event)).toEqual([...events])
  if (answered.kind === "impossible") expect(heard()[1]).toMatchObject({ self: "mira", text: answered.text })
})

test.each([
  ["neither word", "echo perhaps", ["the notify command printed neither yes nor no to k7q2"]],
  ["a yes, and fails", "echo yes; exit 3", ["the notify command ended with 3"]],
])("a notify command that prints %s answers nothing", async (_, then, lines) => {
  const [answers, log]: [string[], string[]] = [[], []]
  const { command } = script(then)
  const surface = surfaceOf(command, answers, { log })
  surface.ask(kai)
  await until("the line", () => log.length > 0)
  await surface.stopped()
  expect([answers, log]).toEqual([[], lines])
})

test("a command that cannot be started is logged, and one that is not named is none", async () => {
  const log: string[] = []
  const surface = surfaceOf([join(folder, "nothing")], [], { log })
  try {
    surface.ask(kai)
  } catch {
    return expect.unreachable()
  }
  await surface.stopped()
  expect(log).toEqual([expect.stringContaining("the notify command failed: ")])
})

test("its texts tell who asks, how to answer in a terminal, and what became of it", async () => {
  const { command, heard } = script()
  const surface = surfaceOf(command)
  const ends = ["approved", "denied", "expired", "failed"] as const
  for (const how of ends) {
    surface.ask({ ...kai, id: how })
    await until("the question", () => heard().some(one => one.id === how))
    surface.withdraw(how, how)
  }
  await until("all events", () => heard().length === 2 * ends.length)
  await surface.stopped()
  const [request] = heard().filter(one => one.id === "approved" && one.event === "request")
  expect(String(request?.text)).toStartWith("Agent kai wants to pair. Approve? (yes/no)\n")
  expect(String(request?.text)).toEndWith(
    "\nIn a terminal: `sento approve approved` or `sento deny approved`.",
  )
  const over = heard().filter(one => one.event === "withdrawn")
  expect(over.map(one => one.text).sort()).toEqual([
    "The question about kai is over: approved, and it failed.",
    "The question about kai is over: approved.",
    "The question about kai is over: denied.",
    "The question about kai is over: nobody answered in time.",
  ])
})

test("when the question is over the command is stopped, with what it waits for", async () => {
  const pid = join(folder, "pid")
  const { command } = script(
    `case "$event" in *'"request"'*) sleep 600 & echo $! > ${pid}.new; mv ${pid}.new ${pid}; wait;; esac`,
  )
  const surface = surfaceOf(command)
  surface.ask(kai)
  const child = await until("what it started", () =>
    existsSync(pid) ? Number(readFileSync(pid, "utf8")) : null,
  )
  surface.withdraw(kai.id, "approved")
  await until("its end", () => !isAlive(child))
  await surface.stopped()
})

test("a burned code, a message held for 10 minutes whatever holds it, a loop and a revocation are told", async () => {
  const { command, heard } = script()
  const [fritz, noa, lia] = [newPair(), newPair(), newPair()]
  await using guardian = await openGuardian(
    { fritz: { pair: fritz }, noa: { pair: noa }, lia: { pair: lia } },
    [],
    { notify: command },
  )
  const texts = (): unknown[] => heard().map(one => one.text)
  const told = (words: string): Promise<unknown> =>
    until(words, () => texts().some(text => String(text).includes(words)))
  const tell = async (pair: typeof fritz, fields: object): Promise<void> => {
    const body = messageBody(guardian.now, { ...fields })
    expect((await post(guardian.port, signSealed(pair, body))).status).toBe(202)
  }

  let code = ""
  await callDoor(
    guardian.paths,
    "agent",
    { op: "pair", wait: false },
    {
      onEvent: event => {
        if (event.event === "code") code = event.code
      },
    },
  )
  const wrong = code.endsWith("0") ? "1111" : "0000"
  for (let i = 0; i < 3; i += 1) {
    const met = await greet(guardian.port, wrong)
    if (met !== null) await postJson(guardian.port, "/v1/pair/confirm", proofOf(met))
  }
  await told("burned")

  await tell(lia, { hops: 21, inReplyTo: crypto.randomUUID() })
  await told("too often")

  await tell(noa, { text: "hold me" })
  const held = async () => (await guardian.status()).held
  const since = (await until("the hold", held)).since
  guardian.now += 6 * 60_000
  Bun.spawnSync([
    "tmux",
    "-S",
    join(guardian.paths.home, "tmux"),
    "-f",
    "/dev/null",
    "new-session",
    "-d",
    "-s",
    "nobody",
    "sh",
  ])
  try {
    const other = await until("another reason", async () => {
      const now = await held()
      return now?.reason.includes("a shell") ? now : null
    })
    expect(other.since).toBe(since)
    guardian.now += 5 * 60_000
    await told("10 minutes")
  } finally {
    Bun.spawnSync(["tmux", "-S", join(guardian.paths.home, "tmux"), "kill-server"])
  }
  const { text: _, ...unpair } = messageBody(guardian.now, { type: "unpair" })
  await post(guardian.port, signSealed(fritz, unpair))
  await told("ended the pair")
  expect(texts().filter(text => !String(text).includes("sento.db"))).toEqual([
    "the pairing code was burned by 3 wrong tries, the last from 127.0.0.1; `sento pair` makes a new one",
    expect.stringContaining("lia is paused because the agents answered each other too often"),
    expect.stringMatching(/^a message from noa has waited for 10 minutes: a shell \(\w+\) runs in the pane$/),
    "fritz ended the pair: nothing goes to it or comes from it any more",
  ])
})
