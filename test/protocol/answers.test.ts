/** The table of docs/CONSENT.md, "In a chat". */
import { describe, expect, test } from "bun:test"
import {
  type ChatMessage,
  type ChatQuestion,
  compareMessages,
  judge,
  latestMessage,
  latestVersions,
  messageIdPattern,
  type Verdict,
} from "../../src/protocol/answers.ts"

const owner = { user: "7", chat: "70" }
const first: ChatQuestion = { id: "q1aa", message: "100", isAlone: true }
const crowd: readonly ChatQuestion[] = [
  { ...first, isAlone: false },
  { id: "q2bb", message: "200", isAlone: false },
]

const message = (change: Partial<ChatMessage> = {}): ChatMessage => ({
  id: "300",
  chat: owner.chat,
  isPrivate: true,
  author: owner.user,
  isBot: false,
  isEdited: false,
  isForwarded: false,
  repliesTo: null,
  text: "yes",
  ...change,
})

const yes: Verdict = { kind: "answer", id: "q1aa", answer: "yes" }
const no: Verdict = { kind: "answer", id: "q1aa", answer: "no" }
const again: Verdict = { kind: "unclear", ids: ["q1aa"], reason: "word" }
const which: Verdict = { kind: "unclear", ids: ["q1aa", "q2bb"], reason: "which" }
const ignored = (reason: Extract<Verdict, { kind: "ignored" }>["reason"]): Verdict => ({
  kind: "ignored",
  reason,
})
const reply = { repliesTo: "100" }
const group = { isPrivate: false }

describe("with one question that waits", () => {
  test.each([
    ["the owner's yes counts", {}, yes],
    ["the owner's no counts", { text: "no" }, no],
    ["YES counts", { text: "YES" }, yes],
    ["space and line breaks around it do not matter", { text: " \n no \t" }, no],
    ["a reply to the question counts", reply, yes],
    ["a reply in a group counts", { ...reply, ...group }, yes],
    ["what is no reply in a group does not", group, ignored("other")],
    ["small talk in a group is not asked again", { ...group, text: "lunch?" }, ignored("other")],
    ["a stranger's yes does not count", { author: "8" }, ignored("stranger")],
    ["a stranger's reply in a group does not", { ...reply, ...group, author: "8" }, ignored("stranger")],
    ["a stranger is not asked again", { author: "8", text: "sure" }, ignored("stranger")],
    ["one without an author does not count", { author: null }, ignored("stranger")],
    ["a bot's yes does not, even under the owner's id", { isBot: true }, ignored("bot")],
    ["the owner's yes in another chat does not", { chat: "71" }, ignored("elsewhere")],
    ["the owner's yes before the question does not", { id: "99" }, ignored("early")],
    ["a reply that is older than the question does not", { ...reply, id: "99" }, ignored("early")],
    ["the question's own message does not", { id: "100" }, ignored("early")],
    ["a reply to another message does not", { repliesTo: "98" }, ignored("other")],
    ["an edited yes never counts, and is asked again", { isEdited: true }, again],
    ["an edited reply never counts, and is asked again", { ...reply, isEdited: true }, again],
    ["a forwarded yes is not the owner's word", { isForwarded: true }, again],
    ["Yes! is asked again", { text: "Yes!" }, again],
    ["y is asked again", { text: "y" }, again],
    ["yes please is asked again", { text: "yes please" }, again],
    ["yes and no are asked again", { text: "yes\nno" }, again],
    ["nothing, as with a picture, is asked again", { text: "" }, again],
    ["a yes of other letters is asked again", { text: "уes" }, again],
    ["an invisible sign within is asked again", { text: "y\u200bes" }, again],
    ["`Yes!` as a reply is asked again", { ...reply, text: "Yes!" }, again],
  ] as const)("%s", (_, change, want) => expect(judge(owner, [first], message(change))).toEqual(want))
})

describe("with two questions that wait", () => {
  test.each([
    ["a bare yes is for neither: the owner is asked which", {}, which],
    ["so is anything else", { text: "both!" }, which],
    ["a reply counts for the very question", reply, yes],
    ["a reply counts for the other one", { repliesTo: "200" }, { ...yes, id: "q2bb" }],
    ["a yes between the two is not for the first any more", { id: "150" }, { ...which, ids: ["q1aa"] }],
    ["a yes before both is ignored", { id: "50" }, ignored("early")],
  ] as const)("%s", (_, change, want) => expect(judge(owner, crowd, message(change))).toEqual(want))

  test("when one has ended, a bare yes for the other still is not enough: it may have been for the one that ended", () => {
    const left = crowd.slice(1)
    expect(judge(owner, left, message())).toEqual({ kind: "unclear", ids: ["q2bb"], reason: "which" })
    expect(judge(owner, left, message({ repliesTo: "200" }))).toEqual({ ...yes, id: "q2bb" })
  })
})

test("with no question nothing counts: a message that comes twice answers once", () => {
  expect(judge(owner, [], message())).toEqual(ignored("none"))
})

describe("messages that came together", () => {
  test("one that was edited meanwhile is an edited one", () => {
    const versions = [message(), message({ text: "no", isEdited: true })]
    expect(latestVersions(versions)).toEqual([message({ text: "no", isEdited: true })])
    expect(latestVersions(versions.toReversed())).toEqual([message({ isEdited: true })])
  })
  test("one that came twice is one", () =>
    expect(latestVersions([message(), message()])).toEqual([message()]))
  test("the same id in another chat is another message", () =>
    expect(latestVersions([message(), message({ chat: "71" })])).toHaveLength(2))
})

describe("the order of messages", () => {
  test.each([
    ["Telegram's counts", "9", "10", -1],
    ["Discord's snowflakes, beyond what a double holds", "1175500000000000001", "1175500000000000000", 1],
    ["Slack's time stamps", "1700000000.000099", "1700000000.000100", -1],
    ["the same", "1700000000.000100", "1700000000.000100", 0],
  ])("%s", (_, one, other, want) => expect(compareMessages(one, other)).toBe(want))
  test.each([
    ["the later of two", ["9", "10"], "10"],
    ["whichever came first", ["10", "9"], "10"],
    ["behind the one that is before all", ["0", "1"], "1"],
    ["one alone", ["7"], "7"],
    ["of two that are the same, the first", ["1.000000", "1000000"], "1.000000"],
  ])("the latest: %s", (_, ids, want) => expect(latestMessage(ids)).toBe(want))
  test.each(["", "-1", "1.5", "0x10", "1e3", "100 "])("%p is no id", text =>
    expect(messageIdPattern.test(text)).toBe(false),
  )
})
