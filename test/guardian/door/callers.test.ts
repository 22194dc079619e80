/** Who asks at the owner's door: the chain of who started whom, up to the first process. */
import { afterEach, describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { reasonToDistrust, refuseDistrusted, refuseOther } from "../../../src/guardian/door/callers.ts"
import { plainEnvironment, until } from "../../support/world.ts"

const nobody = new Map<number, string>()

/** A process that sleeps, below another one, with these variables. */
function start(variables: Readonly<Record<string, string>> = {}): Bun.Subprocess {
  return Bun.spawn(["sleep", "600"], { env: { ...plainEnvironment, ...variables } })
}

test("a process that has ended is nobody to trust", async () => {
  const child = start()
  child.kill("SIGKILL")
  await child.exited
  expect(reasonToDistrust(child.pid, nobody)).toBe("it has ended, or who started it has")
})

test("one that an agent's pane started is the agent's, however far down", () => {
  const child = start()
  try {
    const pane = new Map([[process.pid, "it was started in the agent's own pane"]])
    expect(reasonToDistrust(child.pid, pane)).toBe("it was started in the agent's own pane")
    expect(() => refuseDistrusted(child.pid, pane)).toThrow("only the owner may do this: it was started in")
  } finally {
    child.kill("SIGKILL")
  }
})

test("one that nobody distrusts is let in", () => {
  const child = start()
  try {
    const reason = reasonToDistrust(process.pid, nobody)
    // Where an agent program runs these tests, it is one of its own.
    if (reason === null) expect(() => refuseDistrusted(child.pid, nobody)).not.toThrow()
    else expect(() => refuseDistrusted(child.pid, nobody)).toThrow(reason)
  } finally {
    child.kill("SIGKILL")
  }
})

test.each(["CLAUDECODE", "AI_AGENT", "GEMINI_CLI"])(
  "one with %s in its environment is an agent program's",
  async name => {
    const child = start({ [name]: "1" })
    try {
      // A moment after its start a process has no environment yet.
      await until("its environment", () => reasonToDistrust(child.pid, nobody))
      expect(reasonToDistrust(child.pid, nobody)).toBe(`it was started by an agent program (${name} is set)`)
    } finally {
      child.kill("SIGKILL")
    }
  },
)

describe("a process that is nobody's child any more", () => {
  const [here, there] = ["/tmp/tmux-0/default,1,0", "/tmp/tmux-0/other,2,0"]
  const why = "it was started in the agent's own pane"
  const children: Bun.Subprocess[] = []
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill("SIGKILL")
      await child.exited
    }
  })
  function pane(variables: Record<string, string>): number {
    const child = start(variables)
    children.push(child)
    return child.pid
  }

  test.each([
    ["of the same pane", { TMUX: here, TMUX_PANE: "%1" }, true],
    ["of another pane", { TMUX: here, TMUX_PANE: "%2" }, false],
    ["of another server", { TMUX: there, TMUX_PANE: "%1" }, false],
    ["that took one of the two away", { TMUX_PANE: "%1" }, false],
    ["without them", {}, false],
  ])("is known by its pane's variables: one %s", async (_, variables, isTheirs) => {
    const own = pane({ TMUX: here, TMUX_PANE: "%1" })
    const other = pane(variables)
    await until("their programs", () =>
      [own, other].every(pid => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("600")),
    )
    const panes = new Map([[own, why]])
    expect(reasonToDistrust(other, panes)).toBe(isTheirs ? `${why} (TMUX_PANE says so)` : null)
    const refused = () => refuseOther(other, panes)
    if (isTheirs) expect(refused).toThrow(`one agent does not speak as another: ${why} (TMUX_PANE says so)`)
    else expect(refused).not.toThrow()
    expect(() => refuseOther(own, panes)).toThrow(`one agent does not speak as another: ${why}`)
    expect(() => refuseOther(own, nobody)).not.toThrow()
  })

  test("is not known by what neither of them has", async () => {
    const [own, other] = [pane({ TMUX_PANE: "%1" }), pane({ TMUX_PANE: "%1" })]
    await until("their programs", () =>
      [own, other].every(pid => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("600")),
    )
    expect(() => refuseOther(other, new Map([[own, why]]))).not.toThrow()
  })

  test("is not known by the Guardian's own", async () => {
    const other = pane({ TMUX: process.env.TMUX ?? here, TMUX_PANE: process.env.TMUX_PANE ?? "%1" })
    await until("its program", () => readFileSync(`/proc/${other}/cmdline`, "utf8").includes("600"))
    expect(reasonToDistrust(other, new Map([[process.pid, "the Guardian"]]))).toBe("the Guardian")
  })
})
