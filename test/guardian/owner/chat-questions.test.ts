/** The machine of the questions in a chat, fed with events in awkward orders: all that it wants done. */
import { describe, expect, test } from "bun:test"
import { backOffMilliseconds, pollMilliseconds, step } from "../../../src/guardian/owner/chat-questions.ts"
import {
  type ChatEffect,
  type ChatEvent,
  type ChatState,
  isBusy,
  startChat,
} from "../../../src/guardian/owner/chat-state.ts"
import type { ChatMessage } from "../../../src/protocol/answers.ts"
import type { Question } from "../../../src/protocol/questions.ts"

const place = { chat: "telegram", owner: { user: "7", chat: "7" }, self: "mira" } as const
const day = 24 * 60 * 60 * 1000

const questionOf = (id: string, name: string): Question => ({
  id,
  kind: "request",
  name,
  as: name,
  claimedHost: null,
  host: "192.0.2.7",
  port: 9877,
  verifier: "65T6V-3FSB8",
  taken: false,
  createdAt: 0,
  expiresAt: day,
})
const kai: ChatEvent = { kind: "question", question: questionOf("k7q2", "kai") }
const ada: ChatEvent = { kind: "question", question: questionOf("m3x9", "ada") }
const free: ChatEvent = { kind: "free" }
const asked = (message: string): ChatEvent => ({ kind: "asked", message })
const ended = (id: string): ChatEvent => ({ kind: "ended", id, how: "denied" })
const heard = (...messages: readonly ChatMessage[]): ChatEvent => ({
  kind: "heard",
  messages,
  cursor: "c",
  hasWaited: true,
})
const done: ChatEvent = { kind: "answered", answered: { kind: "done", text: "Paired." } }
const failed = (change: Partial<Extract<ChatEvent, { kind: "failed" }>>): ChatEvent => ({
  kind: "failed",
  failure: { kind: "unreachable", reason: "no connection" },
  message: "telegram cannot be reached: no connection",
  stack: "",
  isCut: false,
  random: 0,
  ...change,
})
const refused = failed({ failure: { kind: "refused", detail: "gone" }, message: "telegram refuses: gone" })
const write = (id: string, text: string, repliesTo: string | null = null): ChatMessage => ({
  id,
  chat: "7",
  isPrivate: true,
  author: "7",
  isBot: false,
  isEdited: false,
  isForwarded: false,
  repliesTo,
  text,
})

function feed(...events: readonly ChatEvent[]): { state: ChatState; effects: readonly ChatEffect[] } {
  let now: { state: ChatState; effects: readonly ChatEffect[] } = { state: startChat([]), effects: [] }
  for (const event of events) now = step(now.state, event, place)
  return now
}

/** The last event's effects, in short. */
const wanted = (...events: readonly ChatEvent[]): string[] => feed(...events).effects.map(inShort)

function inShort(effect: ChatEffect): string {
  switch (effect.kind) {
    case "keep": {
      const { isAlone, ended: how, isLeft, reminded } = effect.asked
      const marks = [isAlone ? "alone" : "", how ?? "", isLeft ? "left" : "", ...reminded]
      return `keep ${effect.id}: ${marks.filter(mark => mark !== "").join(", ")}`
    }
    case "forget":
      return `forget ${effect.id}`
    case "move-cursor":
      return `cursor ${effect.cursor}`
    case "log":
      return `log ${effect.line}`
    case "ask":
      return `ask ${effect.text.split(" ")[1]}`
    case "show":
      return `show ${effect.message}: ${effect.text.split("→ ")[1]}`
    case "say":
      return `say ${effect.text}`
    case "listen":
      return `listen ${effect.asked.join(" ")}`
    case "answer":
      return `answer ${effect.id} ${effect.answer}`
    case "pause":
      return `pause ${effect.milliseconds} until ${effect.until}`
    default:
      return effect satisfies never
  }
}

const open = [kai, free, asked("1")]
const answering = [...open, free, heard(write("2", "yes"))]
const withdrawn = [...open, ended("k7q2"), free]
const notice: ChatEvent = { kind: "notice", text: "kai is gone" }

