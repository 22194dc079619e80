/** Codes, requests and joins: of two that wait at once, one is answered. */
import { asked, type Cases, confirmed, day, hour, minute, now } from "./fixture.ts"

const tenMinutes = 10 * minute
const extra = { localName: "noa", replaces: false, confirm: null }
const requestOf = (of: string, role: "minter" | "joiner", place: 0 | 1) => ({
  ...confirmed(role === "minter" ? of : `${of} there`),
  ...{ id: ["000a", "000b", "000d", "000e"][(of === "lia" ? 0 : 2) + (role === "minter" ? 0 : 1)] as string },
  ...{
    role,
    localName: `my ${of}`,
    replaces: place === 1,
    state: "waiting",
    createdAt: now - minute + place,
  },
})
const joinOf = (of: string, place: 0 | 1) => ({
  ...{ ...asked(of), id: place === 0 ? "000c" : "000f" },
  createdAt: now - minute + place,
})
const requestRow = {
  ...{ name: "noa", local_name: "noa", replaces: 0, agent: "agent noa", host: "192.0.2.1", port: 7001 },
  ...{ features: '["receipts"]', verifier: "65T6V-3FSB8", pair_id: "noa", send_key: "send noa" },
  ...{ receive_key: "receive noa", decision_key: "decision noa", pairing: "pairing noa", role: "minter" },
  ...{ confirm_digest: null, confirm_answer: null, state: "waiting", created_at: now, settled_at: null },
} as const

const blank = { send_key: "", receive_key: "" }

