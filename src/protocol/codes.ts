/**
 * Pairing codes, short ids and verifiers: Crockford base32 for people.
 * @see docs/PROTOCOL.md section 2
 */

/** Crockford's base32 symbols: no I, L, O, U. */
export const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const shortLength = 4
const longLength = 8

/** Wrong tries that burn a code. */
export const triesPerCode = 3
export const codeLifetimeMilliseconds = 10 * 60 * 1000

/** How many random bytes {@link newCode} takes. */
export const codeRandomBytes = longLength

/**
 * Fresh symbols of a code: 4 (20 bits) or 8 (40 bits).
 * @param random - at least {@link codeRandomBytes} uniformly random bytes; five bits of each are used
 */
export function newCode(random: Uint8Array, long: boolean): string {
  return symbolsOf(random, long ? longLength : shortLength)
}

/** `SENTO-4F2K`, or `SENTO-4F2K-9XQM` for eight symbols. */
export function formatCode(symbols: string): string {
  return ["SENTO", ...(symbols.match(/.{4}/g) ?? [])].join("-")
}

/** What a person may put around a code that is copied out of a sentence, and the dashes and spaces within it. */
const around = /^[\p{Pi}\p{Pf}"'`(<[]+|[\p{Pi}\p{Pf}"'`)>\].,;:!?]+$/gu

/** A code as it was given: whether anything but a code reads so. */
export type CodeGiven = {
  readonly symbols: string
  /** False where it has neither `SENTO-` nor a digit: a word of four or eight letters, or an agent's name, reads so. */
  readonly isCertain: boolean
}

/**
 * The symbols a person meant, or null where it is no code. Forgives case, compatible forms (NFKC: full-width letters),
 * the macron of Sentō, spaces and dashes of any kind, quotes and a full stop around, a missing `SENTO-`, O for 0, I and
 * L for 1.
 */
export function readGivenCode(text: string): CodeGiven | null {
  const bare = text
    .trim()
    .replace(around, "")
    .normalize("NFKD")
    .replace(/\u0304/g, "")
    .toUpperCase()
    .replace(/[\s\p{Dash}]/gu, "")
  // Bare, SENT0123 is a code of eight symbols; with the letter O it is the prefix, which no symbol spells.
  const isPrefixed = bare.startsWith("SENTO") || (bare.startsWith("SENT0") && bare.length > longLength)
  const spelled = isPrefixed ? bare.slice(5) : bare
  const symbols = spelled.replace(/O/g, "0").replace(/[IL]/g, "1")
  const isPlain = [...symbols].every(symbol => alphabet.includes(symbol))
  if (!isPlain || (symbols.length !== shortLength && symbols.length !== longLength)) return null
  return { symbols, isCertain: isPrefixed || /[0-9]/.test(spelled) }
}

/** The symbols of a code, however it is given; null for what is none. @see readGivenCode */
export const readCode = (text: string): string | null => readGivenCode(text)?.symbols ?? null

/** The id under which a delivered message can be answered, as `k7q2`. @param random - at least 4 bytes */
export function newShortId(random: Uint8Array): string {
  return symbolsOf(random, shortLength).toLowerCase()
}

/**
 * A short id as typed by a person or a model, in the form it is stored; null where it cannot be one. Forgives what it
 * stands in where a message is shown, ` [k7q2]:`, and case, O for 0, I and L for 1.
 */
export function readShortId(text: string): string | null {
  const symbols = text
    .trim()
    .replace(/:$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toUpperCase()
    .replace(/O/g, "0")
    .replace(/[IL]/g, "1")
  const isShortId = symbols.length === shortLength && [...symbols].every(symbol => alphabet.includes(symbol))
  return isShortId ? symbols.toLowerCase() : null
}

/** The first 50 bits of `bytes`, most significant first, as `65T6V-3FSB8`. @param bytes - at least 7 */
export function formatVerifier(bytes: Uint8Array): string {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, "0")).join("")
  const symbols = Array.from(
    { length: 10 },
    (_, i) => alphabet[Number.parseInt(bits.slice(5 * i, 5 * i + 5), 2)],
  )
  return `${symbols.slice(0, 5).join("")}-${symbols.slice(5).join("")}`
}

function symbolsOf(random: Uint8Array, length: number): string {
  if (random.length < length) throw new Error(`${length} random bytes are needed, got ${random.length}`)
  return Array.from(random.subarray(0, length), byte => alphabet[byte & 31]).join("")
}
