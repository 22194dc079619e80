/**
 * The turns of one session of an agent program, and which messages of peers each of them owes an answer: what
 * the end of a turn means for those who wait. Pure: the Guardian feeds the events and performs the effects.
 *
 *     prompt        opens a turn; with the same turn's id it is queued behind what runs (Claude Code 2.1.330
 *                   tells a queued prompt at once, with the running turn's id, and takes it later without a word);
 *                   with another id it says that the turn before was interrupted
 *     person        a dialog of the turn waits for a person, whose answer may have words of its own
 *     unseen        somebody may have had a part in what runs, and nobody told how
 *     ended         the answer goes back, or the agent is asked once, or the peers are told that none comes
 *     failed        the peers are told so
 *     gone          the session ended: the peers are told so
 *     idle          the pane has been idle for a while although a turn is open: as good as interrupted
 */
import type { HookEvent } from "./hook-events.ts"

/** Prompts that were taken together. @property ids - short ids of messages of peers, confirmed by the Guardian */
export type Batch = {
  readonly ids: readonly string[]
  /** Whether words were among them that are no message of a peer: a person's, or what a person's task came to. */
  readonly hasOthers: boolean
}

type Turn = {
  /** The program's own id of the turn; null where it has none. */
  readonly turn: string | null
  readonly own: Batch
  readonly queued: Batch
  /** Whether the agent was asked for the answers already. */
  readonly isAsked: boolean
}

export type TurnState = {
  readonly open: Turn | null
  /** What was queued behind a turn that ended: it was taken within that turn, or is to be taken in the next one. */
  readonly left: Batch
}

/** What the hooks tell, with the tags that are true in place of those that stand in a prompt. */
export type TurnEvent =
  /** `isOwn`: a prompt that the program or sento wrote, which interrupts nothing. */
  | ({ readonly kind: "prompt"; readonly turn: string | null; readonly isOwn: boolean } & Batch)
  /** `hasOthers`: the program says that the turn began with words that are no message of a peer as it was typed. */
  | (Omit<Extract<HookEvent, { kind: "ended" }>, "digest"> & { readonly hasOthers: boolean })
  | Exclude<HookEvent, { kind: "prompt" | "ended" }>
  | { readonly kind: "idle" }

export type TurnEffect =
  | { readonly kind: "reply"; readonly id: string; readonly text: string }
  /** The turn goes on with this sentence. */
  | { readonly kind: "block"; readonly sentence: string }
  /** Its sender is told that no answer comes, and why. */
  | { readonly kind: "no-answer"; readonly id: string; readonly reason: string }

/** Why no answer comes, as the peer is told. */
export const noAnswerReasons = {
  interrupted: "the agent's turn was interrupted",
  failed: "the agent's turn failed",
  gone: "the agent's session ended",
  silent: "the agent's turn ended without an answer",
} as const

const nothing: Batch = { ids: [], hasOthers: false }
export const noTurn: TurnState = { open: null, left: nothing }

type Step = readonly [TurnState, readonly TurnEffect[]]

/**
 * What an event makes of a session's turn.
 * @param answered - of the ids in `state`, those that the agent has answered itself
 * @param mostUnits - the longest text that goes as a message
 */
export function stepTurn(
  state: TurnState,
  event: TurnEvent,
  answered: ReadonlySet<string>,
  mostUnits: number,
): Step {
  const told = (batch: Batch, reason: string): TurnEffect[] =>
    batch.ids.filter(id => !answered.has(id)).map(id => ({ kind: "no-answer", id, reason }))
  const toldAll = (reason: string): TurnEffect[] => told(everythingIn(state), reason)
  switch (event.kind) {
    case "prompt": {
      const [next, interrupted] = prompted(state, event)
      return [next, told(interrupted, noAnswerReasons.interrupted)]
    }
    case "person":
      return [withPerson(state, event.turn), []]
    case "unseen":
      return [withUnseen(state), []]
    case "ended": {
      const [turn, interrupted] = endingTurn(state, event.turn)
      const effects = told(interrupted, noAnswerReasons.interrupted)
      if (turn === null) return [noTurn, effects]
      const [next, more] = ended(turn, event, answered, mostUnits)
      return [next, [...effects, ...more]]
    }
    case "failed": {
      const [turn, interrupted] = endingTurn(state, event.turn)
      const effects = told(interrupted, noAnswerReasons.interrupted)
      if (turn === null) return [noTurn, effects]
      return [closed(turn), [...effects, ...told(turn.own, noAnswerReasons.failed)]]
    }
    case "gone":
      return [noTurn, toldAll(noAnswerReasons.gone)]
    case "idle":
      return [noTurn, toldAll(noAnswerReasons.interrupted)]
  }
}

/** The short ids that a session still owes something. */
export const idsIn = (state: TurnState): readonly string[] => everythingIn(state).ids

const withOthers = (batch: Batch): Batch => ({ ...batch, hasOthers: true })

const everythingIn = ({ open, left }: TurnState): Batch =>
  join(join(open?.own ?? nothing, open?.queued ?? nothing), left)

const join = (a: Batch, b: Batch): Batch => ({
  ids: [...a.ids, ...b.ids],
  hasOthers: a.hasOthers || b.hasOthers,
})

