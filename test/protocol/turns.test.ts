import { describe, expect, test } from "bun:test"
import {
  isSentence,
  noTurn,
  sentenceFor,
  stepTurn,
  type TurnEvent,
  type TurnState,
} from "../../src/protocol/turns.ts"

const mostUnits = 100

type Event = TurnEvent | { readonly kind: "answered"; readonly id: string }

const from = (turn: string | null, ...ids: string[]): TurnEvent => ({
  kind: "prompt",
  turn,
  ids,
  hasOthers: ids.length === 0,
  isOwn: false,
})
const person = (turn: string | null): TurnEvent => from(turn)
/** Our own sentence as a prompt. */
const own = (turn: string | null): TurnEvent => ({
  kind: "prompt",
  turn,
  ids: [],
  hasOthers: false,
  isOwn: true,
})
/** A background task ended: nobody knows whose. */
const task = (turn: string | null): TurnEvent => ({ ...own(turn), hasOthers: true }) as TurnEvent
/** A prompt of nobody's. */
const nobody = (turn: string | null): TurnEvent => ({ ...own(turn), isOwn: false }) as TurnEvent
const ends = (
  turn: string | null,
  text = "words",
  more: { isContinued?: boolean; hasBackground?: boolean; hasOthers?: boolean } = {},
): TurnEvent => ({
  kind: "ended",
  turn,
  text,
  isContinued: false,
  hasBackground: false,
  hasOthers: false,
  ...more,
})
const again = (turn: string | null, text = "words"): TurnEvent => ends(turn, text, { isContinued: true })
const dialog = (turn: string | null): TurnEvent => ({ kind: "person", turn })
/** Somebody may have had a part, in whatever runs. */
const unseen: TurnEvent = { kind: "unseen" }
const failed = (turn: string | null): TurnEvent => ({ kind: "failed", turn })
const replied = (id: string): Event => ({ kind: "answered", id })

/** What the events bring, a word for each effect. */
function told(events: readonly Event[]): { readonly effects: string[]; readonly state: TurnState } {
  const answered = new Set<string>()
  const effects: string[] = []
  let state = noTurn
  for (const event of events) {
    if (event.kind === "answered") {
      answered.add(event.id)
      continue
    }
    const [next, made] = stepTurn(state, event, answered, mostUnits)
    state = next
    for (const effect of made) {
      if (effect.kind === "reply") effects.push(`${effect.id} gets: ${effect.text}`)
      else if (effect.kind === "no-answer") effects.push(`${effect.id} gets none: ${effect.reason}`)
      else
        effects.push(
          `asked for ${[...effect.sentence.matchAll(/reply (\w+)/g)].map(one => one[1]).join(" ")}`,
        )
    }
  }
  return { effects, state }
}

const interrupted = "the agent's turn was interrupted"
const silent = "the agent's turn ended without an answer"

