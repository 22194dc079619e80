/**
 * The least a listening program with a database does: `server FOLDER` reads each request's body and refuses it, with
 * a SQLite database open in the folder; `server FOLDER keep` takes it, and answers once it is on disk, with whatever
 * else came in that turn of the event loop. Its port goes to stdout. Idle, it is what an idle Guardian is held against.
 */
import { Database } from "bun:sqlite"
import { join } from "node:path"

const database = new Database(join(process.argv[2] ?? ".", "reference.db"))
database.run("PRAGMA journal_mode = WAL")
database.run("CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, text TEXT NOT NULL)")
database.run("PRAGMA synchronous = FULL")
const insert = database.query("INSERT INTO messages (id, text) VALUES (?, ?)")
let waiting: { readonly body: Uint8Array; readonly kept: () => void }[] = []

function commit(): void {
  const group = waiting
  waiting = []
  database.transaction(() => {
    for (const { body } of group) insert.run(crypto.randomUUID(), body)
  })()
  for (const { kept } of group) kept()
}

const keep = (body: Uint8Array): Promise<void> =>
  new Promise(kept => {
    if (waiting.length === 0) setImmediate(commit)
    waiting.push({ body, kept })
  })

const isKeeping = process.argv[3] === "keep"
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  development: false,
  async fetch(request) {
    const body = await request.bytes()
    if (!isKeeping) return new Response(null, { status: 403 })
    await keep(body)
    return new Response(null, { status: 202 })
  },
})
console.log(server.port)
