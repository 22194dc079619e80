/** A user's home with an agent that has two peers, a message from one of them and a request that waits. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeFolder, writeConfig } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { openStore } from "../../src/store/store.ts"
import { receive } from "./store.ts"

export type Completing = {
  readonly home: string
  readonly message: string
  readonly request: string
} & Disposable

const pairIds = { kai: "1".repeat(32), "kim-2": "2".repeat(32) } as const

/** @param text - what kai's message says */
export function stageCompletions(text: string): Completing {
  const home = mkdtempSync(join(tmpdir(), "sento-complete-"))
  const paths = pathsOf(home)
  const peer = (id: string, port: number) => ({
    id,
    host: "127.0.0.1",
    port,
    sendKey: "a".repeat(64),
    receiveKey: "b".repeat(64),
    pairedAt: "2026-11-30T10:00:00.000Z",
    features: [],
  })
  writeConfig(paths, {
    version: 1,
    name: "mira",
    agent: "test-mira-1",
    listen: { hosts: [], port: 0, names: [] },
    tmux: { session: "mira", socket: null, profile: "plain" },
    agents: { kai: peer(pairIds.kai, 9876), "kim-2": peer(pairIds["kim-2"], 9877) },
  })
  makeFolder(paths)
  const store = openStore(paths.database, length => crypto.getRandomValues(new Uint8Array(length)))
  receive({ store, path: paths.database, [Symbol.dispose]() {} }, "kai", Date.now(), { text })
  const join_ = store.joins.keep(
    { symbols: "J3YK", host: "127.0.0.1", port: 9878, name: "lena", agent: "test-lena-1", localName: "lena" },
    Date.now(),
  )
  const message = store.inbox.recent(1)[0]?.shortId ?? ""
  store.close()
  return {
    home,
    message,
    request: join_.id,
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  }
}