describe("a turn", () => {
  test.each<readonly [string, readonly Event[], readonly string[]]>([
    ["of one message sends its last words back", [from("A", "k"), ends("A")], ["k gets: words"]],
    ["of a program without ids of turns too", [from(null, "k"), ends(null)], ["k gets: words"]],
    ["of a person sends nothing", [person("A"), ends("A")], []],
    ["nobody told of sends nothing", [ends("A")], []],
    ["that the agent answered itself sends nothing", [from("A", "k"), replied("k"), ends("A")], []],
    [
      "of two messages asks for both, and no words cross over",
      [from("A", "k", "l"), ends("A")],
      ["asked for k l"],
    ],
    [
      "of two messages of which one is answered asks for the other",
      [from("A", "k", "l"), replied("k"), ends("A")],
      ["asked for l"],
    ],
    ["with a dialog for a person in it asks", [from("A", "k"), dialog("A"), ends("A")], ["asked for k"]],
    [
      "after one with a dialog in it sends its words",
      [from("A", "k"), dialog("A"), replied("k"), ends("A"), from("B", "l"), ends("B")],
      ["l gets: words"],
    ],
    [
      "that was queued, with a dialog in it, asks",
      [person("A"), from("A", "k"), ends("A"), again("A"), dialog("B"), ends("B"), again("B")],
      ["asked for k", "asked for k", `k gets none: ${silent}`],
    ],
    [
      "taken without a word, with a dialog in it, asks",
      [from("A", "k"), from("A", "l"), replied("k"), dialog("B"), ends("B")],
      ["asked for l"],
    ],
    [
      "that says to have begun with others' words asks, and goes on to say nothing by itself",
      [from(null, "k"), ends(null, "secret", { hasOthers: true }), again(null, "more of it")],
      ["asked for k", `k gets none: ${silent}`],
    ],
    ["with an unseen part in it asks", [from("A", "k"), unseen, ends("A")], ["asked for k"]],
    [
      "with an unseen part in it is asked once, and sends no later words either",
      [from("A", "k"), unseen, ends("A"), again("A", "secret")],
      ["asked for k", `k gets none: ${silent}`],
    ],
    [
      "asked when something unseen came sends no words",
      [from("A", "k"), ends("A", ""), unseen, again("A", "secret")],
      ["asked for k", `k gets none: ${silent}`],
    ],
    [
      "with a message queued behind it, and an unseen part, asks for both",
      [from("A", "k"), from("A", "l"), unseen, replied("k"), ends("A", "secret")],
      ["asked for l"],
    ],
    [
      "behind which something unseen may have been queued leaves its answer alone",
      [from("A", "k"), unseen, replied("k"), ends("A"), from("B", "l"), ends("B", "for the person")],
      ["asked for l"],
    ],
    [
      "left behind, when something unseen came, asks when it is told",
      [from("A", "k"), from("A", "l"), ends("A"), again("A"), unseen, own("B"), ends("B", "secret")],
      ["asked for k l", `k gets none: ${silent}`, "asked for l"],
    ],
    [
      "after one with an unseen part sends its words",
      [
        ...[from("A", "k"), unseen, ends("A"), again("A")],
        ...[from("B", "l"), ends("B"), replied("l"), again("B")],
        ...[from("C", "m"), ends("C")],
      ],
      ["asked for k", `k gets none: ${silent}`, "asked for l", "m gets: words"],
    ],
    ["of a person, with a dialog, asks nobody", [person("A"), dialog("A"), ends("A")], []],
    ["with a person's prompt behind it asks", [from("A", "k"), person("A"), ends("A")], ["asked for k"]],
    [
      "of a person, with a message queued behind it, asks",
      [person("A"), from("A", "k"), ends("A")],
      ["asked for k"],
    ],
    [
      "with a task in the background asks",
      [from("A", "k"), ends("A", "started it", { hasBackground: true })],
      ["asked for k"],
    ],
    [
      "in which a task of whomever ended sends no words",
      [from("A", "k"), task("A"), ends("A", "your build failed"), again("A", "it did")],
      ["asked for k", `k gets none: ${silent}`],
    ],
    [
      "after which a task ends sends no words either",
      [from("A", "k"), ends("A", "started it", { hasBackground: true }), task("B"), ends("B", "done")],
      ["asked for k", `k gets none: ${silent}`],
    ],
    ["without words asks", [from("A", "k"), ends("A", "")], ["asked for k"]],
    [
      "that found words when asked answers with them",
      [from("A", "k"), ends("A", ""), again("A", "here")],
      ["asked for k", "k gets: here"],
    ],
    ["with too many words asks", [from("A", "k"), ends("A", "x".repeat(101))], ["asked for k"]],
    [
      "with as many as go sends them",
      [from("A", "k"), ends("A", "x".repeat(100))],
      [`k gets: ${"x".repeat(100)}`],
    ],
    [
      "is asked once, and its peers are told then",
      [from("A", "k", "l"), ends("A"), again("A")],
      ["asked for k l", `k gets none: ${silent}`, `l gets none: ${silent}`],
    ],
    [
      "is asked once where the program does not say that it was",
      [from("A", "k", "l"), ends("A"), ends("A"), ends("A")],
      ["asked for k l", `k gets none: ${silent}`, `l gets none: ${silent}`],
    ],
    [
      "that answers when asked is over",
      [from("A", "k", "l"), ends("A"), replied("k"), replied("l"), again("A")],
      ["asked for k l"],
    ],
    [
      "that another hook let go on is not asked",
      [from("A", "k", "l"), again("A")],
      [`k gets none: ${silent}`, `l gets none: ${silent}`],
    ],
    [
      "asked by a prompt goes on under another id",
      [from("A", "k"), ends("A", ""), own("B"), again("B", "here")],
      ["asked for k", "k gets: here"],
    ],
    ["that fails tells its peer", [from("A", "k"), failed("A")], ["k gets none: the agent's turn failed"]],
    [
      "that failed sends nothing at a later end",
      [from("A", "k"), failed("A"), ends("B")],
      ["k gets none: the agent's turn failed"],
    ],
    ["that fails though it was answered tells nobody", [from("A", "k"), replied("k"), failed("A")], []],
    [
      "that another prompt shows to be interrupted tells its peer",
      [from("A", "k"), person("B"), ends("B")],
      [`k gets none: ${interrupted}`],
    ],
    [
      "interrupted and followed by another message sends that one its answer",
      [from("A", "k"), from("B", "l"), ends("B")],
      [`k gets none: ${interrupted}`, "l gets: words"],
    ],
    [
      "interrupted with a message queued behind it asks for the latter: the turn that ends may be another's",
      [from("A", "k"), from("A", "l"), ends("B"), again("B", "secret")],
      [`k gets none: ${interrupted}`, "asked for l", `l gets none: ${silent}`],
    ],
    [
      "interrupted with a person's prompt queued behind it never sends that person's answer",
      [from("A", "k"), person("A"), from("B", "l"), ends("B")],
      [`k gets none: ${interrupted}`, "asked for l"],
    ],
    [
      "asked with a message queued behind it tells the first, and asks for the second in the turn that follows",
      [from("A", "k"), from("A", "l"), ends("A"), again("A"), ends("B", "second"), replied("l"), again("B")],
      ["asked for k l", `k gets none: ${silent}`, "asked for l"],
    ],
    [
      "nobody told of sends its words to no message that was taken within the turn before",
      [person("A"), from("A", "k"), ends("A"), again("A"), ends("B", "secret"), again("B", "secret")],
      ["asked for k", "asked for k", `k gets none: ${silent}`],
    ],
    [
      "nobody told of sends its words to no message behind one that was answered",
      [from("A", "k"), from("A", "l"), replied("k"), ends("A", ""), again("A"), ends("B", "secret")],
      ["asked for l", "asked for l"],
    ],
    [
      "asked with two messages queued behind a person's prompt is asked again in the turn that takes them",
      [person("A"), from("A", "k"), from("A", "l"), ends("A"), again("A"), ends("B"), again("B"), ends("C")],
      ["asked for k l", "asked for k l", `k gets none: ${silent}`, `l gets none: ${silent}`],
    ],
    [
      "behind which a person's prompt was queued leaves that one's answer alone",
      [from("A", "k"), person("A"), replied("k"), ends("A"), from("B", "l"), ends("B", "for the person")],
      ["asked for l"],
    ],
    [
      "of a session that ends tells all",
      [from("A", "k"), from("A", "l"), { kind: "gone" }],
      ["k gets none: the agent's session ended", "l gets none: the agent's session ended"],
    ],
    [
      "in a pane that stays idle was interrupted",
      [from("A", "k"), { kind: "idle" }],
      [`k gets none: ${interrupted}`],
    ],
    [
      "that is over is not told of again",
      [from("A", "k"), ends("A"), { kind: "idle" }, { kind: "gone" }],
      ["k gets: words"],
    ],
    ["that a program starts by itself is nobody's", [own("A"), ends("A")], []],
    ["nobody told of that fails tells nobody", [failed("A")], []],
    [
      "behind a dialog that was nobody's sends its words",
      [dialog("A"), from("B", "k"), ends("B")],
      ["k gets: words"],
    ],
    ["whose end has no id is the one that runs", [from("A", "k"), ends(null)], ["k gets: words"]],
    ["without an id ends, whatever id its end has", [from(null, "k"), ends("B")], ["k gets: words"]],
    [
      "interrupted with a dialog in it leaves what was queued its answer",
      [from("A", "k"), from("A", "l"), dialog("A"), nobody("B"), ends("B")],
      [`k gets none: ${interrupted}`, "l gets: words"],
    ],
    [
      "interrupted with a dialog in no turn leaves what was queued its answer",
      [from("A", "k"), from("A", "l"), dialog(null), nobody("B"), ends("B")],
      [`k gets none: ${interrupted}`, "l gets: words"],
    ],
    [
      "interrupted with a dialog in another turn asks for what was queued, which may be that",
      [from("A", "k"), from("A", "l"), dialog("B"), nobody("B"), ends("B")],
      [`k gets none: ${interrupted}`, "asked for l"],
    ],
    [
      "that lost its id, interrupted with a dialog, leaves what was queued its answer",
      [from("A", "k"), from("A", "l"), own(null), dialog("B"), nobody("B"), ends("B")],
      [`k gets none: ${interrupted}`, "l gets: words"],
    ],
    [
      "that a program started by itself gives no message its words",
      [own("A"), from("A", "k"), ends("A")],
      ["asked for k"],
    ],
  ])("%s", (_, events, want) => expect(told(events).effects).toEqual([...want]))

  test("that is over leaves nothing to remember", () => {
    const over: readonly (readonly Event[])[] = [
      [from("A", "k"), ends("A")],
      [from("A", "k"), failed("A")],
      [from("A", "k", "l"), ends("A"), again("A")],
      [from("A", "k"), from("A", "l"), ends("A"), again("A"), ends("B"), again("B")],
      [person("A"), ends("A")],
      [from("A", "k"), { kind: "gone" }],
    ]
    for (const events of over) {
      const { open, left } = told(events).state
      expect({ open, ids: left.ids, hasOthers: left.hasOthers }).toEqual({
        open: null,
        ids: [],
        hasOthers: false,
      })
    }
  })
})

