/** The question for an owner, in the same words wherever it appears. */
import { formatAddress } from "./addresses.ts"
import { minuteWords } from "./freshness.ts"

/** What waits for the owner's yes: an agent that proved our code, or a join that our own agent asked for. */
export type Question = {
  /** What `sento approve` takes. */
  readonly id: string
  /** `request`: another agent proved our code; `join`: our own agent asks to join another. */
  readonly kind: "request" | "join"
  /** What the other agent calls itself. */
  readonly name: string
  /** What it will be called here: not the same where an agent joins with `--as`. */
  readonly as: string
  /** Of a request: the address it called from. */
  readonly host: string
  /** Where a joiner says that it is, if that is not where it called from; or null. */
  readonly claimedHost: string | null
  readonly port: number
  /** Null before the other side has proved anything. */
  readonly verifier: string | null
  /** True where an agent called like that is paired here already, or a join waits that is to be called so. */
  readonly taken: boolean
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly expiresAt: number
}

/** What the words of a question say. */
export type AskedAbout = Omit<Question, "id" | "taken" | "createdAt"> & {
  /** What says that our own agent acts without asking its owner; null or left out where nothing does. */
  readonly unasked?: string | null
}

/** An IPv6 address at its longest (INET6_ADDRSTRLEN without its end): a name may be longer, and would hide what matters. */
const mostHostUnits = 45

/** Where it says that it is and where it calls from: only the latter is known. Of a long name its end, which says whose it is. */
export function placeWords({ host, claimedHost }: Pick<AskedAbout, "host" | "claimedHost">): string {
  if (claimedHost === null) return host
  const isLong = claimedHost.length > mostHostUnits
  return `${isLong ? `…${claimedHost.slice(1 - mostHostUnits)}` : claimedHost}, calling from ${host}`
}

const typedCode = (asked: AskedAbout): string =>
  `${asked.name}'s owner, at ${placeWords(asked)}, typed your code`

/**
 * The lines before the question: who asks and from where, what to compare, what a yes grants, what happens
 * without one. @param self - this agent's name
 */
export function questionLines(asked: AskedAbout, self: string): string[] {
  const { name, as, host, port, verifier } = asked
  const who =
    asked.kind === "request"
      ? `${typedCode(asked)}.`
      : `${self} itself asks to join ${name} at ${formatAddress(host, port)} with a code it was given.`
  const compare =
    verifier === null
      ? `The name is that agent's claim; a yes sends the proof of the code, and ${name}'s owner must say yes too.`
      : `Verifier: ${verifier}. ${name}'s owner must see the same; if not, say no.`
  return [
    who,
    compare,
    ...(as === name ? [] : [`${name} will be called ${as} here.`]),
    `With a yes ${name}'s messages will be typed into ${self}'s session;`,
    `what they make ${self} do is up to ${self} and its permissions.`,
    ...(asked.unasked ? [`${self} acts without asking (${asked.unasked}): they take effect at once.`] : []),
    `Unanswered, the request ends at ${minuteWords(asked.expiresAt)}, and nothing is paired.`,
  ]
}

/** The same where there is little room: who, from where and the verifier as they are, all else in few words. */
export function briefQuestionLines(asked: AskedAbout, self: string): string[] {
  const { name, as, host, port, verifier } = asked
  return [
    asked.kind === "request"
      ? `${typedCode(asked)}.`
      : `${self} asks to join ${name} at ${formatAddress(host, port)}.`,
    verifier === null
      ? `Nothing is proved yet; ${name}'s owner is asked, too.`
      : `Verifier: ${verifier}; no, if it differs there.`,
    ...(as === name ? [] : [`${name} will be called ${as} here.`]),
    `A yes lets ${name} type here${asked.unasked ? `, which asks nobody (${asked.unasked})` : ""}.`,
  ]
}

/** The question itself: only the words yes and no answer it. */
export function questionLine({ kind, name }: Pick<AskedAbout, "kind" | "name">, self: string): string {
  return kind === "request"
    ? `Agent ${name} wants to pair. Approve? (yes/no)`
    : `${self} wants to pair with ${name}. Approve? (yes/no)`
}

export const briefQuestionLine = "Approve? (yes/no)"

/** Both, as one message in a chat. */
export const questionText = (asked: AskedAbout, self: string): string =>
  [questionLine(asked, self), ...questionLines(asked, self)].join("\n")

/** The bare words yes and no, in any case, with space around; null for anything else. */
export function readYesNo(text: string): "yes" | "no" | null {
  const word = text.trim().toLowerCase()
  return word === "yes" || word === "no" ? word : null
}
