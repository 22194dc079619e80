/** Commands that wait for what becomes of a message of ours. */
import type { ReceiptState } from "../protocol/messages.ts"

export type News =
  | { readonly kind: "state"; readonly state: ReceiptState | "accepted"; readonly reason: string | null }
  /** `text` as it came: not sanitised. */
  | { readonly kind: "reply"; readonly shortId: string; readonly text: string }

type Listener = (news: News) => void

export type Waiters = ReturnType<typeof createWaiters>

export function createWaiters() {
  const listeners = new Map<string, Listener>()
  return {
    /** @param id - of our message @returns what ends the wait */
    wait(id: string, listener: Listener): () => void {
      listeners.set(id, listener)
      return () => {
        if (listeners.get(id) === listener) listeners.delete(id)
      }
    },
    has: (id: string): boolean => listeners.has(id),
    tell(id: string, news: News): void {
      listeners.get(id)?.(news)
    },
  }
}