export const pairingCases: Cases = {
  "requests.keep": [
    {
      does: "one more",
      act: ({ requests }) => requests.keep({ role: "minter", ...confirmed("noa") }, extra, now),
      gives: {
        ...confirmed("noa"),
        role: "minter",
        id: "000z",
        localName: "noa",
        replaces: false,
        state: "waiting",
        createdAt: now,
      },
      changes: { requests: { "+000z": { ...requestRow, id: "000z" } } },
    },
    {
      does: "under the id of the join that led to it",
      act: ({ requests }) =>
        requests.keep(
          { role: "joiner", ...confirmed("noa") },
          { ...extra, id: "000f", replaces: true, confirm: { digest: "d", tag: "t" } },
          now,
        ).id,
      gives: "000f",
      changes: {
        requests: {
          "+000f": {
            ...requestRow,
            id: "000f",
            role: "joiner",
            replaces: 1,
            confirm_digest: "d",
            confirm_answer: "t",
          },
        },
      },
    },
    {
      does: "and never under one that another request has",
      act: ({ requests }) =>
        requests.keep({ role: "minter", ...confirmed("noa") }, { ...extra, id: "000d" }, now).id,
      gives: "000z",
      changes: { requests: { "+000z": { ...requestRow, id: "000z" } } },
    },
  ],
  "requests.waiting": [
    {
      does: "of one role, oldest first",
      act: ({ requests }) => [requests.waiting("minter"), requests.waiting("joiner")],
      gives: [
        [requestOf("lia", "minter", 0), requestOf("kai", "minter", 1)],
        [requestOf("lia", "joiner", 0), requestOf("kai", "joiner", 1)],
      ],
    },
    {
      does: "the later one last, whatever its id; of one moment by id; and none that was answered",
      given: `UPDATE requests SET created_at = ${now} WHERE id = '000a'; UPDATE requests SET state = 'denied' WHERE id = '000b';
        UPDATE requests SET created_at = 5, role = 'minter' WHERE id = '000e'; UPDATE requests SET created_at = 5, id = '000z' WHERE id = '000d'`,
      act: ({ requests }) => [requests.waiting("minter").map(one => one.id), requests.waiting("joiner")],
      gives: [["000e", "000z", "000a"], []],
    },
  ],
  "requests.ofPairing": [
    {
      does: "of this handshake and role",
      act: ({ requests }) => [
        requests.ofPairing("pairing kai", "minter"),
        requests.ofPairing("pairing kai", "joiner"),
        requests.ofPairing("none", "minter"),
      ],
      gives: [requestOf("kai", "minter", 1), null, null],
    },
  ],
  "requests.get": [
    {
      does: "this one",
      act: ({ requests }) => [requests.get("000d"), requests.get("none")],
      gives: [requestOf("kai", "minter", 1), null],
    },
  ],
  "requests.confirmAnswer": [
    {
      does: "to this confirm, at the minter's",
      given: "DELETE FROM requests WHERE id = '000a'",
      act: ({ requests }) => ["digest kai", "digest lia"].map(requests.confirmAnswer),
      gives: ["tag kai", null],
    },
  ],
  "requests.settle": [
    {
      does: "this one, whose keys go",
      act: ({ requests }) => requests.settle("000d", "approved", now, "Kai"),
      gives: true,
      changes: { requests: { "000d": { ...blank, state: "approved", settled_at: now, local_name: "Kai" } } },
    },
    {
      does: "under the name it had",
      act: ({ requests }) => requests.settle("000d", "denied", now),
      gives: true,
      changes: { requests: { "000d": { ...blank, state: "denied", settled_at: now } } },
    },
  ],
  "requests.sweep": [
    {
      does: "expires what waited for more than 24 h, and returns it with its keys",
      given: `UPDATE requests SET created_at = ${now - day} - (id = '000d')`,
      act: ({ requests }) => requests.sweep(now),
      gives: [{ ...requestOf("kai", "minter", 1), state: "expired", createdAt: now - day - 1 }],
      changes: { requests: { "000d": { ...blank, state: "expired", settled_at: now } } },
    },
    {
      does: "forgets what was answered more than 24 h ago, and nothing that waits",
      given: `UPDATE requests SET settled_at = ${now - day} - (id = '000d'), state = 'denied', send_key = '', receive_key = ''
        WHERE role = 'minter'; UPDATE requests SET settled_at = 1 WHERE role = 'joiner'`,
      act: ({ requests }) => requests.sweep(now),
      gives: [],
      changes: { requests: { "000d": null } },
    },
    {
      does: "erases keys that a crash left beside an answer",
      given: "UPDATE requests SET state = 'approved', settled_at = 1e15 WHERE id = '000d'",
      act: ({ requests }) => requests.sweep(now),
      gives: [],
      changes: { requests: { "000d": blank } },
    },
  ],
  "joins.keep": [
    {
      does: "one more",
      act: ({ joins }) => joins.keep(asked("noa"), now),
      gives: { ...asked("noa"), id: "000z", createdAt: now },
      changes: {
        joins: {
          "+000z": {
            ...{ id: "000z", symbols: "code noa", host: "192.0.2.1", port: 7001, name: "noa" },
            ...{ agent: "agent noa", local_name: "my noa", created_at: now, state: "waiting" },
          },
        },
      },
    },
    {
      does: "under an id that no join and no request has",
      given:
        "UPDATE joins SET id = '000z' WHERE id = '000c'; UPDATE requests SET id = '0010' WHERE id = '000a'",
      act: ({ joins }) => joins.keep(asked("noa"), now).id,
      gives: "0011",
      changes: {
        joins: {
          "+0011": {
            ...{ id: "0011", symbols: "code noa", host: "192.0.2.1", port: 7001, name: "noa" },
            ...{ agent: "agent noa", local_name: "my noa", created_at: now, state: "waiting" },
          },
        },
      },
    },
  ],
  "joins.waiting": [
    {
      does: "oldest first",
      act: ({ joins }) => joins.waiting(),
      gives: [joinOf("lia", 0), joinOf("kai", 1)],
    },
    {
      does: "the later one last, whatever its id",
      given: `UPDATE joins SET created_at = ${now} WHERE id = '000c'`,
      act: ({ joins }) => joins.waiting().map(one => one.name),
      gives: ["kai", "lia"],
    },
    {
      does: "of one moment by id, and none that was answered",
      given: `UPDATE joins SET created_at = 5, id = '000g' WHERE id = '000c'; UPDATE joins SET created_at = 5;
        INSERT INTO joins SELECT '0001', symbols, host, port, name, agent, local_name, 1, 'denied' FROM joins LIMIT 1`,
      act: ({ joins }) => joins.waiting().map(one => one.id),
      gives: ["000f", "000g"],
    },
  ],
  "joins.stateOf": [
    {
      does: "this one's",
      act: ({ joins }) => [joins.stateOf("000f"), joins.stateOf("none")],
      gives: [expectJoin(), null],
    },
  ],
  "joins.settle": [
    {
      does: "this one, whose code goes",
      act: ({ joins }) => joins.settle("000f", "approved"),
      gives: true,
      changes: { joins: { "000f": { state: "approved", symbols: "" } } },
    },
  ],
  "joins.sweep": [
    {
      does: "ends what waited for ten minutes, whose code goes",
      given: `UPDATE joins SET created_at = ${now - tenMinutes + 1} - (id = '000f')`,
      act: ({ joins }) => joins.sweep(now),
      gives: [{ ...joinOf("kai", 1), symbols: "", createdAt: now - tenMinutes }],
      changes: { joins: { "000f": { state: "expired", symbols: "" } } },
    },
    {
      does: "ends what a clock asked for that was wrong by more than a minute",
      given: `UPDATE joins SET created_at = ${now + minute} + (id = '000f')`,
      act: ({ joins }) => joins.sweep(now).map(one => one.id),
      gives: ["000f"],
      changes: { joins: { "000f": { state: "expired", symbols: "" } } },
    },
    {
      does: "forgets what was asked for a day ago and answered",
      given: `UPDATE joins SET state = 'denied', created_at = ${now - day} - (id = '000f')`,
      act: ({ joins }) => joins.sweep(now),
      gives: [],
      changes: { joins: { "000f": null } },
    },
    {
      does: "ends first what waited meanwhile, however long",
      given: `UPDATE joins SET created_at = 0 WHERE id = '000f'`,
      act: ({ joins }) => joins.sweep(now).map(one => one.id),
      gives: ["000f"],
      changes: { joins: { "000f": { state: "expired", symbols: "" } } },
    },
  ],
  "codes.stateAt": [
    {
      does: "how the open one stands, and changes nothing where its time is over",
      given: "UPDATE codes SET tries_left = 1 WHERE seq = 2",
      act: ({ codes }) => [codes.stateAt(now), codes.stateAt(now + tenMinutes)],
      gives: [{ expiresAt: now - minute + tenMinutes, triesUsed: 2 }, null],
    },
  ],
  "codes.open": [
    {
      does: "the one that is open",
      act: ({ codes }) => codes.open(now),
      gives: { symbols: "0001", expiresAt: now - minute + tenMinutes },
    },
    {
      does: "none whose time is over, and forgets its symbols",
      act: ({ codes }) => [
        codes.open(now + tenMinutes - minute - 1) === null,
        codes.open(now + tenMinutes - minute),
      ],
      gives: [false, null],
      changes: { codes: { 2: { state: "expired", symbols: "" } } },
    },
    {
      does: "none of a clock that was wrong by more than a minute",
      given: `UPDATE codes SET opened_at = ${now + minute} WHERE seq = 2`,
      act: ({ codes }) => [codes.open(now) === null, codes.open(now - 1)],
      gives: [false, null],
      changes: { codes: { 2: { state: "expired", symbols: "" } } },
    },
    {
      does: "none that was closed, whose state stays",
      given: "UPDATE codes SET state = 'burned', expires_at = 1",
      act: ({ codes }) => codes.open(now),
      gives: null,
    },
  ],
  "codes.mint": [
    {
      does: "in place of the one that was open",
      act: ({ codes }) => codes.mint("NEW0", now),
      gives: { symbols: "NEW0", expiresAt: now + tenMinutes },
      changes: {
        codes: {
          2: { state: "replaced", symbols: "" },
          "+3": {
            ...{ seq: 3, symbols: "NEW0", opened_at: now, expires_at: now + tenMinutes },
            ...{ tries_left: 3, state: "open" },
          },
        },
      },
    },
    {
      does: "and forgets those of more than a week ago",
      given: `UPDATE codes SET opened_at = ${now - 7 * day} - (seq = 1), state = 'spent'`,
      act: ({ codes }) => codes.mint("NEW0", now).symbols,
      gives: "NEW0",
      changes: {
        codes: {
          1: null,
          "+3": {
            ...{ seq: 3, symbols: "NEW0", opened_at: now, expires_at: now + tenMinutes },
            ...{ tries_left: 3, state: "open" },
          },
        },
      },
    },
  ],
  "codes.limit": [{ does: "none yet", act: ({ codes }) => codes.limit(now), gives: null }],
  "codes.takeTry": [
    {
      does: "of the open one, three times",
      act: ({ codes }) => [1, 2, 3, 4].map(() => codes.takeTry(now)),
      gives: [2, 1, 0, null],
      changes: { codes: { 2: { tries_left: 0 } } },
    },
    {
      does: "none of one whose time is over, although nobody closed it",
      act: ({ codes }) => [
        codes.takeTry(now + tenMinutes - minute),
        codes.takeTry(now + tenMinutes - minute - 1),
      ],
      gives: [null, 2],
      changes: { codes: { 2: { tries_left: 2 } } },
    },
    {
      does: "none of one that is not open",
      given: "UPDATE codes SET state = 'spent' WHERE seq = 2",
      act: ({ codes }) => codes.takeTry(now - tenMinutes),
      gives: null,
    },
  ],
  "codes.close": [
    {
      does: "the open one, and forgets its symbols",
      act: ({ codes }) => codes.close("spent"),
      changes: { codes: { 2: { state: "spent", symbols: "" } } },
    },
  ],
  "joinTries.made": [
    {
      does: "with this code",
      given: "UPDATE join_tries SET count = 2 WHERE symbols = 'code lia'",
      act: ({ joinTries }) => ["code kai", "code lia", "none"].map(code => joinTries.made(code, now)),
      gives: [1, 2, 0],
    },
    {
      does: "within the hour",
      given: `UPDATE join_tries SET last_at = ${now - hour} - (symbols = 'code kai')`,
      act: ({ joinTries }) => ["code kai", "code lia"].map(code => joinTries.made(code, now)),
      gives: [0, 1],
      changes: { join_tries: { "code kai": null } },
    },
  ],
  "joinTries.add": [
    {
      does: "one with this code",
      act: ({ joinTries }) => [joinTries.add("code kai", now), joinTries.add("code noa", now)],
      gives: [undefined, undefined],
      changes: {
        join_tries: {
          "code kai": { count: 2, last_at: now },
          "+code noa": { symbols: "code noa", count: 1, last_at: now },
        },
      },
    },
  ],
  "joinTries.clear": [
    {
      does: "this code's",
      act: ({ joinTries }) => joinTries.clear("code kai"),
      changes: { join_tries: { "code kai": null } },
    },
  ],
}

/** The row as it lies on the disk, of which `name` and `state` are told. */
function expectJoin() {
  const { localName: local_name, ...same } = asked("kai")
  return { ...same, id: "000f", local_name, created_at: now - minute + 1, state: "waiting" }
}
