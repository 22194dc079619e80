/** A peer that collects, and one from which a Guardian does: both from the protocol's text alone. */
import {
  type Carried,
  type ClientPair,
  headerOf,
  openAnswer,
  openCarried,
  openExchange,
  packAnswer,
  type Request,
  signSealed,
  spell,
  stamp,
  uuidV7,
  type Response as WireResponse,
} from "./client.ts"
import { openGuardian, sendFrom, type TestGuardian } from "./guardian.ts"
import { type Answerer, type Asked, accepted, openPeer, type Peer, signed } from "./peer.ts"
import { until } from "./world.ts"

/** What a collect came to: a carried request, or a signed word. */
export type Collected =
  | ({ readonly kind: "carried" } & Carried)
  | { readonly kind: "word"; readonly word: Readonly<Record<string, unknown>> }
  | { readonly kind: "unsigned"; readonly status: number }
  | { readonly kind: "cut" }

export type OpenCollect = {
  readonly request: Request
  readonly answer: Promise<Collected>
  /** Hangs up. */
  close(): void
}

export type Fields = Readonly<Record<string, unknown>>

/** A collect's request; each one of a pair is to be later than the one before. */
export function collectOf(pair: ClientPair, at: number, fields: Fields = {}): Request {
  const body = { v: 1, id: uuidV7(at), timestamp: stamp(at), type: "collect", waitSeconds: 25 }
  return signSealed(pair, { ...body, ...fields })
}

export function sendCollect(port: number, pair: ClientPair, request: Request): OpenCollect {
  const { answer, socket } = openExchange(port, spell(port, request))
  return {
    request,
    answer: answer.then(response => collectedOf(pair, request, response)),
    close: () => void socket.destroy(),
  }
}

export function collectedOf(pair: ClientPair, request: Request, response: WireResponse | null): Collected {
  if (response === null) return { kind: "cut" }
  if (response.status === 200) return { kind: "carried", ...openCarried(pair, response) }
  if (headerOf(response, "x-sento-signature") === null) return { kind: "unsigned", status: response.status }
  return { kind: "word", word: openAnswer(pair, request, response) }
}

export type TestCollector = {
  /** A collect, later than all before. */
  collect(fields?: Fields): OpenCollect
  /** The next carried request. @throws where the answer is none */
  take(fields?: Fields): Promise<Carried>
  /** Takes so many, and answers each with this in the next collect. @returns the texts */
  fetch(count: number, content?: (carried: Carried) => Fields): Promise<unknown[]>
}

export const acceptedAnswer = ({ body }: Pick<Carried, "body">): Fields => ({
  status: 202,
  id: body.id,
  state: "accepted",
})

/** A collector of this Guardian's. Its clock is the Guardian's. */
export function openCollector(guardian: TestGuardian, pair: ClientPair): TestCollector {
  let last = 0
  const collect = (fields: Fields = {}): OpenCollect => {
    last = Math.max(last + 1, guardian.now)
    return sendCollect(guardian.port, pair, collectOf(pair, last, fields))
  }
  async function take(fields: Fields = {}): Promise<Carried> {
    const collected = await collect(fields).answer
    if (collected.kind !== "carried") throw new Error(`nothing was carried: ${JSON.stringify(collected)}`)
    return collected
  }
  return {
    collect,
    take,
    async fetch(count, content = acceptedAnswer) {
      const texts: unknown[] = []
      let answer: Fields = {}
      while (texts.length < count) {
        const carried = await take(answer)
        texts.push(carried.body.text)
        answer = { answer: packAnswer(pair, carried, content(carried)) }
      }
      await collect({ waitSeconds: 0, ...answer }).answer
      return texts
    },
  }
}

/** A Guardian that dials nobody: kai's address is one where nothing listens. */
export const openHolder = (pair: ClientPair): Promise<TestGuardian> =>
  openGuardian({ kai: { pair, fixed: true } })

/** Sends what cannot go now. */
export async function queue(guardian: TestGuardian, to: string, ...texts: string[]): Promise<void> {
  for (const text of texts) {
    const { status } = await sendFrom(guardian.paths, to, text)
    if (status !== "queued") throw new Error(`${text} is ${status}`)
  }
}

/** What a holder of the test's own does with collects. */
export type Holder = {
  readonly peer: Peer
  readonly guardian: TestGuardian
  /** The bodies of the collects that came, the oldest first. */
  collects(): Fields[]
} & AsyncDisposable

/** A request of the peer's own, as the answer to a collect. */
export function carrying(request: Request): Response {
  return new Response(new Uint8Array(request.body), {
    status: 200,
    headers: Object.fromEntries(request.headers),
  })
}

/**
 * A Guardian that collects from a peer of the test's: whatever it sends is answered with the word that something was
 * missed, and each collect by `onCollect`.
 */
export async function openHeld(
  pair: ClientPair,
  onCollect: (asked: Asked, count: number) => Response | Promise<Response>,
  others: Answerer = asked => signed(pair, { ...accepted(asked), missed: true }, asked.isSealed),
): Promise<Holder> {
  let count = 0
  const peer = await openPeer(pair, asked => {
    if (asked.body.type !== "collect") return others(asked)
    count += 1
    return onCollect(asked, count)
  })
  const guardian = await openGuardian({ kai: { pair, port: peer.port, fixed: true } })
  await sendFrom(guardian.paths, "kai", "anything")
  await until("the first collect", () => count > 0)
  return {
    peer,
    guardian,
    collects: () => peer.asked.filter(({ body }) => body.type === "collect").map(({ body }) => body),
    async [Symbol.asyncDispose]() {
      await guardian[Symbol.asyncDispose]()
      await peer[Symbol.asyncDispose]()
    },
  }
}

/** The answer to a collect that is held until its Guardian has gone. */
export const never = (): Promise<Response> => new Promise(() => {})

/** An empty answer. */
export const empty = (pair: ClientPair, asked: Asked): Response =>
  signed(pair, accepted(asked), asked.isSealed)
