/** The minter's side: the open code, its three endpoints, and its owner's answer. */

import * as v from "valibot"
import { refusal, type WireHandler } from "../../http/listener.ts"
import { decodeJson, equalInConstantTime, fromHex, toBase64Url } from "../../protocol/bytes.ts"
import { codeRandomBytes, formatCode, newCode } from "../../protocol/codes.ts"
import { scalarRandomBytes, sha512 } from "../../protocol/cpace.ts"
import { SentoError } from "../../protocol/errors.ts"
import { formatTimestamp, minuteWords } from "../../protocol/freshness.ts"
import { decisionPollTag, decisionStateTag } from "../../protocol/key-schedule.ts"
import { type MinterEffect, type MinterEvent, type MinterState, stepMinter } from "../../protocol/minter.ts"
import {
  confirmSchema,
  decisionSchema,
  helloSchema,
  nonceLength,
  pairingIdLength,
} from "../../protocol/pairing-messages.ts"
import type { OpenCode } from "../../store/codes.ts"
import { faultPoint } from "../../store/faults.ts"
import type { RequestState } from "../../store/requests.ts"
import { noteClaim } from "../books/claims.ts"
import { requestEvent } from "../books/open-questions.ts"
import { type Context, selfOf } from "../context.ts"
import type { DoorName } from "../door/operations.ts"
import type { PairingEvent } from "../door/results.ts"
import { traceStep } from "../log.ts"
import { createAnnouncing } from "./announcing.ts"

export type Minting = ReturnType<typeof createMinting>

type KeepRequest = Extract<MinterEffect, { kind: "keep-request" }>

/** How long a decision poll waits for the owner, and what Bun is told to allow for it. */
const pollSeconds = 25