describe("what an agent is asked", () => {
  const rest = (ids: string, commands: string, each: string, length: string): string =>
    `Sentō: ${ids} no answer yet; your last words were not sent. Run ${commands}, below it your answer and EOF on a line of its own (or use the tool \`reply\`)${each}${length} now; if there is nothing to answer, say so in it.`
  const command = (id: string): string => `\`sento reply ${id} - <<'EOF'\``

  test.each([
    ["one message", ["k7q2"], null, rest("message k7q2 has", command("k7q2"), "", "")],
    [
      "too long an answer",
      ["k7q2"],
      100,
      rest("message k7q2 has", command("k7q2"), "", " in at most 100 characters"),
    ],
    [
      "two messages",
      ["k7q2", "a1b2"],
      100,
      rest(
        "messages k7q2, a1b2 have",
        `${command("k7q2")}, ${command("a1b2")}`,
        ", each for its own agent,",
        " in at most 100 characters",
      ),
    ],
  ])("for %s", (_, ids, most, want) => {
    expect(sentenceFor(ids, most)).toBe(want)
    expect(isSentence(`  ${want}\n`)).toBe(true)
    expect(isSentence(`${want} And more.`)).toBe(false)
    expect(isSentence(want.replace("your last words", "my last words"))).toBe(false)
  })

  test.each([
    ["words that are too long", "x".repeat(101), "in at most 100 characters"],
    ["words that are as long as may be", "x".repeat(100), null],
    ["no words", "", null],
  ])("says how long an answer may be after %s alone", (_, text, want) => {
    const [state] = stepTurn(noTurn, from("A", "k"), new Set(), mostUnits)
    const [marked] = stepTurn(state, unseen, new Set(), mostUnits)
    const [, [effect]] = stepTurn(marked, ends("A", text), new Set(), mostUnits)
    const said = effect?.kind === "block" ? effect.sentence : ""
    expect(/in at most \d+ characters/.exec(said)?.[0] ?? null).toBe(want)
    expect(said).toContain("message k has no answer yet")
  })
})
