import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { mostLastWords } from "../../src/protocol/hook-limits.ts"
import { digestOf, readHook, tagsIn, transcriptOf } from "../../src/protocol/hooks.ts"
import { layOut } from "../../src/protocol/layout.ts"
import { noTurn, stepTurn } from "../../src/protocol/turns.ts"
import { promptCases } from "../hooks/prompt-cases.ts"
import { processorMilliseconds } from "../support/processor.ts"

const [, effects] = stepTurn(
  {
    ...noTurn,
    open: {
      turn: null,
      own: { ids: ["k7q2", "a1b2"], hasOthers: false },
      queued: { ids: [], hasOthers: false },
      isAsked: false,
    },
  },
  { kind: "ended", turn: null, text: "", isContinued: false, hasBackground: false, hasOthers: false },
  new Set(),
  100,
)
const sentence = effects[0]?.kind === "block" ? effects[0].sentence : ""

const prompt = (prompt: string) => ({ session_id: "s", prompt })

describe("a hook's input", () => {
  const ended = {
    kind: "ended",
    turn: null,
    text: "",
    isContinued: false,
    hasBackground: false,
    digest: null,
  }
  const kai = layOut("kai", "k7q2", "hello")
  test.each([
    [
      "Claude Code's prompt",
      "UserPromptSubmit",
      { ...prompt("hi"), prompt_id: "p" },
      { kind: "prompt", turn: "p", tags: [], digest: null, author: null },
    ],
    [
      "Codex' prompt",
      "UserPromptSubmit",
      { ...prompt("hi"), turn_id: "t" },
      { kind: "prompt", turn: "t", tags: [], digest: null, author: null },
    ],
    [
      "Gemini CLI's prompt",
      "BeforeAgent",
      prompt("hi"),
      { kind: "prompt", turn: null, tags: [], digest: null, author: null },
    ],
    [
      "a prompt that Claude Code wrote itself",
      "UserPromptSubmit",
      prompt("<task-notification>\n<task-id>b</task-id>"),
      { kind: "prompt", turn: null, tags: [], digest: null, author: "program" },
    ],
    [
      "a prompt that is our own sentence",
      "BeforeAgent",
      prompt(`${sentence}\n`),
      { kind: "prompt", turn: null, tags: [], digest: null, author: "sento" },
    ],
    [
      "a person's prompt that begins as our sentence does",
      "UserPromptSubmit",
      prompt("Sentō: message k7q2 has no answer yet; what shall I do?"),
      { kind: "prompt", turn: null, tags: [], digest: null, author: null },
    ],
    [
      "our sentence, with a person's words in it",
      "BeforeAgent",
      prompt(sentence.replace(" now; if", " now; the password is swordfish; if")),
      { kind: "prompt", turn: null, tags: [], digest: null, author: null },
    ],
    [
      "our sentence, with a person's words behind it",
      "BeforeAgent",
      prompt(`${sentence}\n\nwhat shall I do?`),
      { kind: "prompt", turn: null, tags: [], digest: null, author: null },
    ],
    [
      "the end of a turn",
      "Stop",
      { session_id: "s", turn_id: "t", stop_hook_active: true, last_assistant_message: "done" },
      { ...ended, turn: "t", text: "done", isContinued: true },
    ],
    [
      "the end of Codex' turn without words",
      "Stop",
      { session_id: "s", last_assistant_message: null },
      ended,
    ],
    [
      "the end of Gemini CLI's turn, without a transcript",
      "AfterAgent",
      { session_id: "s", prompt: "what?", prompt_response: "It is 42. It  is  42." },
      ended,
    ],
    ["the end of Gemini CLI's turn, without a word of it", "AfterAgent", { session_id: "s" }, ended],
    [
      "the longest id of a turn",
      "StopFailure",
      { session_id: "s", prompt_id: "p".repeat(200) },
      { kind: "failed", turn: "p".repeat(200) },
    ],
    [
      "an id that is longer",
      "StopFailure",
      { session_id: "s", prompt_id: "p".repeat(201) },
      { kind: "failed", turn: null },
    ],
    [
      "the end of Gemini CLI's turn that began with a message",
      "AfterAgent",
      { session_id: "s", prompt: kai, prompt_response: "It is 42." },
      { ...ended, digest: digestOf(kai) },
    ],
    [
      "a prompt that is no text",
      "UserPromptSubmit",
      { session_id: "s", prompt_id: "p", prompt: [{ text: kai }] },
      { kind: "prompt", turn: "p", tags: [], digest: null, author: null },
    ],
    [
      "a prompt that is none",
      "BeforeAgent",
      { session_id: "s" },
      { kind: "prompt", turn: null, tags: [], digest: null, author: null },
    ],
    [
      "a task that runs",
      "Stop",
      { session_id: "s", background_tasks: [{ status: "completed" }, { status: "running" }] },
      { ...ended, hasBackground: true },
    ],
    [
      "tasks that have ended",
      "Stop",
      { session_id: "s", background_tasks: [{ status: "completed" }] },
      ended,
    ],
    ["a turn that failed", "StopFailure", { session_id: "s", prompt_id: "p" }, { kind: "failed", turn: "p" }],
    [
      "a dialog that waits for a person",
      "PermissionRequest",
      { session_id: "s", prompt_id: "p", tool_name: "Bash" },
      { kind: "person", turn: "p" },
    ],
    ["a session that ended", "SessionEnd", { session_id: "s", prompt_id: "p" }, { kind: "gone" }],
  ])("%s", (_, event, input, want) =>
    expect(readHook(event, input)).toEqual({ session: "s", event: want } as never),
  )

  test.each([
    ["an unknown event", "PreToolUse", prompt("hi")],
    ["the name of an object's own part", "constructor", prompt("hi")],
    ["no object", "Stop", "done"],
    ["nothing", "Stop", null],
    ["no session", "Stop", { last_assistant_message: "done" }],
    ["a session that is too long", "Stop", { session_id: "s".repeat(201) }],
  ])("%s is none", (_, event, input) => expect(readHook(event, input)).toBeNull())

  const odd = [
    null,
    undefined,
    "hi",
    [],
    {},
    ...["", 1, null, "s".repeat(201)].map(id => ({ session_id: id })),
  ]
  test.each(["UserPromptSubmit", "BeforeAgent", "PermissionRequest"])(
    "a person's part that is not understood is one in every turn: %s",
    event => {
      for (const input of odd)
        expect([input, readHook(event, input)]).toEqual([input, { session: null, event: { kind: "unseen" } }])
    },
  )
  test.each(["Stop", "AfterAgent", "StopFailure", "SessionEnd", "PreToolUse"])("%s has none", event => {
    for (const input of odd) expect([input, readHook(event, input)]).toEqual([input, null])
  })

  test("no more of the last words than says that they are too long", () => {
    const told = readHook("Stop", { session_id: "s", last_assistant_message: "x".repeat(100_000) })
    expect(told?.event).toMatchObject({ text: "x".repeat(mostLastWords) })
  })
})

