/** A word for sh(1), quoted where it must be: in what a person is told to run, and in the hooks of agent programs. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