describe("what is to be done", () => {
  test.each<[string, ChatEvent[], string[]]>([
    ["nothing, before it is asked for", [kai], []],
    ["a question is asked, the chat read from there", [kai, free], ["cursor null", "ask kai"]],
    ["it is kept as soon as it stands", open, ["keep k7q2: alone"]],
    [
      "a second one is asked before listening, and neither is alone",
      [...open, ada, free],
      ["keep k7q2: ", "ask ada"],
    ],
    ["of two that wait the first one is asked first", [kai, ada, free], ["cursor null", "ask kai"]],
    [
      "an answer that came too late is told, and elsewhere is the question's end",
      [...answering, { kind: "answered", answered: { kind: "late" } }],
      ["keep k7q2: alone, answered elsewhere"],
    ],
    [
      "and the first thing said is what came of the word",
      [...answering, { kind: "answered", answered: { kind: "late" } }, free, { kind: "shown" }, free],
      ["say That question was answered elsewhere."],
    ],
    [
      "what cannot be done here and has ended meanwhile was answered here",
      [...answering, ended("k7q2"), { kind: "answered", answered: { kind: "impossible", text: "no" } }],
      ["keep k7q2: alone, answered here: yes"],
    ],
    [
      "a chat that stays quiet is left alone for longer, and one that has spoken for less",
      [
        ...open,
        ...[free, { kind: "heard", messages: [], cursor: "c", hasWaited: false } as const],
        ...[free, { kind: "heard", messages: [], cursor: "c", hasWaited: false } as const],
      ],
      ["cursor c", "pause 2880 until news"],
    ],
    [
      "and is asked soon again once it has spoken",
      [
        ...open,
        ...[free, { kind: "heard", messages: [], cursor: "c", hasWaited: false } as const],
        ...[
          free,
          {
            kind: "heard",
            messages: [{ ...write("2", "yes"), author: "9" }],
            cursor: "d",
            hasWaited: false,
          } as const,
        ],
      ],
      ["cursor d", "pause 2000 until news"],
    ],
    [
      "one that ended while it was sent stands as ended",
      [kai, free, ended("k7q2"), asked("1")],
      ["keep k7q2: alone, answered elsewhere: denied"],
    ],
    [
      "what became of it is shown before anything is said",
      [...open, notice, ended("k7q2"), free],
      ["show 1: answered elsewhere: denied"],
    ],
    ["once shown it is forgotten", [...withdrawn, { kind: "shown" }], ["forget k7q2", "cursor null"]],
    [
      "where the chat refuses the edit, it is left",
      [...withdrawn, refused],
      [
        "log telegram: telegram refuses: gone",
        "keep k7q2: alone, answered elsewhere: denied, left",
        "cursor null",
      ],
    ],
    ["a line is said before listening", [...open, notice, free], ["say kai is gone"]],
    ["one that is refused is left", [notice, free, refused], ["log telegram: telegram refuses: gone"]],
    ["the owner's yes goes to the Guardian", answering, ["answer k7q2 yes"]],
    [
      "and what came of it is the question's end",
      [...answering, done],
      ["keep k7q2: alone, answered here: yes"],
    ],
    [
      "also where it was withdrawn meanwhile",
      [...answering, ended("k7q2"), done],
      ["keep k7q2: alone, answered here: yes"],
    ],
    [
      "a second word that came along is judged by what the first has changed",
      [...open, free, heard(write("2", "yes"), write("3", "no")), done],
      ["keep k7q2: alone, answered here: yes"],
    ],
    [
      "where it cannot be done it stays open, and the chat is read on",
      [...answering, { kind: "answered", answered: { kind: "impossible", text: "no" } }],
      ["cursor c"],
    ],
    [
      "an unclear word is asked about once",
      [...open, free, heard(write("2", "hm"), write("3", "hm"))],
      ["keep k7q2: alone, word", "cursor c"],
    ],
    [
      "a chat that does not wait is left alone for a while",
      [...open, free, { kind: "heard", messages: [], cursor: "c", hasWaited: false }],
      ["cursor c", "pause 2400 until news"],
    ],
    ["what was cut short is no failure", [...open, free, failed({ isCut: true })], []],
    [
      "trouble is logged, and waited out",
      [...open, free, failed({})],
      ["log telegram cannot be reached: no connection", "pause 1000 until end"],
    ],
    [
      "the same again is not logged again, and waited out longer",
      [...open, free, failed({}), free, failed({})],
      ["pause 2000 until end"],
    ],
    [
      "a wish to be left alone is honoured",
      [...open, free, failed({ failure: { kind: "later", retryAfterSeconds: 7 }, message: "later" })],
      ["log later", "pause 7000 until end"],
    ],
    [
      "a bug is told with its stack",
      [...answering, failed({ failure: null, stack: "Error: x" })],
      ["log bug: Error: x", "pause 1000 until end"],
    ],
    [
      "a revoked token ends it",
      [...open, free, failed({ failure: { kind: "unauthorised" }, message: "no" })],
      ["log no; run `sento owner add telegram`, then `sento guard restart`"],
    ],
    ["what was heard by waiting is listened for again at once", [...open, free, heard()], ["cursor c"]],
    [
      "so it is where something is to be said",
      [...open, free, { ...heard(write("2", "hm")), hasWaited: false } as ChatEvent],
      ["keep k7q2: alone, word", "cursor c"],
    ],
    ["or to be shown", [...open, free, ended("k7q2"), { ...heard(), hasWaited: false } as ChatEvent], []],
    ["a word to none that is open moves nothing on", [free, heard(write("2", "yes"))], []],
    [
      "of two a bare word is for neither, and that is said once of both",
      [...open, ada, free, asked("2"), free, heard(write("3", "yes"), write("4", "no"))],
      ["keep k7q2: which", "keep m3x9: which", "cursor c"],
    ],
    [
      "one that is asked for another reason is told that too",
      [...open, ada, free, asked("2"), free, heard(write("3", "yes"), write("4", "hm", "1"))],
      ["keep k7q2: which", "keep m3x9: which", "keep k7q2: which, word", "cursor c"],
    ],
    [
      "of two a reply is for the one that it replies to",
      [...open, ada, free, asked("2"), free, heard(write("3", "no", "2"))],
      ["answer m3x9 no"],
    ],
    ["both are listened for", [...open, ada, free, asked("2"), free], ["listen 1 2"]],
    [
      "another one that ends while a word is acted on has ended",
      [...open, ada, free, asked("2"), free, heard(write("3", "yes", "1")), ended("m3x9")],
      ["keep m3x9: answered elsewhere: denied"],
    ],
    [
      "and one that ends while another is sent leaves that open",
      [...open, ada, free, ended("k7q2"), asked("2")],
      ["keep m3x9: "],
    ],
    ["the first word about an end is the one that stays", [...open, ended("k7q2"), ended("k7q2")], []],
    [
      "so it is with one that ends while it is sent",
      [
        ...[kai, free, { kind: "ended", id: "k7q2", how: "expired" } as const],
        ...[ended("k7q2"), asked("1")],
      ],
      ["keep k7q2: alone, nobody answered in time"],
    ],
    [
      "an approval elsewhere is told as one, and as one that failed",
      [...open, { kind: "ended", id: "k7q2", how: "approved" }],
      ["keep k7q2: alone, answered elsewhere: approved"],
    ],
    [
      "the latter",
      [...open, { kind: "ended", id: "k7q2", how: "failed" }],
      ["keep k7q2: alone, approved elsewhere, and it failed"],
    ],
    [
      "one that is shown where another is open leaves the chat read on",
      [...open, ada, free, asked("2"), ended("k7q2"), free, { kind: "shown" }],
      ["forget k7q2"],
    ],
    [
      "what is refused of listening is waited out",
      [...open, free, refused],
      ["log telegram refuses: gone", "pause 1000 until end"],
    ],
    [
      "a shorter wish than the usual wait is none",
      [
        ...[...open, free, failed({}), free, failed({})],
        ...[free, failed({ failure: { kind: "later", retryAfterSeconds: 3 }, message: "later" })],
      ],
      ["log later", "pause 4000 until end"],
    ],
    [
      "up to half of a wait is off",
      [...open, free, failed({ random: 0.5 })],
      ["log telegram cannot be reached: no connection", "pause 750 until end"],
    ],
    [
      "trouble that comes again behind something that went is logged again, and waited out as the first",
      [...open, free, failed({}), free, heard(), free, failed({})],
      ["log telegram cannot be reached: no connection", "pause 1000 until end"],
    ],
    [
      "a question that could not be sent is sent again",
      [kai, free, failed({}), free],
      ["cursor null", "ask kai"],
    ],
  ])("%s", (_, events, want) => expect(wanted(...events)).toEqual(want))
})