/** The state with the prompt in it, and the batch whose turn was interrupted, as this prompt shows. */
function prompted(
  { open, left }: TurnState,
  event: Extract<TurnEvent, { kind: "prompt" }>,
): readonly [TurnState, Batch] {
  const { turn } = event
  const batch: Batch = { ids: event.ids, hasOthers: event.hasOthers }
  const start = (own: Batch): TurnState => ({
    ...noTurn,
    open: { turn, own, queued: nothing, isAsked: false },
  })
  if (open === null)
    return [start(join(left, { ...batch, hasOthers: batch.hasOthers || batch.ids.length === 0 })), nothing]
  if (event.isOwn) return [{ open: { ...open, turn, own: join(open.own, batch) }, left }, nothing]
  if (turn !== null && turn === open.turn)
    return [{ open: { ...open, queued: join(open.queued, batch) }, left }, nothing]
  // What was queued behind the interrupted turn may have been taken with this prompt, or before it.
  return [start(join(open.queued, batch)), open.own]
}

/** With a person's part in the turn of this id, or of none; what is queued may be what runs. */
function withPerson({ open, left }: TurnState, turn: string | null): TurnState {
  const marked = (batch: Batch): Batch => ({ ...batch, hasOthers: batch.hasOthers || batch.ids.length > 0 })
  if (open === null) return { open, left: marked(left) }
  const isQueued = turn !== null && open.turn !== null && turn !== open.turn
  return {
    open: { ...open, own: marked(open.own), queued: isQueued ? marked(open.queued) : open.queued },
    left,
  }
}

/** With others' part in whatever waits; what was queued without a word may have been a person's too. */
function withUnseen({ open, left }: TurnState): TurnState {
  if (open === null) return { open, left: withOthers(left) }
  return { open: { ...open, own: withOthers(open.own), queued: withOthers(open.queued) }, left }
}

/**
 * The turn that ends, and the batch that was interrupted without a word before it. A turn whose prompt nobody told is
 * perhaps that of what was queued, and perhaps a person's own: Claude Code 2.1.330 takes what is queued within the
 * running turn as well, and then the next one is another's.
 */
function endingTurn({ open, left }: TurnState, turn: string | null): readonly [Turn | null, Batch] {
  const next = (own: Batch): Turn => ({ turn, own: withOthers(own), queued: nothing, isAsked: false })
  if (open === null) return [left.ids.length === 0 ? null : next(left), nothing]
  if (turn === null || open.turn === null || turn === open.turn) return [open, nothing]
  return [next(open.queued), open.own]
}

/** The state after a turn: what was queued behind it may follow. */
const closed = ({ queued }: Turn): TurnState => ({ open: null, left: queued })

function ended(
  ending: Turn,
  event: Extract<TurnEvent, { kind: "ended" }>,
  answered: ReadonlySet<string>,
  mostUnits: number,
): Step {
  const turn = event.hasOthers ? { ...ending, own: withOthers(ending.own) } : ending
  const all = join(turn.own, turn.queued)
  const waiting = all.ids.filter(id => !answered.has(id))
  const [only] = waiting
  if (only === undefined) return [closed({ ...turn, queued: { ...turn.queued, ids: [] } }), []]
  // Nobody else had a part in these words: neither another peer, nor a person, nor what still runs.
  const isItsAnswer = all.ids.length === 1 && !all.hasOthers && !event.hasBackground
  if (isItsAnswer && event.text !== "" && event.text.length <= mostUnits)
    return [noTurn, [{ kind: "reply", id: only, text: event.text }]]
  if (!turn.isAsked && !event.isContinued) {
    const sentence = sentenceFor(waiting, event.text.length > mostUnits ? mostUnits : null)
    return [{ ...noTurn, open: { ...turn, isAsked: true } }, [{ kind: "block", sentence }]]
  }
  const silent = turn.own.ids.filter(id => !answered.has(id))
  return [closed(turn), silent.map(id => ({ kind: "no-answer", id, reason: noAnswerReasons.silent }))]
}

/**
 * Whether a prompt is {@link sentenceFor} and not a word more, as programs give it back: a person can begin and end
 * theirs like it.
 */
export function isSentence(prompt: string): boolean {
  const said = prompt.trim()
  const { ids, most } = sentence.exec(said)?.groups ?? {}
  return ids !== undefined && said === sentenceFor(ids.split(", "), most === undefined ? null : Number(most))
}

const sentence =
  /^Sentō: messages? (?<ids>[0-9a-z]{4}(?:, [0-9a-z]{4})*) ha(?:s|ve) no answer yet; (?:.* in at most (?<most>\d{1,9}) characters now; )?/

/** What the agent is asked. @param mostUnits - where its words were too long to be sent as they are, or null */
export function sentenceFor(ids: readonly string[], mostUnits: number | null): string {
  // As the line below a message says it: in double quotes the shell would run a part of the answer.
  const commands = ids.map(id => `\`sento reply ${id} - <<'EOF'\``).join(", ")
  const isOne = ids.length === 1
  const length = mostUnits === null ? "" : ` in at most ${mostUnits} characters`
  return (
    `Sentō: ${isOne ? `message ${ids[0]} has` : `messages ${ids.join(", ")} have`} no answer yet; ` +
    `your last words were not sent. Run ${commands}, below it your answer and EOF on a line of its own (or use the tool \`reply\`)${isOne ? "" : ", each for its own agent,"}${length} now; ` +
    "if there is nothing to answer, say so in it."
  )
}
