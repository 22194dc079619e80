import {
  type Answer,
  type Chunk,
  type Dialect,
  event,
  type Json,
  type Question,
  sentoTool,
  shellTool,
  textOf,
} from "./stub-model.ts"

/** Anthropic's Messages API, which Claude Code speaks. */
export const anthropic: Dialect = {
  matches: path => path.endsWith("/v1/messages"),
  question: body => {
    // Claude Code 2.1.197 ends the list with messages of the role `system`.
    const last = (body.messages as Json).findLast(sent => String(sent.role) === "user")
    const text = textOf(last?.content)
    const parts = Array.isArray(last?.content) ? (last.content as readonly Json[]) : []
    const isToolResult = parts.some(part => String(part.type) === "tool_result")
    const tools = ((body.tools ?? []) as Json).map(tool => String(tool.name))
    return { text: isToolResult && text === "" ? null : text, tools, streaming: Boolean(body.stream) }
  },
  answer: (answer, question) => [
    event({ type: "message_start", message: { ...message, content: [] } }, "message_start"),
    ...block(answer, question),
    event(
      {
        type: "message_delta",
        delta: { stop_reason: answer.kind === "words" ? "end_turn" : "tool_use", stop_sequence: null },
        usage: { output_tokens: 5 },
      },
      "message_delta",
    ),
    event({ type: "message_stop" }, "message_stop"),
  ],
  whole: words =>
    ({ ...message, stop_reason: "end_turn", content: [{ type: "text", text: words }] }) as unknown as Json,
}

const message = {
  id: "msg_stub",
  type: "message",
  role: "assistant",
  model: "stub",
  stop_reason: null,
  stop_sequence: null,
  usage: { input_tokens: 5, output_tokens: 5 },
}

function block(answer: Answer, question: Question): Chunk[] {
  const start = (contentBlock: object) =>
    event({ type: "content_block_start", index: 0, content_block: contentBlock }, "content_block_start")
  const delta = (change: object, pause: number) =>
    event({ type: "content_block_delta", index: 0, delta: change }, "content_block_delta", pause)
  const stop = event({ type: "content_block_stop", index: 0 }, "content_block_stop")
  if (answer.kind === "words") {
    const words = answer.words.map(word =>
      delta({ type: "text_delta", text: `${word} ` }, answer.pauseMilliseconds),
    )
    return [start({ type: "text", text: "" }), ...words, stop]
  }
  const isMcp = answer.kind === "mcp"
  const command = isMcp ? {} : { command: answer.command, description: "the stub wants it" }
  const background = !isMcp && answer.isBackground ? { run_in_background: true } : {}
  const input = JSON.stringify(isMcp ? answer.input : { ...command, ...background })
  const name = isMcp ? sentoTool(question.tools, answer.tool) : shellTool(question.tools)
  const id = `toolu_${crypto.randomUUID().slice(0, 8)}`
  return [
    start({ type: "tool_use", id, name, input: {} }),
    delta({ type: "input_json_delta", partial_json: input }, 0),
    stop,
  ]
}
