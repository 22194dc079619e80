/**
 * The owner's PIN: asked at every approval, join and removal where one is set. It stops whoever can type into a
 * terminal of the owner's and cannot know it; docs/SECURITY.md says what it does not stop.
 */
import { SentoError } from "../../protocol/errors.ts"
import { minuteWords } from "../../protocol/freshness.ts"
import { pinTries } from "../../store/owner.ts"
import type { Books } from "./pairs.ts"

/** Argon2id with 19 MiB and 2 passes, the first choice of OWASP's password storage cheat sheet. */
const argon2id = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const

export const leastPinLength = 4

/** @throws usage */
export function requireLength(pin: string): void {
  if (pin.length >= leastPinLength) return
  throw new SentoError("usage", "the PIN is too short", `give at least ${leastPinLength} characters`)
}

type PinBooks = Pick<Books, "store" | "config" | "log" | "now" | "notices">

/**
 * Nothing where no PIN is set, or this is the one. A try is counted on disk before it is looked at, and the owner is
 * told of each wrong one, because it may be somebody else's.
 * @throws needs-pin without one and for a wrong one; try-later after too many
 */
export async function requirePin(books: PinBooks, pin: string | null): Promise<null> {
  const { store, config, log, now } = books
  const hash = config.current.owner?.pin
  if (hash === undefined) return null
  if (pin === null)
    throw new SentoError(
      "needs-pin",
      "the owner's PIN is needed",
      "run it in a terminal, where it is asked for",
    )
  const wait = store.owner.pinWait(now())
  if (wait !== null)
    throw new SentoError("try-later", `${pinTries.most} wrong PINs within an hour`, `try again in ${wait} s`)
  store.owner.addPinTry(now())
  if (!(await Bun.password.verify(pin, hash))) {
    log.write("a wrong PIN was given")
    tellWrong(books)
    throw new SentoError("needs-pin", "the PIN is wrong", `${pinTries.most} wrong ones lock it for an hour`)
  }
  store.owner.clearPinTries()
  return null
}

/** At most five an hour: then none is looked at. */
function tellWrong({ store, now, notices }: PinBooks): void {
  const wait = store.owner.pinWait(now())
  const text =
    wait === null
      ? `a wrong PIN was given, ${store.owner.pinTriesMade(now())} of ${pinTries.most} within an hour: if it was not you, somebody types in your place`
      : `${pinTries.most} wrong PINs were given within an hour: none is taken until ${minuteWords(now() + wait * 1000)}, not yours either; if it was not you, somebody types in your place`
  notices.tell(`wrong pin ${Bun.randomUUIDv7()}`, text)
}

/**
 * Sets the PIN, or with null takes it away.
 * @param pin - the one that holds until now, or null where none is set
 * @throws as {@link requirePin}; usage for one that is too short
 */
export async function setPin(books: PinBooks, pin: string | null, next: string | null): Promise<null> {
  await requirePin(books, pin)
  if (next !== null) requireLength(next)
  const hash = next === null ? null : await Bun.password.hash(next, argon2id)
  books.config.update(({ owner, ...config }) => {
    const { pin: _, ...others } = owner ?? {}
    return { ...config, owner: { ...others, ...(hash === null ? {} : { pin: hash }) } }
  })
  books.log.write(hash === null ? "the owner's PIN was taken away" : "the owner's PIN was set")
  return null
}