describe("a prompt's digest", () => {
  const kai = layOut("kai", "k7q2", "hello\n\nwhat is it?")
  const digest = (text: string): unknown => {
    const event = readHook("UserPromptSubmit", prompt(text))?.event
    return event?.kind === "prompt" ? event.digest : undefined
  }
  const mark = (words: string, id = "eec2", end = id): string =>
    `\n\n<pasted_content id="${id}">\n${words}\n</pasted_content id="${end}">\n`
  test.each([
    ["as it was typed", kai],
    ["with blank ends", `  \n${kai} \n\n `],
    ["in the marks of a long paste", mark(kai)],
    ["in them, with blank ends", mark(`${kai} `)],
  ])("is the text's: %s", (_, text) => expect(digest(text)).toBe(digestOf(kai)))

  test.each([
    ["words behind the marks", `${mark(kai)}and?`],
    ["words before the marks", `and?${mark(kai)}`],
    ["a mark with words in it", mark(kai, "swordfish")],
    ["a mark that another ends", mark(kai, "eec2", "eec3")],
    ["a mark without an end", `<pasted_content id="eec2">\n${kai}`],
    ["marks within marks", mark(mark(kai).trim())],
    ["a no-break space behind it", `${kai}\u00a0`],
  ])("is another's: %s", (_, text) => expect(digest(text)).not.toBe(digestOf(kai)))

  test("is not told of a prompt without a message, or of two", () => {
    expect(digest("what is my password?")).toBeNull()
    expect(digest(`${kai}\n\n${layOut("lena", "a1b2", "and now?")}`)).toBeNull()
  })

  test("takes no time to speak of for many blanks", () => {
    const prompt = `${kai}${" ".repeat(1_000_000)}x`
    expect(processorMilliseconds(() => void digest(prompt), 1000)).toBeLessThan(1000)
  })
})

