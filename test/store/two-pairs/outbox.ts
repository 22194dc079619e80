/** What goes, what waits, and what is told of what came. */
import type { Receipt } from "../../../src/store/receipts-to-send.ts"
import {
  type Cases,
  minute,
  named,
  now,
  ofKai,
  postponed,
  recentCases,
  settled,
  waitsNot,
} from "./fixture.ts"

export const outboxCases: Cases = {
  "outbox.keep": [
    {
      does: "what is to go to this pair",
      act: ({ outbox }) =>
        outbox.keep({ pair: "kai", name: "Kai", id: "new", text: "hi", inReplyTo: "d1", hops: 2 }, now),
      gives: {
        ...{
          seq: 9,
          pair: "kai",
          name: "Kai",
          id: "new",
          text: "hi",
          inReplyTo: "d1",
          hops: 2,
          createdAt: now,
        },
        ...{ state: "queued", reason: null, attempts: 0, nextAt: 0, askedFor: null, settledAt: null },
        ...{ peerState: null, peerReason: null, receipts: 0, shortId: "000z", isExposed: false },
      },
      changes: {
        outbox: {
          "+9": {
            ...{ seq: 9, pair: "kai", name: "Kai", id: "new", text: "hi", in_reply_to: "d1", hops: 2 },
            ...{ created_at: now, state: "queued", reason: null, attempts: 0, next_at: 0, asked_for: null },
            ...{ settled_at: null, peer_state: null, peer_reason: null, receipts: 0 },
            ...{ short_id: "000z", exposed: 0 },
          },
        },
        waiting: { "kai outbox": { bytes: 24 } },
      },
    },
  ],
  "outbox.settle": [
    {
      does: "one message",
      act: ({ outbox }) => [outbox.settle(2, "refused", "no", now), outbox.settle(2, "expired", null, now)],
      gives: [true, false],
      changes: {
        outbox: { 2: { state: "refused", reason: "no", settled_at: now } },
        waiting: waitsNot("outbox", 11),
      },
    },
  ],
  "outbox.head": [
    {
      does: "the oldest of this pair that waits",
      given: "UPDATE outbox SET state = 'accepted' WHERE id = 'oL1'",
      act: ({ outbox }) => [outbox.head("kai")?.id, outbox.head("lia")?.id, outbox.head("noa")],
      gives: ["oK1", "oL3", null],
    },
  ],
  "outbox.times": [
    {
      does: "of each pair its oldest one's",
      given: `UPDATE outbox SET next_at = 5 WHERE id = 'oK1'; UPDATE outbox SET next_at = 1 WHERE id IN ('oL3', 'oK3', 'oK2')`,
      act: ({ outbox }) => [...outbox.times()].map(({ pair, nextAt }) => ({ pair, nextAt })),
      gives: [
        { pair: "kai", nextAt: 5 },
        { pair: "lia", nextAt: now + minute + 1 },
      ],
    },
    {
      does: "of none that is settled, although it is older",
      given:
        "UPDATE outbox SET state = 'accepted' WHERE id = 'oK1'; UPDATE outbox SET next_at = 7 WHERE id = 'oK3'",
      act: ({ outbox }) => outbox.times().find(({ pair }) => pair === "kai")?.nextAt,
      gives: 7,
    },
  ],
  "outbox.postpone": [
    {
      does: "one message, to a whole millisecond",
      act: ({ outbox }) => outbox.postpone(6, postponed, "no route"),
      changes: { outbox: { 6: { attempts: 3, next_at: now + 1, asked_for: 7, reason: "no route" } } },
    },
    { does: "none that is settled", act: ({ outbox }) => outbox.postpone(4, postponed, "no route") },
    {
      does: "with the word whether any attempt may have brought it",
      given: "UPDATE outbox SET exposed = 0 WHERE seq = 2",
      act: ({ outbox }) => {
        const states: unknown[] = []
        for (const isExposed of [false, true, false]) {
          outbox.postpone(2, postponed, "no answer", isExposed)
          states.push(outbox.byId("kai", "oK1")?.isExposed)
        }
        return states
      },
      gives: [false, true, false],
      changes: { outbox: { 2: { attempts: 3, next_at: now + 1, asked_for: 7 } } },
    },
  ],
  "outbox.expose": [
    {
      does: "one that waits",
      given: "UPDATE outbox SET exposed = 0 WHERE seq = 2",
      act: ({ outbox }) => outbox.expose(2),
      changes: { outbox: { 2: { exposed: 1 } } },
    },
    { does: "none that is settled", act: ({ outbox }) => outbox.expose(4) },
  ],
  "outbox.isQueued": [
    {
      does: "while it waits",
      act: ({ outbox }) => [outbox.isQueued(2), outbox.isQueued(4)],
      gives: [true, false],
    },
  ],
  "outbox.withdraw": [
    {
      does: "one that waits",
      act: ({ outbox }) => outbox.withdraw(2, false, now),
      gives: true,
      changes: {
        outbox: { 2: { state: "withdrawn", reason: null, exposed: 0, settled_at: now } },
        waiting: waitsNot("outbox", 11),
      },
    },
    { does: "none that is settled", act: ({ outbox }) => outbox.withdraw(4, true, now), gives: false },
  ],
  "outbox.prove": [
    {
      does: "one of this pair that was withdrawn, and no other",
      given: "UPDATE outbox SET state = 'withdrawn' WHERE id IN ('oL1', 'oK1')",
      act: ({ outbox }) => [
        outbox.prove("lia", "oK1"),
        outbox.prove("kai", "oK2"),
        outbox.prove("kai", "oK1"),
      ],
      gives: [false, false, true],
      changes: { outbox: { 2: { state: "accepted", reason: "withdrawn too late" } } },
    },
  ],
  "outbox.byShortId": [
    {
      does: "the one that waits, before a later one that does not; or none",
      given: "UPDATE outbox SET short_id = 'aaaa' WHERE id IN ('oL1', 'oK2')",
      act: ({ outbox }) => [outbox.byShortId("aaaa")?.id, outbox.byShortId("zzzz")],
      gives: ["oL1", null],
    },
  ],
  "outbox.withId": [
    {
      does: "whomever it went to",
      act: ({ outbox }) => [outbox.withId("oL1")?.pair, outbox.withId("oK1")?.pair, outbox.withId("none")],
      gives: ["lia", "kai", null],
    },
  ],
  "outbox.answersTo": [
    {
      does: "to a message of this pair",
      act: ({ outbox }) => named([...outbox.answersTo("kai", "d1"), ...outbox.answersTo("lia", "w1")]),
      gives: ["kai oK1", "lia oL3"],
    },
  ],
  "outbox.unreached": [
    {
      does: "each pair once for which something waits that was tried, and that asked for no wait itself",
      given: `UPDATE outbox SET attempts = 0, asked_for = NULL;
        UPDATE outbox SET attempts = 1 WHERE id IN ('oK1', 'oK3');
        UPDATE outbox SET attempts = 1, asked_for = 5 WHERE id = 'oL1';
        UPDATE outbox SET attempts = 1, state = 'accepted' WHERE id = 'oL3'`,
      act: ({ outbox }) => outbox.unreached(),
      gives: ["kai"],
    },
    {
      does: "none for which nothing was tried",
      given: "UPDATE outbox SET attempts = 0, asked_for = NULL",
      act: ({ outbox }) => outbox.unreached(),
      gives: [],
    },
  ],
  "outbox.heads": [
    {
      does: "the oldest of each pair that is not settled, and how many",
      given: "UPDATE outbox SET state = 'accepted' WHERE id = 'oL1'",
      act: ({ outbox }) => outbox.heads().map(({ message, count }) => [message.id, count]),
      gives: [
        ["oK1", 2],
        ["oL3", 1],
      ],
    },
  ],
  "outbox.noteReceipt": [
    {
      does: "what the peer says of what it was sent",
      act: ({ outbox }) => outbox.noteReceipt("kai", "oK2", "failed", "silent"),
      gives: true,
      changes: { outbox: { 4: { peer_state: "failed", peer_reason: "silent", receipts: 2 } } },
    },
    {
      does: "that it came, of one that was withdrawn",
      given: "UPDATE outbox SET state = 'withdrawn' WHERE id = 'oK1'",
      act: ({ outbox }) => outbox.noteReceipt("kai", "oK1", "delivered", null),
      gives: true,
      changes: {
        outbox: {
          2: { state: "accepted", reason: "withdrawn too late", peer_state: "delivered", receipts: 1 },
        },
      },
    },
    {
      does: "nothing that a peer says of a message to somebody else",
      act: ({ outbox }) => outbox.noteReceipt("lia", "oK2", "delivered", null),
      gives: false,
    },
    {
      does: "nothing of a message that there is none of",
      act: ({ outbox }) => outbox.noteReceipt("kai", "none", "delivered", null),
      gives: false,
    },
    {
      does: "nothing where enough was said of it",
      given: "UPDATE outbox SET receipts = 5",
      act: ({ outbox }) => outbox.noteReceipt("kai", "oK2", "delivered", null),
      gives: false,
    },
  ],
  "outbox.hasRoom": [
    {
      does: "whatever waits for another pair, and the other way",
      given:
        "UPDATE waiting SET bytes = 16 * 1024 * 1024 - 1 WHERE pair = 'lia' AND box = 'outbox' OR pair = 'kai' AND box = 'inbox'",
      act: ({ outbox }) => [
        outbox.hasRoom("kai", "ab"),
        outbox.hasRoom("lia", "ab"),
        outbox.hasRoom("lia", "ä"),
        outbox.hasRoom("lia", "a"),
      ],
      gives: [true, false, false, true],
    },
  ],
  "outbox.byId": [
    {
      does: "where it went to this pair",
      act: ({ outbox }) => [
        outbox.byId("kai", "oK1")?.seq,
        outbox.byId("lia", "oK1"),
        outbox.byId("kai", "none"),
      ],
      gives: [2, null, null],
    },
  ],
  "outbox.has": [
    {
      does: "an id, to whomever it went",
      act: ({ outbox }) => ["oK1", "oL4", "d1"].map(outbox.has),
      gives: [true, true, false],
    },
  ],
  "outbox.hasten": [
    {
      does: "what waits for this pair, where it did not ask for the wait",
      act: ({ outbox }) => outbox.hasten("kai"),
      changes: { outbox: { 2: { next_at: 0 } } },
    },
    {
      does: "and none that is settled; however soon it is due",
      given:
        "UPDATE outbox SET next_at = 9 WHERE state <> 'queued'; UPDATE outbox SET next_at = 1 WHERE id = 'oK1'",
      act: ({ outbox }) => outbox.hasten("kai"),
      changes: { outbox: { 2: { next_at: 0 } } },
    },
  ],
  "outbox.drop": [
    {
      does: "what waits for this pair",
      act: ({ outbox }) => outbox.drop("kai", "unpaired", now),
      gives: 2,
      changes: {
        outbox: { 2: { ...settled, reason: "unpaired" }, 6: { ...settled, reason: "unpaired" } },
        waiting: waitsNot("outbox"),
      },
    },
  ],
  "outbox.loops": [
    {
      does: "by pair, the most replies of those held for that",
      given: `UPDATE outbox SET peer_state = 'held', peer_reason = 'loop' WHERE id = 'oK1';
        UPDATE outbox SET peer_state = 'held', peer_reason = 'busy', hops = 99 WHERE id = 'oK3';
        UPDATE outbox SET peer_state = 'failed', peer_reason = 'loop', hops = 99 WHERE id = 'oL4'`,
      act: ({ outbox }) => [...outbox.loops()].sort(),
      gives: [
        ["kai", 4],
        ["lia", 7],
      ],
    },
  ],
  "outbox.waitingCount": [{ does: "of all", act: ({ outbox }) => outbox.waitingCount(), gives: 4 }],
  "outbox.recent": [
    {
      does: "of all, newest first",
      act: ({ outbox }) => named(outbox.recent(3)),
      gives: ["kai oK4", "lia oL4", "kai oK3"],
    },
    {
      does: "of one agent",
      act: ({ outbox }) => named(outbox.recent(2, ofKai)),
      gives: ["kai oK4", "kai oK3"],
    },
    ...recentCases("outbox", ["noa oK4", "kai oK3"]),
  ],
  "waitingRoom.counts": [
    {
      does: "by pair, both ways together",
      given:
        "UPDATE inbox SET state = 'uncertain' WHERE seq = 2; UPDATE outbox SET state = 'expired' WHERE seq IN (2, 6)",
      act: ({ waitingRoom }) => [...waitingRoom.counts()].sort(),
      gives: [
        ["kai", 2],
        ["lia", 5],
      ],
    },
  ],
}

