import { type TypingOutcome, typeIntoPane } from "../../src/tmux/typing.ts"
import type { LabSession } from "./session.ts"

/** What the Guardian makes of one text in the end; `held`: not within the time given. */
export type HandedOver = {
  readonly end: "delivered" | "uncertain" | "held"
  /** The loop's last word. */
  readonly outcome: TypingOutcome
  /** Why it was held, in order, without repetitions. */
  readonly holds: readonly string[]
}

type Held = Extract<TypingOutcome, { kind: "held" }>

export type HandOverOptions = {
  /** How long it may be held, and how long in the box, for what stands there. */
  readonly patienceMilliseconds: { readonly all: number; readonly inBox: number }
  readonly onPasted?: () => void
  /** Called for each hold: what a person who looks at the pane would see to. */
  readonly onHeld?: (outcome: Held) => void
}

/** As often as the Guardian looks while a message waits. */
const lookMilliseconds = 500

/**
 * One text as the Guardian types it (src/guardian/delivery.ts): tried again while it is held, resumed once it was
 * pasted, and pasted anew once where something else than the box swallowed it.
 */
export async function handOver(
  { server, pinned, program }: LabSession,
  text: string,
  { patienceMilliseconds, onPasted, onHeld }: HandOverOptions,
): Promise<HandedOver> {
  const begunAt = performance.now()
  let pastedAt: number | null = null
  const holds: string[] = []
  let [isPasted, isUnseen, wasSwallowed] = [false, false, false]
  for (;;) {
    const outcome = await typeIntoPane(server, pinned, program.name, text, {
      ...{ resume: isPasted, unseen: isUnseen, deliver: "hold", allowShell: false },
      onPasted: () => {
        pastedAt ??= performance.now()
        onPasted?.()
      },
    })
    if (outcome.kind === "submitted") return { end: "delivered", outcome, holds }
    if (outcome.kind !== "held") return { end: "uncertain", outcome, holds }
    const { reason, pasted, unseen = false } = outcome
    const hold = `${reason}${pasted ? " (pasted)" : ""}`
    if (holds.at(-1) !== hold) holds.push(hold)
    if (isPasted && !pasted && wasSwallowed) return { end: "uncertain", outcome, holds }
    wasSwallowed ||= isPasted && !pasted
    ;[isPasted, isUnseen] = [pasted, unseen]
    const inBox = pasted && outcome.state === "draft" ? performance.now() - (pastedAt ?? begunAt) : 0
    const { all, inBox: mostInBox } = patienceMilliseconds
    if (performance.now() - begunAt > all || inBox > mostInBox) return { end: "held", outcome, holds }
    onHeld?.(outcome)
    await Bun.sleep(lookMilliseconds)
  }
}
