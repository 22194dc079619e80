import { type TypingOptions, type TypingOutcome, typeIntoPane } from "../../src/tmux/typing.ts"
import type { LabSession } from "./session.ts"

/** What the Guardian makes of one text in the end; `held`: not within the time given. */
export type HandedOver = {
  readonly end: "delivered" | "uncertain" | "held"
  /** The loop's last word. */
  readonly outcome: TypingOutcome
  /** Why it was held, in order, without repetitions. */
  readonly holds: readonly string[]
}

export type HandOverOptions = {
  /** How long it may be held, and how long in the box, for what stands there. */
  readonly patienceMilliseconds: { readonly all: number; readonly inBox: number }
  /** While the program works; `hold` where it is left out. */
  readonly mode?: TypingOptions["deliver"]
  readonly onPasted?: () => void
}

/** As often as the Guardian looks while a message waits. */
const lookMilliseconds = 500

/**
 * One text as the Guardian types it (src/guardian/inbound/delivery.ts): tried again while it is held, resumed once it was
 * pasted, and pasted anew once where something else than the box swallowed it, or the box did not show it as it is.
 */
export async function handOver(
  { server, pinned, program }: LabSession,
  text: string,
  { patienceMilliseconds, mode = "hold", onPasted }: HandOverOptions,
): Promise<HandedOver> {
  const begunAt = performance.now()
  /** Milliseconds since the epoch. */
  let pastedAt: number | null = null
  const holds: string[] = []
  let [isPasted, isUnseen, isUnpressed, wasTypedAgain] = [false, false, false, false]
  for (;;) {
    const outcome = await typeIntoPane(server, pinned, program.name, text, {
      ...{ resume: isPasted, unseen: isUnseen, deliver: mode, allowShell: false },
      ...{ pastedAt: isPasted ? pastedAt : null, unpressed: isPasted && isUnpressed },
      onPasted: () => {
        pastedAt = Date.now()
        isUnpressed = true
        onPasted?.()
      },
    })
    if (outcome.kind === "submitted") return { end: "delivered", outcome, holds }
    const isToTypeAgain = isUnpressed && !wasTypedAgain && mayBeTypedAgain(outcome)
    const isGone = outcome.kind !== "held" || outcome.swallowed === true
    if (isGone && !isToTypeAgain) return { end: "uncertain", outcome, holds }
    wasTypedAgain ||= isGone
    isPasted = outcome.kind === "held" && outcome.pasted
    isUnseen = outcome.kind === "held" && outcome.unseen === true
    if (isPasted) isUnpressed &&= outcome.kind === "held" && outcome.unpressed === true
    const hold = `${outcome.reason}${isPasted ? " (pasted)" : ""}`
    if (holds.at(-1) !== hold) holds.push(hold)
    const isInBox = isPasted && outcome.kind === "held" && outcome.state === "draft"
    const inBox = isInBox ? Date.now() - (pastedAt ?? Date.now()) : 0
    const { all, inBox: mostInBox } = patienceMilliseconds
    if (performance.now() - begunAt > all || inBox > mostInBox) return { end: "held", outcome, holds }
    await Bun.sleep(lookMilliseconds)
  }
}

/** Swallowed, or taken out of the box again, and no return was pressed. */
const mayBeTypedAgain = (outcome: TypingOutcome): boolean =>
  outcome.kind === "held"
    ? outcome.swallowed === true
    : outcome.kind === "stuck" && outcome.unpressed === true
