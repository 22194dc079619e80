/** What the Guardian forgets as time passes, where a part of it cannot be looked at. */
import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { newPair, uuidV7 } from "../support/client.ts"
import { openGuardian } from "../support/guardian.ts"
import { tell } from "../support/peer.ts"

const day = 24 * 60 * 60 * 1000
const kai = newPair()

test("old messages go although the directory of their files cannot be read", async () => {
  await using guardian = await openGuardian({ kai: { pair: kai } })
  const { paths } = guardian
  await tell(guardian, kai, { id: uuidV7(guardian.now), text: "hello" })
  using database = new Database(paths.database)
  database.run("PRAGMA busy_timeout = 5000")
  database.run("UPDATE inbox SET state = 'delivered', settled_at = ?", [guardian.now])
  writeFileSync(join(paths.folder, "inbox"), "a file in its place")
  guardian.pass(31 * day)
  expect(database.query("SELECT count(*) AS n FROM inbox").get()).toEqual({ n: 0 })
  expect(guardian.log()).toMatch(/cannot see the files of messages: ENOTDIR/)
  expect(guardian.log()).toContain("forgot 1 settled messages")
})