test("waits double to five minutes, and looks are 2 s apart first and 30 s at last", () => {
  expect([1, 2, 9, 10, 40].map(failures => backOffMilliseconds(failures, 0))).toEqual([
    1000, 2000, 256_000, 300_000, 300_000,
  ])
  expect(backOffMilliseconds(40, 0.5)).toBe(225_000)
  expect([0, 1, 40].map(pollMilliseconds)).toEqual([2000, 2400, 30_000])
})

test("what became of a question is left after eight tries, and each has its own", () => {
  const tries = (count: number) => Array.from({ length: count }, () => [free, failed({})]).flat()
  const events = [...open, ada, free, asked("2"), ended("k7q2")]
  expect(wanted(...events, ...tries(7))).toEqual(["pause 64000 until end"])
  expect(wanted(...events, ...tries(8))).toEqual([
    "log telegram: telegram cannot be reached: no connection",
    "keep k7q2: answered elsewhere: denied, left",
  ])
  const both = [...events, ended("m3x9"), ...tries(8)]
  expect(wanted(...both, ...tries(7))).toEqual(["pause 64000 until end"])
  expect(isBusy(feed(...both, ...tries(8)).state)).toBe(false)
  expect(isBusy(feed(...both, ...tries(7)).state)).toBe(true)
})

