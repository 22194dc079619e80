/** What is nobody's but ours: facts, the owner's PIN and notices, and what is kept for how long. */
import { type Cases, cameAt, day, hour, minute, now } from "./fixture.ts"

const sixtyDays = 60 * day
const triesBefore = (...milliseconds: readonly number[]): string =>
  `DELETE FROM pin_tries; INSERT INTO pin_tries VALUES ${milliseconds.map(one => `(${now - one})`).join(", ")}`

export const ownCases: Cases = {
  "facts.get": [
    {
      does: "of this name",
      act: ({ facts }) => ["kai", "none"].map(facts.get),
      gives: [{ of: "kai" }, null],
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
      does: "keeps the words that wait, and those on what waits",
      given:
        "UPDATE receipts SET at = 0; UPDATE receipts SET pending = 0 WHERE of = 'w1'; UPDATE receipts SET pending = 1 WHERE of = 'd1'",
      act: ({ retention }) => retention.sweep({ days: 365, bytes: 1e9 }, now),
      gives: 0,
      changes: { receipts: { "lia x1": null, "kai x1": null } },
    },
  ],
}
