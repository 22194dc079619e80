/** Who asks at the owner's door: the chain of who started whom, up to the first process. */
import { expect, test } from "bun:test"
import { reasonToDistrust, refuseDistrusted } from "../../../src/guardian/door/callers.ts"
import { plainEnvironment } from "../../support/world.ts"

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

test.each(["CLAUDECODE", "AI_AGENT", "GEMINI_CLI"])(
  "one with %s in its environment is an agent program's",
  name => {
    const child = start({ [name]: "1" })
    try {
      expect(reasonToDistrust(child.pid, nobody)).toBe(`it was started by an agent program (${name} is set)`)
    } finally {
      child.kill("SIGKILL")
    }
  },
)
