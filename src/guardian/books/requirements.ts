/** What a request must fulfil, wherever it is checked first: in the command or in the Guardian. */
import { SentoError } from "../../protocol/errors.ts"
import { mostBodyBytes, mostTextUnits } from "../../protocol/messages.ts"
import { nearestName } from "../../protocol/names.ts"
import { type Context, type NamedPeer, peerByName } from "../context.ts"

/** The error for a name that nobody paired has. @param names - those that are paired */
export function unknownAgent(name: string, names: readonly string[]): SentoError {
  const near = nearestName(name, names)
  const hint =
    near === null
      ? "run `sento agents` to see the paired ones, or `sento pair` to add one"
      : `did you mean ${near}? run \`sento agents\` to see all`
  return new SentoError("unknown-agent", `no agent named ${JSON.stringify(name)} is paired`, hint)
}

/** @throws unknown-agent; refused where that agent ended the pair */
export function requirePeer(books: Pick<Context, "config" | "store">, name: string): NamedPeer {
  const peer = peerByName(books, name)
  if (peer !== null) return peer
  const revocation = books.store.peers.revocations().find(one => one.name === name && !one.byUs)
  if (revocation !== undefined)
    throw new SentoError("refused", `the pair was revoked by ${name}`, "pair again: `sento pair`")
  throw unknownAgent(name, Object.keys(books.config.current.agents))
}

/** @throws usage for an empty text; too-long for one that does not fit into a message */
export function requireSendable(text: string): void {
  if (text.trim() === "")
    throw new SentoError("usage", "the text is empty", "give a text, or `-` to read it from stdin")
  const bytes = Buffer.byteLength(JSON.stringify(text)) + roomForEnvelope
  const hint = "send it in parts, or put it into a file that the other agent can read"
  if (text.length > mostTextUnits)
    throw new SentoError(
      "too-long",
      `the text is too long: ${text.length} characters, ${mostTextUnits} at the most`,
      hint,
    )
  if (bytes > mostBodyBytes)
    throw new SentoError(
      "too-long",
      `the text is too long: ${bytes} bytes as JSON, ${mostBodyBytes} at the most`,
      hint,
    )
}

/** More than all fields of a body beside its text, and the record that seals it. */
const roomForEnvelope = 1024
