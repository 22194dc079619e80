import {
  type Answer,
  type Chunk,
  type Dialect,
  event,
  type Json,
  type Question,
  shellTool,
  textOf,
} from "./stub-model.ts"

/** OpenAI's Responses API, which Codex speaks. */
export const responses: Dialect = {
  matches: path => path.endsWith("/responses"),
  question: body => {
    const last = (body.input as Json).at(-1) as Json
    const isPerson = String(last.role) === "user"
    const tools = ((body.tools ?? []) as Json).map(tool => String(tool.name ?? tool.type))
    return { text: isPerson ? textOf(last.content) : null, tools, streaming: true }
  },
  answer: (answer, question) => [
    event({ type: "response.created", response: { id: "resp_stub" } }, "response.created"),
    ...items(answer, question),
    event({ type: "response.completed", response: { id: "resp_stub", usage } }, "response.completed"),
  ],
  whole: words => ({ id: "resp_stub", output_text: words }) as unknown as Json,
}

const usage = {
  input_tokens: 5,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 5,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 10,
}

function items(answer: Answer, question: Question): Chunk[] {
  if (answer.kind !== "words")
    return [
      event(
        {
          type: "response.output_item.done",
          output_index: 0,
          item: answer.kind === "mcp" ? mcpCall(answer) : call(answer.command, question),
        },
        "response.output_item.done",
      ),
    ]
  const text = answer.words.join(" ")
  const item = { type: "message", role: "assistant", id: "msg_stub", content: [] as object[] }
  const deltas = answer.words.map(word =>
    event(
      {
        type: "response.output_text.delta",
        item_id: "msg_stub",
        output_index: 0,
        content_index: 0,
        delta: `${word} `,
      },
      "response.output_text.delta",
      answer.pauseMilliseconds,
    ),
  )
  const done = { ...item, content: [{ type: "output_text", text }] }
  return [
    event({ type: "response.output_item.added", output_index: 0, item }, "response.output_item.added"),
    ...deltas,
    event({ type: "response.output_item.done", output_index: 0, item: done }, "response.output_item.done"),
  ]
}

/** `exec_command` takes a line, `shell` a vector; asking for escalated rights makes Codex ask the person. */
function call(command: string, question: Question): object {
  const name = shellTool(question.tools)
  const escalated = { sandbox_permissions: "require_escalated", justification: "the stub wants it" }
  const input =
    name === "exec_command"
      ? { cmd: command, ...escalated }
      : name === "shell"
        ? { command: ["sh", "-c", command], with_escalated_permissions: true, ...escalated }
        : { command, with_escalated_permissions: true, ...escalated }
  return functionCall(name, input)
}

/** The tools of each MCP server stand in a namespace of their own. */
const mcpCall = ({ tool, input }: Extract<Answer, { kind: "mcp" }>): object => ({
  ...functionCall(tool, input),
  namespace: "mcp__sento",
})

function functionCall(name: string, input: object): object {
  const id = crypto.randomUUID().slice(0, 8)
  return {
    type: "function_call",
    id: `fc_${id}`,
    call_id: `call_${id}`,
    name,
    arguments: JSON.stringify(input),
  }
}
