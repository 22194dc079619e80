/** What the owner does with a message that waits to be typed: drops it, or has it typed though its pair is paused. */
import { rmSync } from "node:fs"
import { readShortId } from "../../protocol/codes.ts"
import { SentoError } from "../../protocol/errors.ts"
import { droppedReason } from "../../protocol/receipts.ts"
import type { Received } from "../../store/inbox.ts"
import type { Handled } from "../door/results.ts"
import { fileOf } from "./message-files.ts"
import type { Books } from "./pairs.ts"

/** Notes what the sender of a message is told, and has it told where a Guardian runs. */
type TellSender = (message: Received, state: "refused", reason: string) => void

/** Its sender is told that it is not typed. @throws unknown-message; refused for one that is being typed, or is settled */
export function dropReceived(books: Books, id: string, tellSender: TellSender = noted(books)): Handled {
  const { store, log, now } = books
  const message = requireUntouched(books, id)
  const { seq, name, shortId } = message
  store.now(() => {
    store.inbox.dropOne(seq, droppedReason, now())
    tellSender(message, "refused", droppedReason)
  })
  rmSync(fileOf(books, shortId), { force: true })
  log.write(`[${shortId}] from ${name} dropped by its owner`)
  return { id: shortId, from: name, waitsFor: null }
}

/** The Guardian that is started next tells it. */
const noted =
  ({ store, now }: Books): TellSender =>
  ({ pair, id }, state, reason) =>
    store.receipts.note(pair, id, state, reason, Bun.randomUUIDv7(), now())

/**
 * One message, and no other of its pair.
 * @param waitsFor - what keeps it from being typed all the same, or null
 * @throws as {@link dropReceived}; refused where no pause holds it
 */
export function releaseReceived(books: Books, id: string, waitsFor: string | null): Handled {
  const { store, log, now } = books
  const { seq, pair, name, shortId, isReleased } = requireUntouched(books, id)
  if (!isReleased && store.peers.pauseOf(pair, now()) === null)
    throw new SentoError(
      "refused",
      `[${shortId}] from ${name} is held by no pause: it is typed as soon as the agent can take it`,
      "`sento inbox` says what each message waits for",
    )
  store.now(() => store.inbox.release(seq))
  log.write(`[${shortId}] from ${name} released by its owner`)
  return { id: shortId, from: name, waitsFor }
}

/** A message that waits, and that nobody has begun to type. */
function requireUntouched(books: Books, id: string): Received {
  const message = requireReceived(books, id)
  if (message.state === "waiting") return message
  const which = `[${message.shortId}] from ${message.name}`
  if (message.state === "typing")
    throw new SentoError(
      "refused",
      `${which} stands in ${books.config.current.name}'s session already, or is just being typed there`,
      "look into that session; what stands in its box can be deleted there",
    )
  const ends = {
    delivered: "was typed already",
    uncertain: "was typed, as far as is known",
    dropped: "was dropped already",
  }
  throw new SentoError(
    "refused",
    `${which} waits no more: it ${ends[message.state]}`,
    `\`sento log ${message.name}\` shows it`,
  )
}

/** @throws unknown-message */
export function requireReceived(
  { store }: { readonly store: { readonly inbox: Pick<Books["store"]["inbox"], "byShortId"> } },
  id: string,
): Received {
  const shortId = readShortId(id)
  const message = shortId === null ? null : store.inbox.byShortId(shortId)
  if (message !== null) return message
  throw new SentoError(
    "unknown-message",
    `no message ${JSON.stringify(id.slice(0, 64))} came in`,
    "`sento inbox` lists those that wait, `sento log --received` all",
  )
}
