import * as v from "valibot"

/**
 * A name of an agent. Anything else is refused before it is shown, so a name can carry no escape, no
 * look-alike letter and no `__proto__`.
 * @see docs/PROTOCOL.md, "Words"
 */
export const namePattern = /^[a-z0-9][a-z0-9-]{0,31}$/

export const nameSchema = v.pipe(v.string(), v.regex(namePattern))

export const isName = (text: string): boolean => namePattern.test(text)

/** What a bad name should look like, for error messages. */
export const nameRule = "a name is 1 to 32 of a-z, 0-9 and -, and does not start with -"
