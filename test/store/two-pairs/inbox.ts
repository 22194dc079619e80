/** What came. */
import type { Store } from "../../../src/store/store.ts"
import {
  type Case,
  type Cases,
  cameAt,
  insertRows,
  minute,
  named,
  now,
  ofKai,
  pairs,
  recentCases,
  settled,
  waitsNot,
} from "./fixture.ts"

const body = (id: string, more: object = {}) =>
  ({ v: 1, id, type: "message", timestamp: "2026-11-23T10:00:00.000Z", text: "hi", ...more }) as const

const nameOf = (one: { readonly pair: string; readonly id: string } | null): string | null =>
  one === null ? null : `${one.pair} ${one.id}`

export const inboxCases: Cases = {
  "inbox.countOther": [
    {
      does: "counts for this pair",
      act: ({ inbox }) => inbox.countOther("kai", now),
      gives: null,
      changes: { other_requests: { "+3": { pair: "kai", at: now } } },
    },
    {
      does: "is not filled by another pair",
      given: `DELETE FROM other_requests; ${insertRows("other_requests (pair, at)", 60, i => `'lia', ${now - i}`)}`,
      act: ({ inbox }) => inbox.countOther("kai", now),
      gives: null,
      changes: { other_requests: { "+61": { pair: "kai", at: now } } },
    },
    {
      does: "forgets and pulls back this pair's alone",
      given: `UPDATE other_requests SET at = ${now - minute}; ${insertRows("other_requests (pair, at)", 2, i => `'${pairs[i]}', ${now + 5}`)}`,
      act: ({ inbox }) => inbox.countOther("kai", now),
      gives: null,
      changes: { other_requests: { 2: null, 4: { at: now }, "+5": { pair: "kai", at: now } } },
    },
    {
      does: "is limited by this pair's own",
      given: `DELETE FROM other_requests; ${insertRows("other_requests (pair, at)", 60, i => `'kai', ${now - i}`)}`,
      act: ({ inbox }) => [inbox.countOther("kai", now), inbox.countOther("lia", now)],
      gives: [60, null],
      changes: { other_requests: { "+61": { pair: "lia", at: now } } },
    },
  ],
  "inbox.hasSeen": [
    {
      does: "knows an id from the pair that sent it alone",
      given: "DELETE FROM seen WHERE pair = 'kai'; DELETE FROM inbox WHERE pair = 'kai'",
      act: ({ inbox }) =>
        ["w1", "hello", "none"].map(id => [inbox.hasSeen("kai", id), inbox.hasSeen("lia", id)]),
      gives: [
        [false, true],
        [false, true],
        [false, false],
      ],
    },
    {
      does: "knows one by the inbox too",
      given: "DELETE FROM seen; DELETE FROM inbox WHERE pair = 'kai'",
      act: ({ inbox }) => [
        inbox.hasSeen("kai", "w1"),
        inbox.hasSeen("lia", "w1"),
        inbox.hasSeen("lia", "none"),
      ],
      gives: [false, true, false],
    },
  ],
  "inbox.remember": [
    {
      does: "an id that only another pair had",
      given: "DELETE FROM seen WHERE pair = 'kai'",
      act: ({ inbox }) => inbox.remember("kai", "hello", now),
      gives: false,
      changes: {
        seen: { "+kai hello": { pair: "kai", id: "hello", is_message: 0, first_at: now, last_at: now } },
      },
    },
    {
      does: "one that is known, for longer",
      act: ({ inbox }) => inbox.remember("kai", "hello", now),
      gives: true,
      changes: { seen: { "kai hello": { last_at: now } } },
    },
  ],
  "inbox.admit": [
    {
      does: "keeps id and message of this pair",
      act: ({ inbox }) =>
        inbox.admit(
          "kai",
          "Kai",
          body("new", { inReplyTo: "oL1", hops: 9, createdAt: "2026-11-23T09:59:00.000Z" }),
          now,
        ),
      gives: { kind: "accepted", shortId: "000z" },
      changes: {
        seen: { "+kai new": { pair: "kai", id: "new", is_message: 1, first_at: now, last_at: now } },
        inbox: {
          "+11": {
            ...{
              seq: 11,
              pair: "kai",
              name: "Kai",
              id: "new",
              short_id: "000z",
              text: "hi",
              in_reply_to: "oL1",
            },
            ...{ hops: 9, created_at: now - minute, received_at: now, state: "waiting" },
            ...{ settled_at: null, taken_at: null, released: 0, reason: null },
          },
        },
        waiting: { "kai inbox": { bytes: 29 } },
      },
    },
    {
      does: "is limited by this pair's own alone",
      given: `UPDATE seen SET first_at = ${now - 1} WHERE pair = 'lia'; ${insertRows("seen", 9, i => `'lia', 'm${i}', 1, ${now - 1}, ${now}`)};
        ${insertRows("seen", 10, i => `'kai', 'n${i}', 0, ${now - 1}, ${now}`)}`,
      act: ({ inbox }) => [
        inbox.admit("lia", "lia", body("a"), now),
        inbox.admit("kai", "kai", body("a"), now).kind,
      ],
      gives: [{ kind: "limited", retryAfterSeconds: 60 }, "accepted"],
      changes: {
        seen: { "+kai a": { pair: "kai", id: "a", is_message: 1, first_at: now, last_at: now } },
        inbox: { "+11": anInboxRow(11, "a") },
        waiting: { "kai inbox": { bytes: 29 } },
      },
    },
    {
      does: "pulls back this pair's messages of the future, and its own alone",
      given: `UPDATE seen SET first_at = ${now + 1} WHERE id IN ('w1', 'hello')`,
      act: ({ inbox }) => inbox.admit("kai", "kai", body("a"), now).kind,
      gives: "accepted",
      changes: {
        seen: {
          "kai w1": { first_at: now },
          "+kai a": { pair: "kai", id: "a", is_message: 1, first_at: now, last_at: now },
        },
        inbox: { "+11": anInboxRow(11, "a") },
        waiting: { "kai inbox": { bytes: 29 } },
      },
    },
    {
      does: "has room whatever waits of another pair, and the other way",
      given:
        "UPDATE waiting SET bytes = 16 * 1024 * 1024 - 1 WHERE pair = 'lia' AND box = 'inbox' OR pair = 'kai' AND box = 'outbox'",
      act: ({ inbox }) => [
        inbox.admit("lia", "lia", body("a"), now),
        inbox.admit("kai", "kai", body("a"), now).kind,
      ],
      gives: [{ kind: "full" }, "accepted"],
      changes: {
        seen: { "+kai a": { pair: "kai", id: "a", is_message: 1, first_at: now, last_at: now } },
        inbox: { "+11": anInboxRow(11, "a") },
        waiting: { "kai inbox": { bytes: 29 } },
      },
    },
  ],
  "inbox.forgetIds": [
    {
      does: "that were not sent for 48 h, of whomever",
      given: `UPDATE seen SET last_at = ${now - 2 * 86_400_000 - 1} WHERE id = 'hello' OR pair = 'kai' AND id = 'd1'`,
      act: ({ inbox }) => inbox.forgetIds(now),
      changes: { seen: { "lia hello": null, "kai hello": null, "kai d1": null } },
    },
    {
      does: "and none that was",
      given: `UPDATE seen SET last_at = ${now - 2 * 86_400_000}`,
      act: ({ inbox }) => inbox.forgetIds(now),
    },
  ],
  "inbox.next": [
    { does: "is what is being typed", act: ({ inbox }) => nameOf(inbox.next(now)), gives: "lia t1" },
    ...turnCases(),
  ],
  "inbox.dropOne": [
    {
      does: "one that waits, with why",
      act: ({ inbox }) => inbox.dropOne(2, "why", now),
      gives: true,
      changes: { inbox: { 2: { ...settled, reason: "why" } }, waiting: waitsNot("inbox", 18) },
    },
    { does: "none that is being typed", act: ({ inbox }) => inbox.dropOne(4, "why", now), gives: false },
  ],
  "inbox.release": [
    {
      does: "one that waits",
      act: ({ inbox }) => inbox.release(2),
      gives: true,
      changes: { inbox: { 2: { released: 1 } } },
    },
    { does: "none that waits no more", act: ({ inbox }) => inbox.release(8), gives: false },
    {
      does: "past the pause of its pair, and nothing else of it",
      given: "UPDATE inbox SET state = 'delivered' WHERE state = 'typing'",
      act: ({ inbox }) => {
        const before = inbox.next(now)
        inbox.release(10)
        return [before, inbox.next(now)?.seq]
      },
      gives: [null, 10],
      changes: { inbox: { 10: { released: 1 } } },
    },
  ],
  "inbox.heads": [
    {
      does: "the oldest of each pair that is not settled, and how many",
      given: "UPDATE inbox SET state = 'delivered' WHERE pair = 'lia' AND id = 'w1'",
      act: ({ inbox }) => inbox.heads().map(({ message, count }) => [message.pair, message.id, count]),
      gives: [
        ["kai", "w1", 3],
        ["lia", "t1", 2],
      ],
    },
  ],
  "inbox.waiting": [
    {
      does: "all that is not settled, oldest first",
      act: ({ inbox }) => named(inbox.waiting()),
      gives: ["lia w1", "kai w1", "lia t1", "kai t1", "lia w2", "kai w2"],
    },
  ],
  "inbox.answersTo": [
    {
      does: "all of this pair, also those that were dropped",
      act: ({ inbox }) => named(inbox.answersTo("kai", "oK2")),
      gives: ["kai x1", "kai d1", "kai w2"],
    },
  ],
  "inbox.waitingBehind": [
    {
      does: "those that wait, of all pairs, oldest first",
      act: ({ inbox }) => [inbox.waitingBehind(1, 3), inbox.waitingBehind(2, 1)],
      gives: [
        [
          { seq: 2, pair: "kai", name: "kai", id: "w1", released: 0 },
          { seq: 9, pair: "lia", name: "lia", id: "w2", released: 0 },
          { seq: 10, pair: "kai", name: "kai", id: "w2", released: 0 },
        ],
        [{ seq: 9, pair: "lia", name: "lia", id: "w2", released: 0 }],
      ],
    },
  ],
  "inbox.waitingHops": [
    {
      does: "the most of this pair's that wait",
      given: "UPDATE inbox SET hops = 20 WHERE pair = 'lia'",
      act: ({ inbox }) => [inbox.waitingHops("kai"), inbox.waitingHops("lia"), inbox.waitingHops("noa")],
      gives: [6, 20, null],
    },
  ],
  "inbox.capHops": [
    {
      does: "of this pair's that wait",
      act: ({ inbox }) => inbox.capHops("kai", 5),
      changes: { inbox: { 10: { hops: 5 } } },
    },
    {
      does: "and what is typed keeps its own",
      act: ({ inbox }) => inbox.capHops("kai", 0),
      changes: { inbox: { 2: { hops: 0 }, 10: { hops: 0 } } },
    },
  ],
  "inbox.latestBeyond": [
    {
      does: "of this pair's alone, beyond so many",
      given: "UPDATE inbox SET hops = 30 WHERE id = 'w2' AND pair = 'lia'",
      act: ({ inbox }) => [5, 6, 7, 8].map(hops => inbox.latestBeyond("kai", hops)),
      gives: [cameAt(4) + 1, cameAt(1) + 1, cameAt(1) + 1, null],
    },
  ],
  "inbox.mark": [
    {
      does: "one message, and no other pair's of the same id",
      act: ({ inbox }) => inbox.mark(2, "delivered", now),
      gives: true,
      changes: { inbox: { 2: { state: "delivered", settled_at: now } }, waiting: waitsNot("inbox", 18) },
    },
  ],
  "inbox.byId": [
    {
      does: "of the pair asked for",
      act: ({ inbox }) => [
        inbox.byId("kai", "w1")?.seq,
        inbox.byId("lia", "w1")?.seq,
        inbox.byId("noa", "w1"),
      ],
      gives: [2, 1, null],
    },
    {
      does: "whole",
      act: ({ inbox }) => inbox.byId("kai", "d1"),
      gives: {
        ...{
          seq: 8,
          pair: "kai",
          name: "kai",
          id: "d1",
          shortId: "0007",
          text: "d1 of kai",
          inReplyTo: "oK2",
          hops: 2,
        },
        ...{ receivedAt: cameAt(3) + 1, state: "delivered", settledAt: cameAt(3) + 2 },
        ...{ created_at: null, taken_at: null, isReleased: false, reason: null },
      },
    },
  ],
  "inbox.answerTo": [
    {
      does: "is the first of this pair that was not dropped",
      act: ({ inbox }) => [inbox.answerTo("kai", "oK2")?.seq, inbox.answerTo("lia", "oK2")?.seq],
      gives: [8, 7],
    },
    {
      does: "is not what another pair says of it",
      given: "UPDATE inbox SET in_reply_to = NULL WHERE pair = 'kai'",
      act: ({ inbox }) => inbox.answerTo("kai", "oK2"),
      gives: null,
    },
    {
      does: "is not this pair's answer to something else",
      given: "UPDATE inbox SET in_reply_to = 'oK1' WHERE pair = 'kai'",
      act: ({ inbox }) => inbox.answerTo("kai", "oK2"),
      gives: null,
    },
  ],
  "inbox.claim": [
    {
      does: "gives one message that waits",
      act: ({ inbox }) => inbox.claim(10, now),
      gives: true,
      changes: { inbox: { 10: { state: "delivered", settled_at: now } }, waiting: waitsNot("inbox", 18) },
    },
  ],
  "inbox.byShortId": [
    {
      does: "is the latest that has it, of whomever",
      given: "UPDATE inbox SET short_id = '0000' WHERE seq IN (7, 10)",
      act: ({ inbox }) => [
        nameOf(inbox.byShortId("0000")),
        nameOf(inbox.byShortId("0001")),
        inbox.byShortId("zzzz"),
      ],
      gives: ["kai w2", "kai w1", null],
    },
  ],
  "inbox.holderOf": [
    {
      does: "is the latest that has it, without its text",
      given: "UPDATE inbox SET short_id = '0000' WHERE seq IN (7, 10)",
      act: ({ inbox }) => [inbox.holderOf("0000"), inbox.holderOf("0002"), inbox.holderOf("zzzz")],
      gives: [{ seq: 10, pair: "kai" }, { seq: 3, pair: "lia" }, null],
    },
  ],
  "inbox.drop": [
    {
      does: "what waits of this pair, also what is being typed",
      act: ({ inbox }) => inbox.drop("kai", now),
      gives: 3,
      changes: { inbox: { 2: settled, 4: settled, 10: settled }, waiting: waitsNot("inbox") },
    },
  ],
  "inbox.waitingCount": [{ does: "of all", act: ({ inbox }) => inbox.waitingCount(), gives: 6 }],
  "inbox.recent": [
    {
      does: "of all, newest first",
      act: ({ inbox }) => named(inbox.recent(3)),
      gives: ["kai w2", "lia w2", "kai d1"],
    },
    {
      does: "of one agent, however many others have sent since",
      act: ({ inbox }) => named(inbox.recent(2, ofKai)),
      gives: ["kai w2", "kai d1"],
    },
    ...recentCases("inbox", ["noa w2", "kai d1"]),
  ],
}

