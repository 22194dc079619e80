/** `sento demo-agent`: the program in the panes of `sento demo`. */
import { createInterface } from "node:readline"
import { ownCommand } from "../guardian/terminal/own-command.ts"
import type { AddCommand } from "./command.ts"
import type { Io } from "./io.ts"
import { print } from "./terminal.ts"

/** The words of `sento demo-agent`. */
export const addDemoAgent: AddCommand = (program, { io, finish }) =>
  program
    .command("demo-agent", { hidden: true })
    .argument("[answer]")
    .action(answer => finish(demoAgent(io, answer ?? null)))

/** The small program in the demo's panes: shows what it is told, and answers where it has something to say. */
async function demoAgent(io: Io, answer: string | null): Promise<number> {
  print(io, "demo agent: waiting for messages")
  for await (const line of createInterface({ input: process.stdin })) {
    const [, name, id] = /^← agent (\S+) \[([0-9a-z]{4})\]: /.exec(line) ?? []
    if (name === undefined || id === undefined || answer === null) continue
    print(io, `demo agent: sento reply ${id} "${answer}"`)
    const child = Bun.spawn([...ownCommand(), "reply", id, answer], {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
    })
    await child.exited
  }
  return 0
}
