/** The kinds of text that every program must get as they are (docs/DELIVERY.md), for tests and the soak. */
export const textKinds = [
  ["one line", "hello there"],
  ["2,000 characters", `${"words and ".repeat(199)}then end`],
  ["12 lines", Array.from({ length: 12 }, (_, index) => `line ${index}`).join("\n")],
  ["joined emoji", "a family 👩‍👩‍👧‍👦, a heart ❤️, 日本語 and é done"],
  ["a leading slash", "/help"],
  ["a leading exclamation mark", "! ls"],
  ["a leading at", "@file"],
  ["a leading hash", "# title"],
  ["a final @wo", "look at @wo"],
] as const

/** What of a text a program is given: Gemini CLI would read the file behind any `@`. */
export const asTyped = (program: string, text: string): string =>
  program === "gemini" ? text.replaceAll("@", "＠") : text