/** A word for kai. */
const word = (of: string, id = "r1"): Receipt => ({
  pair: "kai",
  of,
  id,
  state: "held",
  reason: null,
  attempts: 0,
  nextAt: 0,
  askedFor: null,
  at: now,
})

export const receiptCases: Cases = {
  "receipts.note": [
    {
      does: "a new word of this pair's message",
      act: ({ receipts }) => receipts.note("kai", "d1", "failed", "silent", "r2", now),
      gives: true,
      changes: {
        receipts: {
          "kai d1": {
            id: "r2",
            state: "failed",
            reason: "silent",
            made: 2,
            attempts: 0,
            next_at: 0,
            at: now,
          },
        },
      },
    },
    {
      does: "anew what was told before",
      given: "UPDATE receipts SET asked_for = 5",
      act: ({ receipts }) => receipts.note("kai", "x1", "held", "busy", "r2", now),
      gives: true,
      changes: {
        receipts: {
          "kai x1": {
            id: "r2",
            state: "held",
            reason: "busy",
            made: 2,
            pending: 1,
            asked_for: null,
            at: now,
          },
        },
      },
    },
    {
      does: "the first one, whatever was said of another pair's message of that id",
      given: "DELETE FROM receipts WHERE pair = 'kai'",
      act: ({ receipts }) => receipts.note("kai", "w1", "held", null, "r2", now),
      gives: true,
      changes: {
        receipts: {
          "+kai w1": {
            ...{
              pair: "kai",
              of: "w1",
              id: "r2",
              state: "held",
              reason: null,
              made: 1,
              pending: 1,
              attempts: 0,
            },
            ...{ next_at: 0, at: now, asked_for: null },
          },
        },
      },
    },
    {
      does: "none that says nothing new",
      act: ({ receipts }) => receipts.note("kai", "w1", "held", null, "r2", now),
      gives: false,
    },
  ],
  "receipts.head": [
    {
      does: "the first of this pair's that wait, by the time at which they may be told",
      act: ({ receipts }) => receipts.head("kai"),
      gives: { ...word("w1"), at: now - 3 * minute + 1 },
    },
    {
      does: "the older one of those that may be told alike",
      given: `UPDATE receipts SET next_at = 3; UPDATE receipts SET at = 1 WHERE of = 'd1'; UPDATE receipts SET at = 0 WHERE pair = 'lia'`,
      act: ({ receipts }) => [receipts.head("kai")?.of, receipts.head("noa")],
      gives: ["d1", null],
    },
    {
      does: "none that was heard, and the sooner one whatever its age",
      given: `UPDATE receipts SET at = 0 WHERE of = 'x1'; UPDATE receipts SET next_at = 9, at = 1 WHERE of = 'w1';
        UPDATE receipts SET next_at = 3, at = 5 WHERE of = 'd1'`,
      act: ({ receipts }) => receipts.head("kai")?.of,
      gives: "d1",
    },
  ],
  "receipts.times": [
    {
      does: "of each pair the first",
      given:
        "UPDATE receipts SET next_at = 7 WHERE pair = 'lia' AND of = 'w1'; UPDATE receipts SET next_at = 1 WHERE of = 'x1'",
      act: ({ receipts }) => [...receipts.times()],
      gives: [
        { pair: "kai", nextAt: 0 },
        { pair: "lia", nextAt: 7 },
      ],
    },
  ],
  "receipts.done": [
    {
      does: "this pair's word of this message",
      act: ({ receipts }) => receipts.done(word("w1")),
      changes: { receipts: { "kai w1": { pending: 0 } } },
    },
    { does: "no newer one than was told", act: ({ receipts }) => receipts.done(word("w1", "r0")) },
  ],
  "receipts.postpone": [
    {
      does: "this pair's word of this message",
      act: ({ receipts }) => receipts.postpone(word("w1"), postponed),
      changes: { receipts: { "kai w1": { attempts: 3, next_at: now + 1, asked_for: 7 } } },
    },
    { does: "no newer one", act: ({ receipts }) => receipts.postpone(word("w1", "r0"), postponed) },
  ],
  "receipts.hasten": [
    {
      does: "this pair's that wait",
      given:
        "UPDATE receipts SET next_at = 9; UPDATE receipts SET next_at = 1 WHERE of = 'd1'; UPDATE receipts SET asked_for = 1 WHERE of = 'w1'",
      act: ({ receipts }) => receipts.hasten("kai"),
      changes: { receipts: { "kai d1": { next_at: 0 } } },
    },
  ],
  "receipts.drop": [
    {
      does: "this pair's",
      act: ({ receipts }) => receipts.drop("kai"),
      changes: { receipts: { "kai w1": null, "kai d1": null, "kai x1": null } },
    },
  ],
  "receipts.forget": [
    {
      does: "those of two days ago whose messages no longer wait",
      given: `UPDATE receipts SET at = ${now - 2 * 86_400_000} - (pair = 'kai')`,
      act: ({ receipts }) => receipts.forget(now),
      changes: { receipts: { "kai d1": null, "kai x1": null } },
    },
    {
      does: "also where another pair's message of that id waits, or another one of this pair",
      given:
        "UPDATE receipts SET at = 0; UPDATE inbox SET state = 'delivered' WHERE pair = 'kai' AND id <> 't1'",
      act: ({ receipts }) => receipts.forget(now),
      changes: {
        receipts: { "lia d1": null, "lia x1": null, "kai w1": null, "kai d1": null, "kai x1": null },
      },
    },
    {
      does: "none of what is being typed",
      given: "UPDATE receipts SET at = 0; UPDATE inbox SET state = 'typing' WHERE pair = 'kai'",
      act: ({ receipts }) => receipts.forget(now),
      changes: { receipts: { "lia d1": null, "lia x1": null } },
    },
  ],
}
