/**
 * The least a listening program with a database does: `server FOLDER` reads each request's body and refuses it, with
 * a SQLite database open in the folder. Its port goes to stdout. Idle, it is what an idle Guardian is held against.
 */
import { Database } from "bun:sqlite"
import { join } from "node:path"

const database = new Database(join(process.argv[2] ?? ".", "reference.db"))
database.run("PRAGMA journal_mode = WAL")
database.run("CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, text TEXT NOT NULL)")
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  development: false,
  async fetch(request) {
    await request.arrayBuffer()
    return new Response(null, { status: 403 })
  },
})
console.log(server.port)