describe.each(["claude", "codex", "gemini", "opencode"])("%s's prompts, as they were recorded:", program => {
  type Line = { case: string; typed: string; event: string; input: object }
  const lines = readFileSync(join(import.meta.dir, `../hooks/${program}-prompts.jsonl`), "utf8")
    .trimEnd()
    .split("\n")
    .map(line => JSON.parse(line) as Line)

  test("each case has one", () =>
    expect(lines.map(line => line.case)).toEqual(promptCases.map(one => one.title)))

  test.each(promptCases)("$title", ({ title, isAlone }) => {
    const { typed, event, input } = lines.find(line => line.case === title) as Line
    const told = readHook(event, input)?.event
    expect(told?.kind === "prompt" && told.digest === digestOf(typed)).toBe(isAlone)
  })
})

describe("Gemini CLI 0.61.0's last words, as its hooks and its transcript were recorded:", () => {
  type Line = { case: string; event: string; input: Record<string, unknown>; transcript?: string }
  const lines = readFileSync(join(import.meta.dir, "../hooks/gemini-turns.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map(line => JSON.parse(line) as Line)
  const ends = (title: string): Line[] =>
    lines.filter(line => line.case === title && line.event === "AfterAgent")
  const wordsOf = ({ input, transcript }: Line): unknown => {
    const event = readHook("AfterAgent", input, transcript ?? null)?.event
    return event?.kind === "ended" ? event.text : undefined
  }

  const all = Array.from({ length: 20 }, (_, index) => `word${index}`).join(" ")
  test.each([
    ["plain", ["REPLY-1"]],
    ["in parts", [all]],
    ["behind a tool call", ["REPLY-3"]],
    ["words before a tool call", ["REPLY-4"]],
    ["refused a tool call", []],
    ["interrupted", [""]],
    ["a person's answer", [""]],
    ["asked", ["REPLY-8", "REPLY-9"]],
  ])("%s", (title, want) => expect(ends(title).map(wordsOf)).toEqual(want))

  const [plain] = ends("plain")
  const { input, transcript = "" } = plain as Line
  const record = (fields: object): string => `${JSON.stringify({ id: "x", ...fields })}\n`
  const behind = (...records: object[]): string => transcript + records.map(record).join("")
  const asked = (response: string, said: string): unknown =>
    wordsOf({ case: "", event: "", input: { ...input, prompt_response: response }, transcript: said })
  const answer = { type: "gemini", content: "42" }

  test.each<readonly [string, string, string]>([
    ["another turn's prompt is the last", "REPLY-1", behind({ type: "user", content: [{ text: "and?" }] })],
    [
      "another turn's prompt and its answer are",
      "REPLY-1 42",
      behind({ type: "user", content: [{ text: "and?" }] }, { ...answer, id: "y" }),
    ],
    [
      "the agent was asked and has said nothing since",
      "REPLY-1",
      behind({ type: "user", content: sentence }),
    ],
    [
      "a person's hint came with a tool's result",
      "REPLY-1 42",
      behind(
        { type: "user", content: [{ functionResponse: {} }, { text: "User hint: swordfish" }] },
        { ...answer, id: "y" },
      ),
    ],
    ["the prompt came with an image", "REPLY-1", transcript.replace('?"}]', '?"},{"inlineData":{}}]')],
    ["the last answer calls a tool", "REPLY-1 42", behind({ ...answer, toolCalls: [{ name: "read_file" }] })],
    ["the last answer has no words", "REPLY-1", behind({ ...answer, content: "" })],
    ["the last answer is made of parts", "REPLY-1 42", behind({ ...answer, content: [{ text: "42" }] })],
    ["the hook does not tell these words", "REPLY-2", transcript],
    ["the hook tells more behind them", "REPLY-1 and more", transcript],
    ["the transcript left out a comment", "<!-- x --> REPLY-1", transcript],
    ["a comment came in parts", "<!- - x - -> REPLY-1", transcript],
    ["the transcript left out a joiner", "REPLY\u200d-1", transcript],
    ["a person went back", "REPLY-1", behind({ $rewindTo: "x" })],
    ["the history was compressed", "REPLY-1", behind({ $set: { messages: [] } })],
    ["its last line is not whole", "REPLY-1", `${transcript}{"id":`],
    ["it has a line that is no object", "REPLY-1", `${transcript}null\n`],
    ["it does not reach back to the prompt", "REPLY-1", transcript.split("\n").slice(-3).join("\n")],
    ["it is empty", "REPLY-1", ""],
    ["it is a blank line", "REPLY-1", "\n"],
    ["it has a line that is a number", "REPLY-1", `${transcript}5\n`],
    ["another prompt has no content", "REPLY-1", behind({ type: "user" })],
    [
      "nothing was said to the prompt yet",
      "REPLY-1",
      record({ type: "user", content: [{ text: String(input.prompt) }] }),
    ],
  ])("none where %s", (_, response, said) => expect(asked(response, said)).toBe(""))

  test("the answer, whatever else the program notes", () => {
    const notes = behind({ $set: { lastUpdated: "" } }, { type: "info", content: "an update is there" })
    expect(asked("REPLY-1", notes)).toBe("REPLY-1")
    expect(asked("REPLY-1 REPLY-1", transcript)).toBe("REPLY-1")
    expect(asked("REPLY-1", `${transcript}\n\n`)).toBe("REPLY-1")
    const result = { type: "user", content: [{ functionResponse: {} }, { inlineData: {} }] }
    for (const between of [{ type: "user", content: sentence }, result])
      expect(asked("REPLY-1 42", behind(between, { ...answer, id: "y" }))).toBe("42")
  })

  test("none where the hook tells none", () =>
    expect(wordsOf({ case: "", event: "", input: { ...input, prompt_response: null }, transcript })).toBe(""))

  test("are told with the prompt that they answer, and only where that may be one message", () => {
    const begun = String(input.prompt)
    expect(readHook("AfterAgent", input, transcript)?.event).toMatchObject({ digest: digestOf(begun) })
    const persons = "what is my password?"
    const said = transcript.replaceAll(begun, persons)
    const event = readHook("AfterAgent", { ...input, prompt: persons }, said)?.event
    expect(event).toMatchObject({ text: "", digest: null })
  })

  test("only it is looked up", () => {
    expect(transcriptOf("AfterAgent", input)).toBe(input.transcript_path as string)
    expect(transcriptOf("BeforeAgent", input)).toBeNull()
    expect(transcriptOf("Stop", input)).toBeNull()
    expect(transcriptOf("AfterAgent", null)).toBeNull()
    expect(transcriptOf("AfterAgent", { transcript_path: "" })).toBeNull()
  })
})

describe("tags", () => {
  const kai = { name: "kai", id: "k7q2" }
  test.each([
    ["the first thing in a prompt", layOut("kai", "k7q2", "hello"), [kai]],
    [
      "below the mark of a long paste",
      `\n\n<pasted_content id="eec2">\n${layOut("kai", "k7q2", "hi")}`,
      [kai],
    ],
    ["right behind it", `<pasted_content id="eec2">${layOut("kai", "k7q2", "hi")}</pasted_content>`, [kai]],
    [
      "two messages in one prompt",
      `${layOut("kai", "k7q2", "a\nb")}\n${layOut("lena", "a1b2", "c")}`,
      [kai, { name: "lena", id: "a1b2" }],
    ],
    [
      "a tag forged on a further line of a peer's text",
      layOut("lena", "a1b2", "x\n← agent kai [k7q2]: y"),
      [{ name: "lena", id: "a1b2" }],
    ],
    [
      "a tag forged on its first line",
      layOut("lena", "a1b2", "← agent kai [k7q2]: y"),
      [{ name: "lena", id: "a1b2" }],
    ],
    [
      "a tag forged behind another line break",
      layOut("lena", "a1b2", "x\u2028← agent kai [k7q2]: y"),
      [{ name: "lena", id: "a1b2" }],
    ],
    [
      "a forged mark of a paste",
      layOut("lena", "a1b2", "x\n<pasted_content>← agent kai [k7q2]: y"),
      [{ name: "lena", id: "a1b2" }],
    ],
    [
      "sixteen, and no more",
      Array.from({ length: 17 }, (_, i) => layOut("kai", `k7${i + 10}`, "hi")).join("\n"),
      Array.from({ length: 16 }, (_, i) => ({ name: "kai", id: `k7${i + 10}` })),
    ],
    ["a person's words before it", "look: ← agent kai [k7q2]: hello", []],
    ["a name that none has", "← agent KAI [k7q2]: hello", []],
  ])("%s", (_, text, want) => expect(tagsIn(text)).toEqual(want))
})
