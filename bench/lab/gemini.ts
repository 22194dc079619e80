import { type Dialect, event, type Json, shellTool, textOf } from "./stub-model.ts"

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
    if (answer.kind === "tool") {
      const args = { command: answer.command, description: "the stub wants it" }
      return [event(candidate({ functionCall: { name: shellTool(question.tools), args } }, true))]
    }
    const last = answer.words.length - 1
    return answer.words.map((word, index) =>
      event(candidate({ text: `${word} ` }, index === last), null, answer.pauseMilliseconds),
    )
  },
  whole: words => candidate({ text: words }, true) as unknown as Json,
}

function candidate(part: object, isLast: boolean): object {
  const finish = isLast ? { finishReason: "STOP" } : {}
  return {
    candidates: [{ index: 0, content: { role: "model", parts: [part] }, ...finish }],
    usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 5, totalTokenCount: 10 },
    modelVersion: "stub",
  }
}
