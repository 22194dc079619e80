/** What is nobody's but ours: facts, the owner's PIN and notices, and what is kept for how long. */
import { type Cases, cameAt, day, hour, minute, now } from "./fixture.ts"

const sixtyDays = 60 * day
const triesBefore = (...milliseconds: readonly number[]): string =>
  `DELETE FROM pin_tries; INSERT INTO pin_tries VALUES ${milliseconds.map(one => `(${now - one})`).join(", ")}`

/** All that is settled weighs alike, and more than anything else. */
const longTexts = ["inbox", "outbox"]
  .map(
    box =>
      `UPDATE ${box} SET text = printf('%.*c', 20000, 'x') WHERE state NOT IN ('waiting', 'typing', 'queued')`,
  )
  .join("; ")

export const ownCases: Cases = {
  "facts.get": [
    {
      does: "of this name",
      act: ({ facts }) => ["kai", "none"].map(facts.get),
      gives: [{ of: "kai" }, null],
    },
  ],
  "facts.withPrefix": [
    {
      does: "whose names begin so, in this case of letters",
      act: ({ facts }) => ["ka", "kai", "KA", "none"].map(prefix => [...facts.withPrefix(prefix)]),
      gives: [[["i", { of: "kai" }]], [["", { of: "kai" }]], [], []],
    },
  ],
  "facts.set": [
    {
      does: "of this name",
      act: ({ facts }) => [facts.set("kai", [1]), facts.set("noa", null)],
      gives: [undefined, undefined],
      changes: { facts: { kai: { value: "[1]" }, "+noa": { key: "noa", value: "null" } } },
    },
  ],
  "facts.remove": [
    { does: "of this name", act: ({ facts }) => facts.remove("kai"), changes: { facts: { kai: null } } },
  ],
  "owner.pinWait": [
    {
      does: "none with four within the hour",
      given: triesBefore(1, 2, 3, 4, hour),
      act: ({ owner }) => owner.pinWait(now),
      gives: null,
    },
    {
      does: "until the fifth last is an hour old",
      given: triesBefore(1, hour - 1, minute, hour - 60_001, 2, 3),
      act: ({ owner }) => owner.pinWait(now),
      gives: 61,
    },
    {
      does: "to the last millisecond",
      given: triesBefore(1, 2, 3, 4, hour - 1),
      act: ({ owner }) => [owner.pinWait(now), owner.pinWait(now + 1)],
      gives: [1, null],
    },
    {
      does: "none for what a clock noted that was wrong",
      given: triesBefore(-1, -2, -3, -4, -5),
      act: ({ owner }) => [owner.pinWait(now), owner.pinWait(now + 4), owner.pinWait(now + 5)],
      gives: [null, null, 3600],
    },
  ],
  "owner.pinTriesMade": [
    {
      does: "within the hour, and none that is to come",
      given: triesBefore(-1, 0, hour - 1, hour),
      act: ({ owner }) => owner.pinTriesMade(now),
      gives: 2,
    },
  ],
  "owner.addPinTry": [
    { does: "one", act: ({ owner }) => owner.addPinTry(now), changes: { pin_tries: { "+3": { at: now } } } },
  ],
  "owner.clearPinTries": [
    {
      does: "all",
      act: ({ owner }) => owner.clearPinTries(),
      changes: { pin_tries: { 1: null, 2: null } },
    },
  ],
  "owner.note": [
    {
      does: "the first time, and no second time",
      act: ({ owner }) => [owner.note("noa", now), owner.note("noa", now + 1), owner.note("kai", now)],
      gives: [true, false, false],
      changes: { notices: { "+noa": { key: "noa", at: now } } },
    },
    {
      does: "again after sixty days",
      given: `UPDATE notices SET at = ${now - sixtyDays} - (key = 'kai')`,
      act: ({ owner }) => [owner.note("lia", now), owner.note("kai", now)],
      gives: [false, true],
      changes: { notices: { kai: { at: now } } },
    },
  ],
  "retention.usedBytes": [
    {
      does: "whole pages",
      act: ({ retention }) => [retention.usedBytes() > 100_000, retention.usedBytes() % 4096],
      gives: [true, 0],
    },
  ],
  "retention.sweep": [
    {
      does: "removes what was settled so long ago, each way, and the words on it",
      given: `UPDATE outbox SET settled_at = ${cameAt(3) + 1} WHERE seq = 8; UPDATE receipts SET pending = 0;
        UPDATE receipts SET at = ${cameAt(3) + 1} + (pair = 'kai') WHERE of IN ('d1', 'w1')`,
      act: ({ retention }) => retention.sweep({ days: 1, bytes: 1e9 }, cameAt(3) + 1 + day),
      gives: 4,
      changes: {
        inbox: { 5: null, 6: null, 7: null },
        outbox: { 8: null },
        receipts: { "lia d1": null },
      },
    },
    {
      does: "removes all that is settled where there is no room, and no word that waits or is on what waits",
      given: "UPDATE receipts SET at = 1e15",
      act: ({ retention }) => retention.sweep({ days: 365, bytes: 1 }, now),
      gives: 8,
      changes: {
        inbox: { 5: null, 6: null, 7: null, 8: null },
        outbox: { 3: null, 4: null, 7: null, 8: null },
        receipts: { "lia x1": null, "kai x1": null },
      },
    },
    {
      does: "just large enough, loses nothing",
      act: ({ retention }) => retention.sweep({ days: 1e6, bytes: retention.usedBytes() }, now),
      gives: 0,
    },
    {
      does: "a little too large, loses what was settled first, whichever way it went",
      given: `${longTexts}; UPDATE outbox SET settled_at = 1 WHERE seq = 8; UPDATE receipts SET pending = 0`,
      act: ({ retention }) => retention.sweep({ days: 1e6, bytes: retention.usedBytes() - 1 }, now),
      gives: 1,
      changes: { outbox: { 8: null } },
    },
    {
      does: "of one moment what came first; and files of messages that are gone weigh nothing",
      given: `${longTexts}; UPDATE inbox SET settled_at = 1 WHERE seq IN (5, 6)`,
      act: ({ retention }) =>
        retention.sweep({ days: 1e6, bytes: retention.usedBytes() - 1 }, now, new Map([[999, 1e9]])),
      gives: 1,
      changes: { inbox: { 5: null }, receipts: { "lia x1": null } },
    },
    {
      does: "weighs a file with its own message alone, and takes from the pair that has it",
      given: `${longTexts}; UPDATE outbox SET settled_at = 1 WHERE seq = 8`,
      act: ({ retention }) =>
        retention.sweep({ days: 1e6, bytes: retention.usedBytes() + 199_999 }, now, new Map([[8, 200_000]])),
      gives: 2,
      changes: { outbox: { 8: null }, inbox: { 6: null }, receipts: { "kai x1": null } },
    },
    {
      does: "much too large, takes from each pair until it has its share, and no further",
      given: `${longTexts.replaceAll("20000", "400000")};
        UPDATE inbox SET settled_at = CASE seq WHEN 6 THEN 1 WHEN 8 THEN 3 WHEN 5 THEN 6 WHEN 7 THEN 7 END WHERE seq BETWEEN 5 AND 8;
        UPDATE outbox SET settled_at = CASE seq WHEN 4 THEN 2 WHEN 8 THEN 4 WHEN 3 THEN 5 WHEN 7 THEN 8 END WHERE seq IN (3, 4, 7, 8)`,
      act: ({ retention }) => retention.sweep({ days: 1e6, bytes: 0.65 * retention.usedBytes() }, now),
      gives: 4,
      changes: {
        inbox: { 5: null, 6: null },
        outbox: { 3: null, 4: null },
        receipts: { "lia x1": null, "kai x1": null },
      },
    },
    {
      does: "keeps the words that wait, and those on what waits",
      given:
        "UPDATE receipts SET at = 0; UPDATE receipts SET pending = 0 WHERE of = 'w1'; UPDATE receipts SET pending = 1 WHERE of = 'd1'",
      act: ({ retention }) => retention.sweep({ days: 365, bytes: 1e9 }, now),
      gives: 0,
      changes: { receipts: { "lia x1": null, "kai x1": null } },
    },
  ],
}
