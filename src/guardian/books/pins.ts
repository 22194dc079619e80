/** The pane that an agent's books have pinned. */
import * as v from "valibot"
import type { Config } from "../../store/config.ts"
import type { Facts } from "../../store/facts.ts"
import type { PinnedPane } from "../../tmux/pane.ts"
import { pinSchema } from "../terminal/hands-messages.ts"

/** What the hands of the agent's user said counts in hardened mode alone: it could name any process. */
export const pinKeyOf = ({ hardened }: Pick<Config, "hardened">): string =>
  hardened === undefined ? "pane" : "pane of the hands"

/** The pane that an agent's books have pinned, or null. */
export function pinnedIn(facts: Pick<Facts, "get">, config: Pick<Config, "hardened">): PinnedPane | null {
  const kept = v.safeParse(pinSchema, facts.get(pinKeyOf(config)))
  return kept.success ? kept.output : null
}
