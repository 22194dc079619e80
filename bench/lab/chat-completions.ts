import { type Dialect, event, type Json, sentoTool, shellTool, textOf } from "./stub-model.ts"

/** OpenAI's Chat Completions API, which OpenCode speaks to a provider of one's own. */
export const chatCompletions: Dialect = {
  matches: path => path.endsWith("/chat/completions"),
  question: body => {
    const last = (body.messages as Json).at(-1) as Json
    const tools = ((body.tools ?? []) as Json).map(tool => String((tool.function as Json).name))
    return {
      text: String(last.role) === "user" ? textOf(last.content) : null,
      tools,
      streaming: Boolean(body.stream),
    }
  },
  answer: (answer, question) => {
    if (answer.kind !== "words") {
      const isMcp = answer.kind === "mcp"
      const input = JSON.stringify(
        isMcp ? answer.input : { command: answer.command, description: "the stub wants it" },
      )
      const name = isMcp ? sentoTool(question.tools, answer.tool) : shellTool(question.tools)
      const call = {
        index: 0,
        id: `call_${crypto.randomUUID().slice(0, 8)}`,
        type: "function",
        function: { name, arguments: input },
      }
      return [event(choice({ role: "assistant", tool_calls: [call] })), event(choice({}, "tool_calls")), done]
    }
    const words = answer.words.map(word =>
      event(choice({ content: `${word} ` }), null, answer.pauseMilliseconds),
    )
    return [event(choice({ role: "assistant", content: "" })), ...words, event(choice({}, "stop")), done]
  },
  whole: words =>
    ({
      ...envelope,
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content: words }, finish_reason: "stop" }],
    }) as unknown as Json,
}

const envelope = {
  id: "chatcmpl-stub",
  created: 0,
  model: "stub",
  usage: { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 },
}

const done = { text: "data: [DONE]\n\n", pauseMilliseconds: 0 }

function choice(delta: object, finish: string | null = null): object {
  return {
    ...envelope,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finish }],
  }
}