export function createMinting(context: Context) {
  const { store, events, log } = context
  const announcing = createAnnouncing(context)
  let state: MinterState = { kind: "closed" }
  let expiry: ReturnType<typeof setTimeout> | undefined

  /**
   * Feeds the machine; performs what it asks of the disk and returns what it wants answered.
   * @param digest - of a confirm, by which a repeated one is known; else empty
   */
  function step(event: MinterEvent, digest = ""): Response {
    const [next, effects] = stepMinter(state, event)
    traceStep(log, "minter", [state.kind, event, next.kind], effects)
    state = next
    let response = refusal()
    for (const effect of effects) response = perform(effect, event, digest) ?? response
    announcing.set(state.kind !== "closed")
    return response
  }

  function perform(effect: MinterEffect, event: MinterEvent, digest: string): Response | null {
    switch (effect.kind) {
      case "take-try":
        faultPoint("before-try-is-taken")
        return step({ kind: "try-taken", left: takeTry() }, digest)
      case "keep-request":
        keepAndAsk(effect, digest)
        return null
      case "answer-confirm":
        return Response.json({ tag: effect.tag }, { status: 202 })
      case "answer-hello":
        return Response.json({ intro: effect.intro, Y: effect.share })
      case "burn":
        burn(effect.address)
        return null
      case "refuse":
        log.refused(effect.reason, "address" in event ? event.address : "the network")
        return refusal()
      default:
        return effect satisfies never
    }
  }

  function takeTry(): number | null {
    const left = store.now(() => store.codes.takeTry(context.now()))
    faultPoint("after-try-is-taken")
    return left
  }

  /** The request and the spent code go to disk together, then the owner is asked and the tag goes out. */
  function keepAndAsk({ request, claimedHost, tag }: KeepRequest, digest: string): void {
    faultPoint("before-request-is-kept")
    const kept = store.now(() => {
      store.codes.close("spent")
      const extra = { localName: request.name, replaces: false, confirm: { digest, tag } }
      const asked = store.requests.keep(request, extra, context.now())
      if (claimedHost !== null) noteClaim(store, asked.id, claimedHost)
      return asked
    })
    faultPoint("after-request-is-kept")
    stopExpiry()
    const from = claimedHost === null ? request.host : `${claimedHost}, calling from ${request.host},`
    log.write(`${request.name} at ${from} proved the code and waits for the owner (${kept.id})`)
    events.emit(requestEvent(context, kept), { role: "minter", id: kept.id })
  }

  function burn(address: string): void {
    store.codes.close("burned")
    stopExpiry()
    log.write(`the code was burned by wrong tries, the last from ${address}`)
    events.emit({ event: "burned", address }, null)
    context.notices.tell(
      `burned ${formatTimestamp(context.now())}`,
      `the pairing code was burned by 3 wrong tries, the last from ${address}; \`sento pair\` makes a new one`,
    )
  }

  function expire(): void {
    if (state.kind === "closed") return
    step({ kind: "code-closed" })
    store.codes.close("expired")
    events.emit({ event: "expired" }, null)
  }

  function stopExpiry(): void {
    clearTimeout(expiry)
    expiry = undefined
  }

  function startExpiry(code: OpenCode): void {
    stopExpiry()
    expiry = setTimeout(expire, Math.max(0, code.expiresAt - context.now()))
    expiry.unref()
  }

  /** The code that was opened at the agent's door; one from before a restart may be anybody's. */
  let agentsCode: string | null = null

  function requireAgents({ symbols, expiresAt }: OpenCode, fits: boolean): void {
    if (symbols === agentsCode && fits) return
    const whose = symbols === agentsCode ? "a short code" : "a code that the owner may have passed on"
    throw new SentoError(
      "try-later",
      `${whose} is open until ${minuteWords(expiresAt)}`,
      "the owner sees that code with `sento pair`, and can open another one: `sento pair --long`",
    )
  }

  const resumed = store.codes.open(context.now())
  if (resumed !== null) {
    step({ kind: "code-opened", symbols: resumed.symbols })
    startExpiry(resumed)
  }

  return {
    /**
     * The open code, or a new one where none is open or a long one is wanted and a short one is open. At the agent's
     * door no open code is closed, and none is shown but one that was opened there: the owner may have passed it on.
     * @throws try-later when too many codes were opened, or there is one that the agent gets no other for
     */
    open(long: boolean, door: DoorName): OpenCode {
      const now = context.now()
      const current = store.codes.open(now)
      const fits = current !== null && (!long || current.symbols.length === 8)
      if (current !== null && door === "agent") requireAgents(current, fits)
      if (fits) {
        announcing.look()
        return current
      }
      const limit = store.codes.limit(now)
      if (limit !== null)
        throw new SentoError(
          "try-later",
          `no more than ${limit.words}`,
          `try again in ${limit.retryAfterSeconds} s`,
        )
      const code = store.codes.mint(newCode(context.random(codeRandomBytes), long), now)
      step({ kind: "code-opened", symbols: code.symbols })
      startExpiry(code)
      agentsCode = door === "agent" ? code.symbols : null
      if (current !== null) events.emit({ event: "replaced" }, null)
      log.write(`a code was opened until ${minuteWords(code.expiresAt)}`)
      return code
    },

    /** Nobody can join by the open code any more. @returns whether there was one */
    close(): boolean {
      if (store.codes.open(context.now()) === null) return false
      stopExpiry()
      store.codes.close("expired")
      if (state.kind !== "closed") step({ kind: "code-closed" })
      log.write("the code was closed")
      events.emit({ event: "closed" }, null)
      return true
    },

    /** Whether the open code is this one; at the agent's door nothing is said of one that was not opened there. */
    isOpen(symbols: string, door: DoorName): boolean {
      const open = store.codes.open(context.now())
      return open?.symbols === symbols && (door === "owner" || symbols === agentsCode)
    },

    hello: (request => {
      const hello = v.safeParse(helloSchema, decodeJson(request.body))
      if (!hello.success) return refuse(context, "malformed hello", request.address)
      const random = {
        pairing: context.random(pairingIdLength),
        nonce: context.random(nonceLength),
        scalar: context.random(scalarRandomBytes),
      }
      const { body: bytes, address } = request
      const event = {
        kind: "hello",
        bytes,
        hello: hello.output,
        address,
        self: selfOf(context),
        random,
      } as const
      return step({ ...event, now: context.now() })
    }) satisfies WireHandler,

    confirm: (request => {
      const digest = toBase64Url(sha512(request.body))
      const given = store.requests.confirmAnswer(digest)
      if (given !== null) return Response.json({ tag: given }, { status: 202 })
      const confirm = v.safeParse(confirmSchema, decodeJson(request.body))
      if (!confirm.success) return refuse(context, "malformed confirm", request.address)
      const { address } = request
      return step({ kind: "confirm", confirm: confirm.output, address, now: context.now() }, digest)
    }) satisfies WireHandler,

    decision: (async request => {
      const poll = v.safeParse(decisionSchema, decodeJson(request.body))
      if (!poll.success) return refuse(context, "malformed decision poll", request.address)
      const pairing = toBase64Url(poll.output.pairing)
      const kept = store.requests.ofPairing(pairing, "minter")
      const key = fromHex(kept?.decisionKey ?? "00".repeat(32), 32)
      const isRight = key !== null && equalInConstantTime(decisionPollTag(key), poll.output.tag)
      if (kept === null || key === null || !isRight)
        return refuse(context, "unknown decision poll", request.address)
      request.allow(pollSeconds + 5)
      const state = kept.state === "waiting" ? await settled(context, kept.id) : kept.state
      return Response.json({ state, tag: toBase64Url(decisionStateTag(key, state)) })
    }) satisfies WireHandler,

    /** The code stays open, and is announced no more. */
    stop(): Promise<void> {
      stopExpiry()
      return announcing.stop()
    },
  }
}

function refuse(context: Context, reason: string, address: string): Response {
  context.log.refused(reason, address)
  return refusal()
}

/** The request's state once it is answered, or `waiting` when that took too long. */
function settled(context: Context, id: string): Promise<RequestState> {
  const { promise, resolve } = Promise.withResolvers<RequestState>()
  const timer = setTimeout(() => resolve("waiting"), pollSeconds * 1000)
  const off = context.events.on(event => {
    if (event.event === "answered" && event.id === id && event.state !== "failed") resolve(event.state)
  })
  const onStop = (): void => resolve("waiting")
  context.stopping.addEventListener("abort", onStop)
  return promise.finally(() => {
    clearTimeout(timer)
    off()
    context.stopping.removeEventListener("abort", onStop)
  })
}

type CodeEvent = Extract<PairingEvent, { event: "code" }>

/** The code as `sento pair` shows it, with the forms of it that other machines can use. */
export function codeEvent(code: OpenCode, addresses: NonNullable<CodeEvent["addresses"]>): CodeEvent {
  return {
    event: "code",
    code: formatCode(code.symbols),
    expiresAt: formatTimestamp(code.expiresAt),
    address: addresses[0]?.address ?? null,
    ...(addresses.length === 0 ? {} : { addresses }),
  }
}
