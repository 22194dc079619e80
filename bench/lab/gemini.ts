import { type Dialect, event, type Json, sentoTool, shellTool, textOf } from "./stub-model.ts"

/** Google's Gemini API, which Gemini CLI speaks. */
export const gemini: Dialect = {
  matches: path => /:(streamGenerateContent|generateContent)$/.test(path),
  question: (body, path) => {
    const last = (body.contents as Json).at(-1) as Json
    const isToolResult = (last.parts as Json).some(part => part.functionResponse !== undefined)
    const tools = ((body.tools ?? []) as Json).flatMap(tool =>
      ((tool.functionDeclarations ?? []) as Json).map(declared => String(declared.name)),
    )
    return { text: isToolResult ? null : textOf(last.parts), tools, streaming: path.includes("stream") }
  },
  answer: (answer, question) => {
    if (answer.kind === "mcp") {
      const call = { name: sentoTool(question.tools, answer.tool), args: answer.input }
      return [event(candidate({ functionCall: call }, true))]
    }
    if (answer.kind === "tool") {
      const call = answer.isQuestion
        ? {
            name: "ask_user",
            args: { questions: [{ question: "Which one?", header: "Which", type: "text" }] },
          }
        : {
            name: shellTool(question.tools),
            args: { command: answer.command, description: "the stub wants it" },
          }
      const chunk = event(candidate({ functionCall: call }, true))
      return answer.isAloud ? [event(candidate({ text: "LOOKING FIRST" }, false)), chunk] : [chunk]
    }
    const last = answer.words.length - 1
    return answer.words.map((word, index) =>
      event(candidate({ text: `${word} ` }, index === last), null, answer.pauseMilliseconds),
    )
  },
  // Unstreamed calls are its router's and its like, which go on asking until JSON comes (Gemini CLI 0.61.0).
  whole: () => candidate({ text: JSON.stringify(verdict) }, true) as unknown as Json,
}

const verdict = {
  complexity_reasoning: "a stub",
  complexity_score: 1,
  reasoning: "a stub",
  next_speaker: "user",
}

function candidate(part: object, isLast: boolean): object {
  const finish = isLast ? { finishReason: "STOP" } : {}
  return {
    candidates: [{ index: 0, content: { role: "model", parts: [part] }, ...finish }],
    usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 5, totalTokenCount: 10 },
    modelVersion: "stub",
  }
}
