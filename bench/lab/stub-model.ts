/**
 * A model that answers on this machine alone: the four programs' streaming APIs, as little of each as they
 * need. It keeps every text that a program sent as its person's.
 *
 * What that text contains decides the answer: `use tool` asks for a shell command (for which the program
 * asks permission; to Gemini CLI `use tool aloud` says something before, and `use the question` asks its person), `use background tool` for one that goes on behind the turn, `slow` streams a word every
 * 300 ms, `bad request` is refused as an API refuses, and anything else is answered at once.
 */
import { anthropic } from "./anthropic.ts"
import { chatCompletions } from "./chat-completions.ts"
import { gemini } from "./gemini.ts"
import { responses } from "./responses.ts"

/** What to answer, before it is put into one API's words. */
export type Answer =
  | { readonly kind: "words"; readonly words: readonly string[]; readonly pauseMilliseconds: number }
  | {
      readonly kind: "tool"
      readonly command: string
      readonly isBackground?: boolean
      readonly isAloud?: boolean
      readonly isQuestion?: boolean
    }
  | { readonly kind: "mcp"; readonly tool: string; readonly input: object }

/** One line or block of a stream, and how long to wait before it. */
export type Chunk = { readonly text: string; readonly pauseMilliseconds: number }

/** A request, read: the person's last text (null when a tool's result came last), and the tools offered. */
export type Question = {
  readonly text: string | null
  readonly tools: readonly string[]
  readonly streaming: boolean
}

/** One of the APIs that the programs speak. */
export type Dialect = {
  readonly matches: (path: string) => boolean
  readonly question: (body: Json, path: string) => Question
  readonly answer: (answer: Answer, question: Question) => readonly Chunk[]
  /** The same, for a client that did not ask for a stream. */
  readonly whole: (words: string) => Json
}

/** What `JSON.parse` gives, looked into without a schema: a stub may be lenient. */
export type Json = { readonly [key: string]: Json } & readonly Json[] & string

export type StubModel = {
  readonly port: number
  readonly received: string[]
  readonly paths: string[]
  /** Every text that the program sent as its person's with its last request, each part apart, oldest first. */
  readonly conversation: () => readonly string[]
} & Disposable

/** The shell command that `use tool` is answered with, and how long the model thinks about it. */
export type ToolCall = {
  readonly command: () => string
  readonly delayMilliseconds: () => number
  /** Called when the answer leaves. */
  readonly onAsked?: () => void
  /**
   * What to answer to a person's text or, with null, to a tool's result; null where the words of it decide.
   * @param request - all of it, as JSON
   */
  readonly answer?: (text: string | null, request: string) => Answer | null
}

/** Starts the stub on a free port of the loopback interface. */
export function startStubModel(tool: ToolCall): StubModel {
  const received: string[] = []
  const paths: string[] = []
  const asked = new Set<string>()
  let last: Json | null = null
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 120,
    fetch: async request => {
      const path = new URL(request.url).pathname
      paths.push(`${request.method} ${path}`)
      const dialect = dialects.find(candidate => candidate.matches(path))
      if (dialect === undefined || request.method !== "POST")
        return Response.json({}, { status: request.method === "HEAD" ? 200 : 404 })
      const body = (await request.json()) as Json
      const question = dialect.question(body, path)
      if (question.tools.length > 0) last = body
      if (question.text !== null && question.tools.length > 0) received.push(question.text)
      if (question.text?.includes("bad request")) return refusal()
      const isAsked = question.tools.length > 0
      const own = isAsked ? tool.answer?.(question.text, JSON.stringify(body)) : null
      const answer = own ?? chooseAnswer(question, tool, received.length, asked)
      if (answer.kind === "tool") {
        if (question.text !== null) asked.add(question.text)
        await Bun.sleep(tool.delayMilliseconds())
        tool.onAsked?.()
      }
      return respond(dialect, question, answer)
    },
  })
  const conversation = () => (last === null ? [] : personsTexts(last))
  return {
    port: server.port ?? 0,
    received,
    paths,
    conversation,
    [Symbol.dispose]: () => void server.stop(true),
  }
}

