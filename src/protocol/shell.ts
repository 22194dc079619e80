/** A word for sh(1), quoted where it must be: in what a person is told to run, and in the hooks of agent programs. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** The words of a line that {@link shellWord} and single blanks made, or null for any other line. */
export function shellWords(line: string): string[] | null {
  const words = line.match(/(?:[\w@%+=:,./-]|'[^']*'|\\')+/g) ?? []
  const plain = words.map(word => word.replace(/'([^']*)'|\\'/g, (_, quoted?: string) => quoted ?? "'"))
  return plain.map(shellWord).join(" ") === line ? plain : null
}
