/**
 * What can be asked of a Guardian over its two local doors: one JSON request a connection, then any number
 * of `{"event":…}` lines, then one `{"result":…}` or `{"error":{code,message,hint}}`. A new operation is an entry
 * here; what it does is a handler in dispatch.ts, which the compiler asks for.
 */
import * as v from "valibot"
import { isDestination, isHost } from "../../protocol/addresses.ts"
import { hookEventSchema, hookIdSchema } from "../../protocol/hook-events.ts"
import { messageIdSchema } from "../../protocol/messages.ts"
import { agentSources, nameSchema } from "../../protocol/names.ts"
import type {
  AgentList,
  Alive,
  Approval,
  GuardStatus,
  Handled,
  LogEntry,
  MessageEvent,
  PairingEvent,
  PauseEnd,
  PeerPlace,
  Probe,
  QuestionEvent,
  Resumed,
  SendResult,
  TurnAnswer,
  Withdrawn,
} from "./results.ts"

/** The owner's door takes every operation, the agent's those that an agent may ask for too. */
export type DoorName = "owner" | "agent"

type Operation<Door extends DoorName, Entries extends v.ObjectEntries, Event, Result> = {
  /** `agent`: at both doors. */
  readonly door: Door
  /** What a request has besides `op`. */
  readonly request: Entries
  readonly event: Type<Event>
  readonly result: Type<Result>
}

/** A type as a value, so that it can stand in the table. */
type Type<Value> = { readonly of?: (value: Value) => Value }
const type = <Value>(): Type<Value> => ({})

const entry = <const Door extends DoorName, const Entries extends v.ObjectEntries, Event, Result>(
  operation: Operation<Door, Entries, Event, Result>,
): Operation<Door, Entries, Event, Result> => operation

const id = v.pipe(v.string(), v.maxLength(64))
/** A short id as somebody gave it, told by its name where it is none. */
const shortId = v.string()
const optionalName = v.optional(v.nullable(nameSchema), null)
const flag = (usual: boolean) => v.optional(v.boolean(), usual)
/**
 * The id that the message is to have, a UUIDv7 of the caller's own: a request that got no answer can be repeated with
 * the same one, and is kept once. Null: the Guardian chooses.
 */
const messageId = v.optional(v.nullable(messageIdSchema), null)
const pinText = v.pipe(v.string(), v.maxLength(256))
/** The owner's PIN, where one is set. */
const pin = v.optional(v.nullable(pinText), null)
const pauseMilliseconds = v.pipe(v.number(), v.minValue(1), v.maxValue(366 * 24 * 60 * 60 * 1000))

const portNumber = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535))

const noEvent = type<never>()
const nothing = type<null>()
/** How it ended; null where the caller did not wait, or the Guardian stopped first. */
const pairingEnd = type<PairingEvent | null>()

