/**
 * `sento mcp`: the agent's side as tools of the Model Context Protocol, over stdin and stdout, for as long as
 * stdin is open. It uses the agent's door alone. As the program starts, it starts a Guardian that merely does not run;
 * besides it does nothing before a tool is called.
 */
import { exitStatus } from "../protocol/errors.ts"
import { visibleText } from "../protocol/layout.ts"
import type { Paths } from "../store/paths.ts"
import { type AddCommand, command } from "./command.ts"
import type { Io } from "./io.ts"
import { revive } from "./running.ts"
import { tell } from "./terminal.ts"

/** The words of `sento mcp`. */
export const addMcp: AddCommand = (program, { io, paths, finish }) =>
  command(program, "mcp", "serve the agent's side to an agent program, over stdin and stdout").action(() =>
    finish(mcp(io, paths("agent"))),
  )

/** `sento mcp`. The SDK takes Node's streams, and takes its time to load. */
async function mcp(io: Io, paths: Paths): Promise<number> {
  if (io.isTerminal.stdin)
    tell(io, "sento mcp speaks the Model Context Protocol; agent programs start it (`sento setup --help`)")
  else void revive(io, paths)
  const { StdioServerTransport, serveStdio } = await import("@modelcontextprotocol/server/stdio")
  const [{ messagesOf }, { createServer }] = [await import("./mcp-lines.ts"), await import("./mcp-tools.ts")]
  const { stdin, stdout } = process
  const { promise: ended, resolve } = Promise.withResolvers<number>()
  const requests = stdin.pipe(messagesOf(refusal => void stdout.write(refusal)))
  for (const event of ["end", "close"]) requests.once(event, () => resolve(0))
  stdin.once("error", () => resolve(0))
  stdout.on("error", () => resolve(exitStatus.failed))
  const served = serveStdio(() => createServer(io, paths), {
    transport: new StdioServerTransport(requests, stdout),
    onerror: error => tell(io, `sento: note: mcp: ${visibleText(error.message)}`),
  })
  const status = await ended
  await served.close()
  // What was written to a pipe may still be on its way.
  await new Promise<void>(flushed => stdout.write("", () => flushed()))
  return status
}
