/** What the bench writes into a home by itself: its config, and its database in the place of a year of use. */
import { Database } from "bun:sqlite"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Home } from "./stage.ts"

export type Peer = Record<string, unknown>
export type Config = Record<string, unknown> & {
  listen: Record<string, unknown>
  agents: Record<string, Peer>
}

const configOf = ({ path }: Home): string => join(path, ".sento-config.json")

export const readConfig = (home: Home): Config => JSON.parse(readFileSync(configOf(home), "utf8"))

export function writeConfig(home: Home, config: Record<string, unknown>): void {
  writeFileSync(configOf(home), JSON.stringify(config), { mode: 0o600 })
}

/** The database of a home in which a Guardian has run. */
export const openBooks = ({ path }: Home): Database => new Database(join(path, ".sento", "sento.db"))

/** Of ordinary length. */
const text = "which of them are due before Friday, because Blair asked? ".repeat(5)

/**
 * Messages that are done with, a minute apart, half of them each way.
 * @param of - the name and pair of the n-th one, the oldest first
 */
export function fillBooks(
  home: Home,
  count: number,
  of: (i: number) => { readonly name: string; readonly pair: string },
): void {
  using books = openBooks(home)
  const began = Date.now() - count * 60_000
  const received = books.query(
    `INSERT INTO inbox (pair, name, id, short_id, text, hops, received_at, state, settled_at)
     VALUES ($pair, $name, $id, $shortId, $text, 0, $at, 'delivered', $at)`,
  )
  const sent = books.query(
    `INSERT INTO outbox (pair, name, id, text, hops, created_at, state, settled_at)
     VALUES ($pair, $name, $id, $text, 0, $at, 'accepted', $at)`,
  )
  books.transaction(() => {
    for (let i = 0; i < count; i += 1) {
      const { name, pair } = of(i)
      const at = began + i * 60_000
      const row = { $pair: pair, $name: name, $id: Bun.randomUUIDv7("hex", at), $text: text, $at: at }
      if (i % 2 === 0) received.run({ ...row, $shortId: i.toString(32).padStart(4, "0") })
      else sent.run(row)
    }
  })()
}

/** As if an hour had gone by: what pairs and codes there may be of in one is forgotten, and nothing waits to be typed. */
export function letAnHourGoBy(home: Home): void {
  using books = openBooks(home)
  books.run("PRAGMA busy_timeout = 5000")
  books
    .transaction(() => {
      books.run("UPDATE seen SET first_at = first_at - 3600000")
      books.run("UPDATE codes SET opened_at = opened_at - 3600000")
      books.run("UPDATE inbox SET state = 'delivered', settled_at = received_at WHERE state = 'waiting'")
    })
    .immediate()
}

/** All peers have called its Guardian at this port before: by itself it would ask each of them a minute after a start. */
export function noteCalls(home: Home, port: number): void {
  using books = openBooks(home)
  const note = books.query("INSERT OR REPLACE INTO facts (key, value) VALUES (?, ?)")
  books.transaction(() => {
    for (const { id } of home.pairs) note.run(`called ${id}`, JSON.stringify({ host: "127.0.0.1", port }))
  })()
}
