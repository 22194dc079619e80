/** How each peer is reached as far as this side has seen, and why one that is away is. In memory. */
import type { Context, NamedPeer } from "../context.ts"
import type { PeerWay } from "../door/results.ts"
import type { Carrying } from "./carrying.ts"
import type { Collecting } from "./collecting.ts"

export type Ways = ReturnType<typeof createWays>

export type WaysParts = {
  readonly collecting: Pick<Collecting, "stateOf" | "isCollecting" | "lastHeard">
  readonly carrying: Pick<Carrying, "hasCollected" | "isFetching">
}

export function createWays({ elapsed }: Pick<Context, "elapsed">, { collecting, carrying }: WaysParts) {
  const failures = new Map<string, { readonly reason: string; readonly at: number }>()

  /** Null until it is seen. That a peer was dialled once (`reached`) and calls us is a way in both directions. */
  function wayOf({ id, reached }: NamedPeer["peer"]): PeerWay["way"] {
    const isFetched = carrying.hasCollected(id)
    if (collecting.isCollecting(id)) return isFetched ? "both-fetch" : "fetching"
    if (isFetched) return "fetched"
    return reached !== undefined && isCalled(id) ? "direct" : null
  }

  /** The minter of a pair asks for no call: what the joiner says has come to its listener. */
  function isCalled(pair: string): boolean {
    const state = collecting.stateOf(pair)
    return state === "called" || (state === null && collecting.lastHeard(pair) !== null)
  }

  function awayOf(pair: string): string | null {
    const failure = failures.get(pair)
    const isOver =
      failure === undefined || (collecting.lastHeard(pair) ?? Number.NEGATIVE_INFINITY) > failure.at
    if (carrying.hasCollected(pair))
      return isOver && carrying.isFetching(pair) ? null : "its Guardian has stopped coming for its messages"
    return isOver ? null : failure.reason
  }

  return {
    /** An attempt to reach a pair brought nothing. */
    failed: (pair: string, reason: string): void => void failures.set(pair, { reason, at: elapsed() }),

    /** The pair has ended. */
    forget: (pair: string): void => void failures.delete(pair),

    of({ peer }: Pick<NamedPeer, "peer">): PeerWay {
      const away = awayOf(peer.id)
      return { way: wayOf(peer), ...(away === null ? {} : { away }) }
    },
  }
}
