/** What the Guardian forgets as time passes, where a part of it cannot be looked at. */
import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileOf, keepInFile } from "../../src/guardian/books/message-files.ts"
import { forget } from "../../src/guardian/sweep.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { newPair, uuidV7 } from "../support/client.ts"
import { createTestContext } from "../support/context.ts"
import { openGuardian } from "../support/guardian.ts"
import { tell } from "../support/peer.ts"
import { receive } from "../support/store.ts"

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

test("what is forgotten takes its file along, and what is not keeps it", () => {
  using made = createTestContext(["kai"])
  const folder = mkdtempSync(join(tmpdir(), "sento-sweep-"))
  try {
    Object.assign(made.context, { paths: pathsOf(folder) })
    const { inbox } = made.stored.store
    const id = receive(made.stored, "kai", made.now, { text: "long" })
    const shortId = inbox.byId("kai", id)?.shortId ?? ""
    keepInFile(made.context, shortId, "long")
    const gone = join(dirname(fileOf(made.context, shortId)), "zzzz.txt")
    writeFileSync(gone, "")
    forget(made.context, made.now)
    expect([existsSync(gone), existsSync(fileOf(made.context, shortId))]).toEqual([false, true])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
