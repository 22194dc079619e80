/** The port on which this Guardian listens, over restarts. */
import { isLoopback } from "../../protocol/addresses.ts"
import type { Context } from "../context.ts"

/** The port it had last is the one it prefers next time. */
export function rememberPort(context: Context): void {
  const { listen: wish } = context.config.current
  const { host, port } = context.address
  if (!isLoopback(host)) context.log.write(`this agent can be reached from other machines on port ${port}`)
  if (wish.port === port) return
  context.config.update(config => ({ ...config, listen: { ...config.listen, port } }))
}