/** Whose message is typed next: nothing is being typed, and nobody is paused. */
function turnCases(): Case[] {
  const given = "UPDATE inbox SET state = 'delivered' WHERE state = 'typing'; DELETE FROM peers"
  const paused = (until: number | string, reason: string) =>
    `${given}; INSERT INTO peers (pair, paused_until, pause_reason) VALUES ('lia', ${until}, ${reason})`
  const is = (does: string, sql: string, last: string | null, gives: string | null): Case => ({
    does,
    given: sql,
    act: ({ inbox }: Store) => nameOf(inbox.next(now, last)),
    gives,
  })
  return [
    is("is the oldest that waits", given, null, "lia w1"),
    is("is another pair's than the last one's", given, "lia", "kai w1"),
    is(
      "is the last pair's where no other has one",
      `${given}; DELETE FROM inbox WHERE pair = 'kai'`,
      "lia",
      "lia w1",
    ),
    is("is none of a pair that its owner paused", paused("NULL", "'owner'"), null, "kai w1"),
    is("is none of a pair that is paused for a while", paused(now + 1, "'owner'"), null, "kai w1"),
    is("is again of one whose pause is over", paused(now, "'owner'"), null, "lia w1"),
    is("is of one with a time and no pause", paused(now + 1, "NULL"), null, "lia w1"),
    is("is none where nothing waits", `${given}; DELETE FROM inbox WHERE state = 'waiting'`, null, null),
  ]
}

function anInboxRow(seq: number, id: string) {
  return {
    ...{ seq, pair: "kai", name: "kai", id, short_id: "000z", text: "hi" },
    ...{ in_reply_to: null, hops: 0, created_at: null, received_at: now, state: "waiting" },
    ...{ settled_at: null, taken_at: null, released: 0, reason: null },
  }
}
