/** A store in a temporary file, and messages in it. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openStore, type Store } from "../../src/store/store.ts"

export type TestStore = { readonly store: Store; readonly path: string } & Disposable

/** @param random - in place of random bytes, for ids */
export function createTestStore({ random = randomBytes } = {}): TestStore {
  const folder = mkdtempSync(join(tmpdir(), "sento-store-"))
  const path = join(folder, "sento.db")
  const store = openStore(path, random)
  return {
    store,
    path,
    [Symbol.dispose]() {
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))

/** A message that came at `at`, settled then where `state` says so. @returns its id */
export function receive(
  { store }: TestStore,
  pair: string,
  at: number,
  options: {
    readonly text?: string
    readonly hops?: number
    readonly state?: "waiting" | "typing" | "delivered" | "uncertain" | "dropped"
  } = {},
): string {
  const { text = "hello", hops = 0, state = "waiting" } = options
  const id = Bun.randomUUIDv7()
  const timestamp = new Date(at).toISOString()
  const admission = store.inbox.admit(pair, pair, { v: 1, id, type: "message", timestamp, text, hops }, at)
  if (admission.kind !== "accepted") throw new Error(`the message was ${admission.kind}`)
  const row = store.inbox.byShortId(admission.shortId)
  if (state !== "waiting" && row !== null) store.inbox.mark(row.seq, state, at)
  return id
}

/** A message of ours of that time. @returns its id */
export function keep(
  { store }: TestStore,
  pair: string,
  at: number,
  state: "queued" | "accepted" | "refused" | "expired" | "dropped",
  text = "hello",
): string {
  const id = Bun.randomUUIDv7()
  const sent = store.outbox.keep({ pair, name: pair, id, text, inReplyTo: null, hops: 0 }, at)
  if (state !== "queued") store.outbox.settle(sent.seq, state, null, at)
  return id
}
