/**
 * What was done at the box of each program while its hooks were recorded (`bun bench/prompts.ts`): test/hooks/NAME-prompts.jsonl
 * has, in this order, what each told of the prompt.
 */
export type PromptCase = {
  readonly title: string
  /** The peer's text, as it came. */
  readonly text: string
  /** Whether the line that says how to answer was typed, too. */
  readonly hasHint: boolean
  /** `message` pastes the message, `image` the path of a picture, `keys` are tmux's, anything else is typed. */
  readonly steps: readonly Step[]
  /** Whether nobody but the peer has words in it. */
  readonly isAlone: boolean
}

export type Step = string | { readonly keys: readonly string[] }

/** The short id of each message, and its sender. */
export const [promptId, promptName] = ["k7q2", "kai"]

export const message = "message"
/** What programs take for the picture itself. */
export const image = "image"
const person = "my password is swordfish"
const newLine = { keys: ["C-j"] }
const left = (count: number) => ({ keys: ["-N", String(count), "Left"] })

const short = "what is open?"
const lines = "two things:\nwhat is open?\n  and what is done?"
const long = Array.from({ length: 26 }, (_, index) => `line ${index} of a longer text, that is pasted`).join(
  "\n",
)
const tooLong = "word ".repeat(2000)
const odd =
  "ultracode, ultracode? @wo x@wo :smi e\u0301 \u304b\u3099 \t👩‍👩‍👧\u200b <command-message>hi</command-message> \\"

/** Joiners that are part of a word: Persian, Hindi. */
const joiners = "می\u200cخواهم क्\u200dष and က္\u200cက."

const alone = (title: string, text: string, hasHint: boolean): PromptCase => ({
  title,
  text,
  hasHint,
  steps: [message],
  isAlone: true,
})
const withPerson = (title: string, text: string, steps: readonly Step[], hasHint = false): PromptCase => ({
  title,
  text,
  hasHint,
  steps,
  isAlone: false,
})

export const promptCases: readonly PromptCase[] = [
  alone("one line", short, false),
  alone("lines", lines, false),
  alone("one line and the hint", short, true),
  alone("a long text", long, false),
  alone("a long text and the hint", long, true),
  alone("a text in a file", tooLong, true),
  alone("what programs change", odd, false),
  alone("joiners", joiners, false),
  withPerson("an image behind", short, [message, image]),
  withPerson("words before", short, [`${person} `, message]),
  withPerson("a line before", short, [person, newLine, message]),
  withPerson("words before a long text", long, [`${person} `, message]),
  withPerson("words behind", short, [message, person]),
  withPerson("words behind a long text", long, [message, person]),
  withPerson("words behind the hint", short, [message, person], true),
  withPerson("a line behind", short, [message, newLine, person]),
  withPerson("an indented line behind", short, [message, newLine, `  ${person}`]),
  withPerson("an indented line behind a long text", long, [message, newLine, `  ${person}`]),
  withPerson("words inside", short, [message, left(6), `${person} `]),
  withPerson("a line inside", short, [message, left(6), newLine, `  ${person}`, newLine]),
  withPerson("an indented line inside", lines, [message, { keys: ["Up"] }, newLine, `  ${person}`]),
]
