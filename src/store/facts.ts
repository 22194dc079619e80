/** Single values by name: the pinned pane. */
import type { Database } from "bun:sqlite"

export type Facts = ReturnType<typeof createFacts>

export function createFacts(database: Database) {
  const get = database.query<{ value: string }, { key: string }>("SELECT value FROM facts WHERE key = $key")
  const set = database.query(
    "INSERT INTO facts (key, value) VALUES ($key, $value) ON CONFLICT (key) DO UPDATE SET value = $value",
  )
  const remove = database.query("DELETE FROM facts WHERE key = $key")
  const all = database.query<{ key: string; value: string }, { prefix: string }>(
    "SELECT key, value FROM facts WHERE key GLOB $prefix || '*'",
  )
  return {
    get(key: string): unknown {
      const row = get.get({ key })
      return row === null ? null : JSON.parse(row.value)
    },
    /** All whose names begin so, by the rest of their names. @param prefix - without `*`, `?` and `[` */
    withPrefix: (prefix: string): Map<string, unknown> =>
      new Map(all.all({ prefix }).map(({ key, value }) => [key.slice(prefix.length), JSON.parse(value)])),
    set(key: string, value: unknown): void {
      set.run({ key, value: JSON.stringify(value) })
    },
    remove(key: string): void {
      remove.run({ key })
    },
  }
}
