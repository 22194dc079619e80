/**
 * The text that stands in the pane's box, or may: noted on disk with the paste, so that a Guardian that was started
 * again knows what to take out, and whether a person has typed since.
 */
import * as v from "valibot"
import { profileNames } from "../../protocol/names.ts"
import type { Facts } from "../../store/facts.ts"
import type { Received } from "../../store/inbox.ts"
import type { PaneTarget } from "../../tmux/hands.ts"
import type { Context } from "../context.ts"
import { pinSchema } from "../terminal/hands-messages.ts"

const key = "in box"

const inBoxSchema = v.object({
  pane: pinSchema,
  profile: v.picklist(profileNames),
  seq: v.number(),
  shortId: v.string(),
  name: v.string(),
  text: v.string(),
  pastedAt: v.nullable(v.number()),
})

/** @property pastedAt - milliseconds since the epoch; null where nobody knows any more */
export type InBox = v.InferOutput<typeof inBoxSchema>

export const inBoxOf = (
  { pane, profile }: PaneTarget,
  { seq, shortId, name }: Received,
  text: string,
  pastedAt: number | null,
): InBox => ({ pane, profile, seq, shortId, name, text, pastedAt })

export function readInBox(facts: Pick<Facts, "get">): InBox | null {
  const kept = v.safeParse(inBoxSchema, facts.get(key))
  return kept.success ? kept.output : null
}

export const noteInBox = (facts: Pick<Facts, "set">, inBox: InBox): void => facts.set(key, inBox)

export const forgetInBox = (facts: Pick<Facts, "remove">): void => facts.remove(key)

/** Nothing can be typed before a person has seen to the box. */
export function tellOwnerOfBox(
  { config, notices }: Pick<Context, "config" | "notices">,
  { shortId, name }: Pick<Received, "shortId" | "name">,
  what: string,
): void {
  const { name: self } = config.current
  notices.tell(
    `box ${shortId}`,
    `a message from ${name} [${shortId}] ${what}: in ${self}'s session, send what the box holds or delete it; until then other messages wait`,
  )
}
