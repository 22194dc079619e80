/** The port on which this Guardian listens, over restarts. */
import type { Context } from "../context.ts"
import { isOpenToOthers } from "./own-places.ts"

/** The port it had last is the one it prefers next time. */
export function rememberPort(context: Context): void {
  const { listen: wish } = context.config.current
  const { port } = context.address
  if (isOpenToOthers(context.listening()))
    context.log.write(`this agent can be reached from other machines on port ${port}`)
  if (wish.port === port) return
  context.config.update(config => ({ ...config, listen: { ...config.listen, port } }))
}