export const operations = {
  /** Who answers here; unlike `status`, without a look at the agent's pane. */
  alive: entry({ door: "agent", request: {}, event: noEvent, result: type<Alive>() }),
  status: entry({ door: "agent", request: {}, event: noEvent, result: type<GuardStatus>() }),
  agents: entry({ door: "agent", request: {}, event: noEvent, result: type<AgentList>() }),
  requests: entry({ door: "agent", request: {}, event: noEvent, result: type<QuestionEvent[]>() }),
  probe: entry({ door: "agent", request: { name: v.string() }, event: noEvent, result: type<Probe>() }),
  pair: entry({
    door: "agent",
    request: { long: flag(false), wait: flag(true) },
    event: type<PairingEvent>(),
    result: pairingEnd,
  }),
  send: entry({
    door: "agent",
    request: {
      to: v.string(),
      text: v.string(),
      messageId,
      /** The short id of the message that this answers. */
      replyTo: v.optional(v.nullable(shortId), null),
      /** Whether to go on telling what becomes of it, until the answer comes. */
      wait: flag(false),
    },
    event: type<MessageEvent>(),
    /** Null where the Guardian stopped before the answer that was waited for. */
    result: type<SendResult | null>(),
  }),
  reply: entry({
    door: "agent",
    request: { id: shortId, text: v.string(), messageId },
    event: noEvent,
    result: type<SendResult>(),
  }),
  /** What a hook of the agent program tells of a turn; session null: of whichever. */
  turn: entry({
    door: "agent",
    request: { session: hookIdSchema, event: hookEventSchema },
    event: noEvent,
    result: type<TurnAnswer>(),
  }),
  /** A hook in this agent's pane does nothing, because its environment names another agent. */
  stray: entry({
    door: "agent",
    request: { source: v.picklist(agentSources), named: v.pipe(v.string(), v.maxLength(4096)) },
    event: noEvent,
    result: nothing,
  }),
  log: entry({
    door: "agent",
    request: {
      /** Only the messages from and to this agent. */
      name: v.optional(v.nullable(v.string()), null),
      /** Only those of the conversation that this one is in: a short id, or the whole one of a message of ours. */
      thread: v.optional(v.nullable(v.string()), null),
      /** None older, in milliseconds since the epoch. */
      since: v.optional(v.nullable(v.number()), null),
      /** Only those in whose text this stands, in whichever case. */
      grep: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(1000))), null),
      way: v.optional(v.nullable(v.picklist(["in", "out"])), null),
      limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)),
    },
    event: noEvent,
    result: type<LogEntry[]>(),
  }),
  /** Takes back a message of ours that waits; at the owner's door also a join that waits for the other owner. */
  cancel: entry({
    door: "agent",
    request: { id: v.string() },
    event: noEvent,
    result: type<Withdrawn>(),
  }),
  /** At the agent's door it asks the agent's own owner first. */
  join: entry({
    door: "agent",
    request: {
      symbols: v.string(),
      host: v.nullable(v.pipe(v.string(), v.check(isDestination))),
      port: v.nullable(portNumber),
      as: optionalName,
      replace: flag(false),
      /** Whether the place is one that was found by mDNS, picked out of several. */
      heard: flag(false),
      /** At the owner's door. */
      pin,
    },
    event: type<PairingEvent>(),
    result: pairingEnd,
  }),
  approve: entry({
    door: "owner",
    request: { id: v.nullable(id), as: optionalName, replace: flag(false), pin },
    event: noEvent,
    result: type<Approval>(),
  }),
  deny: entry({
    door: "owner",
    request: { id: v.nullable(id) },
    event: noEvent,
    result: type<{ readonly name: string; readonly id: string }>(),
  }),
  /** One question, and what becomes of it: for a prompt that is to be withdrawn. */
  question: entry({ door: "owner", request: { id }, event: type<PairingEvent>(), result: pairingEnd }),
  remove: entry({ door: "owner", request: { name: v.string(), pin }, event: noEvent, result: nothing }),
  /** Whether this is the owner's PIN. */
  confirm: entry({ door: "owner", request: { pin }, event: noEvent, result: nothing }),
  /** Sets the owner's PIN, or takes it away. `pin` is the one that holds until now. */
  pin: entry({
    door: "owner",
    request: { pin, next: v.nullable(pinText) },
    event: noEvent,
    result: nothing,
  }),
  /** A message that waits to be typed never is. */
  drop: entry({ door: "owner", request: { id: v.string() }, event: noEvent, result: type<Handled>() }),
  /** A message that waits to be typed is, though its pair is paused. */
  release: entry({ door: "owner", request: { id: v.string() }, event: noEvent, result: type<Handled>() }),
  /** Closes the code that is open. */
  close: entry({
    door: "owner",
    request: {},
    event: noEvent,
    result: type<{ readonly wasOpen: boolean }>(),
  }),
  /** The ends of pairs are news no more: of this name, or of all. */
  clear: entry({
    door: "owner",
    request: { name: v.nullable(v.string()) },
    event: noEvent,
    result: type<{ readonly cleared: number }>(),
  }),
  rename: entry({
    door: "owner",
    request: { from: v.string(), to: nameSchema },
    event: noEvent,
    result: nothing,
  }),
  pause: entry({
    door: "owner",
    request: { name: v.string(), milliseconds: v.nullable(pauseMilliseconds) },
    event: noEvent,
    result: type<PauseEnd>(),
  }),
  resume: entry({ door: "owner", request: { name: v.string() }, event: noEvent, result: type<Resumed>() }),
  /** Where to listen beside loopback from now on. */
  listen: entry({
    door: "owner",
    request: { hosts: v.pipe(v.array(v.pipe(v.string(), v.check(isHost))), v.maxLength(64)) },
    event: noEvent,
    result: type<Alive>(),
  }),
  /** Where a paired agent is, by the owner's word; `host` null: wherever it is found. */
  address: entry({
    door: "owner",
    request: {
      name: v.string(),
      host: v.nullable(v.pipe(v.string(), v.check(isDestination))),
      port: v.nullable(portNumber),
    },
    event: noEvent,
    result: type<PeerPlace>(),
  }),
  /** The session's active pane, or the one of this id. */
  attach: entry({
    door: "owner",
    request: { pane: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(32))), null) },
    event: noEvent,
    result: type<{ readonly pane: string }>(),
  }),
  stop: entry({ door: "owner", request: {}, event: noEvent, result: nothing }),
} as const

export type Operations = typeof operations
export type OpName = keyof Operations

type TypeOf<Of> = Of extends Type<infer Value> ? Value : never
type SchemaOf<Op extends OpName> = Operations[Op] extends {
  readonly request: infer Entries extends v.ObjectEntries
}
  ? v.ObjectSchema<Entries, undefined>
  : never

/** A request as a handler gets it. */
export type DoorRequest<Op extends OpName = OpName> = {
  [One in Op]: { readonly op: One } & v.InferOutput<SchemaOf<One>>
}[Op]
/** A request as a client writes it: what has a default may be left out. */
export type DoorRequestInput<Op extends OpName = OpName> = {
  [One in Op]: { readonly op: One } & v.InferInput<SchemaOf<One>>
}[Op]
export type EventOf<Op extends OpName> = { [One in Op]: TypeOf<Operations[One]["event"]> }[Op]
export type ResultOf<Op extends OpName> = { [One in Op]: TypeOf<Operations[One]["result"]> }[Op]
export type DoorEvent = EventOf<OpName>
/** The doors that take an operation. */
export type DoorOf<Op extends OpName> = "owner" | Operations[Op]["door"]

type RequestReader = { readonly door: DoorName; readonly schema: v.GenericSchema<unknown, DoorRequest> }

/** The literal `op` is what ties a schema to its operation, which no type can follow through a loop. */
const readers = new Map<string, RequestReader>(
  Object.entries(operations).map(([op, { door, request }]) => {
    const schema: v.GenericSchema = v.object({ op: v.literal(op), ...request })
    return [op, { door, schema: schema as RequestReader["schema"] }]
  }),
)

const named = v.object({ op: v.string() })

/** The request that a JSON value is at this door, or null. */
export function readDoorRequest(door: DoorName, value: unknown): DoorRequest | null {
  const reader = v.is(named, value) ? readers.get(value.op) : undefined
  if (reader === undefined || (door === "agent" && reader.door === "owner")) return null
  const parsed = v.safeParse(reader.schema, value)
  return parsed.success ? parsed.output : null
}