/** The same in all four APIs but for the names. */
function personsTexts(body: Json): string[] {
  const turns = (body.messages ?? body.input ?? body.contents ?? []) as Json
  return turns
    .filter(turn => String(turn.role) === "user")
    .flatMap(turn => {
      const content = turn.content ?? turn.parts ?? ""
      if (typeof content === "string") return [content as string]
      return (content as readonly Json[]).flatMap(part => (typeof part.text === "string" ? [part.text] : []))
    })
}

const refusal = (): Response =>
  Response.json(
    { type: "error", error: { type: "invalid_request_error", message: "the stub refuses" } },
    { status: 400 },
  )

const dialects: readonly Dialect[] = [anthropic, responses, gemini, chatCompletions]

function chooseAnswer(question: Question, tool: ToolCall, count: number, asked: ReadonlySet<string>): Answer {
  const text = question.text ?? ""
  // Once for each text, and not when another message follows in it: a program under load was
  // seen to send the prompt again (Claude Code 2.1.197).
  if (/use (tool|the question)[^[]*$/.test(text) && question.tools.length > 0 && !asked.has(text)) {
    const kind = { isAloud: text.includes("use tool aloud"), isQuestion: text.includes("use the question") }
    return { kind: "tool", command: tool.command(), ...kind }
  }
  if (/use background tool[^[]*$/.test(text) && question.tools.length > 0 && !asked.has(text))
    return { kind: "tool", command: "sleep 3", isBackground: true }
  if (!text.includes("slow")) return { kind: "words", words: [`REPLY-${count}`], pauseMilliseconds: 0 }
  return {
    kind: "words",
    words: Array.from({ length: 20 }, (_, index) => `word${index}`),
    pauseMilliseconds: 300,
  }
}

function respond(dialect: Dialect, question: Question, answer: Answer): Response {
  if (!question.streaming)
    return Response.json(dialect.whole(answer.kind === "words" ? answer.words.join(" ") : "tool"))
  const chunks = dialect.answer(answer, question)
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      for (const chunk of chunks) {
        if (chunk.pauseMilliseconds > 0) await Bun.sleep(chunk.pauseMilliseconds)
        try {
          controller.enqueue(new TextEncoder().encode(chunk.text))
        } catch {
          return
        }
      }
      controller.close()
    },
  })
  return new Response(stream, { headers: { "content-type": "text/event-stream" } })
}

/** A server-sent event; with a name where the API wants one. */
export function event(payload: object, name: string | null = null, pauseMilliseconds = 0): Chunk {
  const line = name === null ? "" : `event: ${name}\n`
  return { text: `${line}data: ${JSON.stringify(payload)}\n\n`, pauseMilliseconds }
}

/** A tool of Sentō's MCP server among those offered, whatever the program calls it; the name itself where it is not. */
export const sentoTool = (tools: readonly string[], tool: string): string =>
  tools.find(name => name.includes("sento") && name.endsWith(`_${tool}`)) ?? tool

/** The shell tool among those offered, whatever this version calls it. */
export function shellTool(tools: readonly string[]): string {
  const known = ["Bash", "bash", "run_shell_command", "exec_command", "shell_command", "shell", "local_shell"]
  return known.find(name => tools.includes(name)) ?? tools[0] ?? "shell"
}

/** The text of a message's content, in any of the shapes the APIs use: a string, or parts with `text`. */
export function textOf(content: Json | undefined): string {
  if (content === undefined || content === null) return ""
  if (typeof content === "string") return content
  if (!Array.isArray(content)) return ""
  return (content as readonly Json[])
    .map(part => (typeof part.text === "string" ? (part.text as string) : ""))
    .filter(text => !/^<(system-reminder|environment_context|session_context|user_instructions)/.test(text))
    .join("")
}