test("a line has its eight tries, whatever was tried of another", () => {
  const tries = (count: number) => Array.from({ length: count }, () => [free, failed({})]).flat()
  const events = [notice, ...tries(7), free, { kind: "said" } as ChatEvent, notice]
  expect(wanted(...events, ...tries(7)).at(-1)).toBe("pause 64000 until end")
  expect(isBusy(feed(...events, ...tries(7)).state)).toBe(true)
  expect(isBusy(feed(...events, ...tries(8)).state)).toBe(false)
})

test("a token that is taken no more is no line that nobody takes, however often it was tried", () => {
  const tries = Array.from({ length: 7 }, () => [free, failed({})]).flat()
  const { state, effects } = feed(notice, ...tries, free, failed({ failure: { kind: "unauthorised" } }))
  expect([state.isDead, effects.length, state.lines.length]).toEqual([true, 1, 1])
})

test("one that the chat left is in the way of a bare word until its time is over", () => {
  const at = (createdAt: number): ChatEvent => ({
    kind: "question",
    question: { ...questionOf("m3x9", "ada"), createdAt, expiresAt: createdAt + day },
  })
  const left = [...withdrawn, refused]
  expect(wanted(...left, at(day - 1), free, asked("2"))).toEqual(["keep m3x9: "])
  expect(wanted(...left, at(day), free)).toEqual(["forget k7q2", "cursor null", "ask ada"])
  expect(wanted(...left, at(day), free, asked("2"))).toEqual(["keep m3x9: alone"])
  // One that is still open is not over by its time: whoever keeps the books says when.
  expect(wanted(...open, at(day), free)).toEqual(["keep k7q2: ", "ask ada"])
})

test("a question, a line or an end that is not shown is something to do", () => {
  expect(isBusy(startChat([]))).toBe(false)
  expect(isBusy(feed(kai).state)).toBe(true)
  expect(isBusy(feed(notice).state)).toBe(true)
  expect(isBusy(feed(...open, ended("k7q2")).state)).toBe(true)
  expect(isBusy(feed(...withdrawn, { kind: "shown" }).state)).toBe(false)
  expect(isBusy(feed(...withdrawn, refused).state)).toBe(false)
})

test("what an older build kept is read, with nothing left and no time", () => {
  const kept = { message: "1", line: "l", isAlone: true, reminded: [], ended: null }
  const { asked: read } = startChat([["k7q2", JSON.stringify(kept)]])
  expect([...read]).toEqual([["k7q2", { ...kept, isLeft: false, expiresAt: 0 }]])
})

test("a line that nobody takes is left after eight tries", () => {
  const tries = Array.from({ length: 8 }, () => [free, failed({})]).flat()
  expect(wanted(notice, ...tries)).toEqual(["log telegram: telegram cannot be reached: no connection"])
  expect(isBusy(feed(notice, ...tries).state)).toBe(false)
})

test("a question that ended while it could not be sent is not tried again", () =>
  expect(isBusy(feed(kai, free, ended("k7q2"), failed({})).state)).toBe(false))

test("after a revoked token nothing is to be done any more, and nothing is kept to be said", () => {
  const { state } = feed(kai, free, failed({ failure: { kind: "unauthorised" } }), notice)
  expect([isBusy(state), state.lines]).toEqual([false, []])
})

test("what waited and is not asked any more has ended", () => {
  const { state } = feed(...open)
  const kept = [...state.asked].map(([id, one]) => [id, JSON.stringify(one)] as const)
  const again = startChat([...kept, ["zzzz", "{}"]])
  expect(step(again, { kind: "restarted" }, place).effects.map(inShort)).toEqual([
    "keep k7q2: alone, it has ended",
  ])
  const asks = step(again, kai, place).state
  expect(step(asks, { kind: "restarted" }, place).effects).toEqual([])
})

test.each([asked("1"), { kind: "shown" }, { kind: "said" }, heard(write("2", "yes")), done] as ChatEvent[])(
  "the outcome of a call that is not under way is ignored: $kind",
  event => {
    const { state } = feed(...open)
    expect(step(state, event, place)).toEqual({ state, effects: [] })
  },
)
