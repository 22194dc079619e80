import { expect, test } from "bun:test"
import { type AfterAttempt, type AttemptOutcome, afterAttempt } from "../../src/protocol/retries.ts"

const now = Date.parse("2026-11-24T12:00:00Z")
const day = 24 * 60 * 60 * 1000
const failed: AttemptOutcome = { kind: "failed", retryAfterSeconds: null }

test.each([
  ["an accepted message is done", { kind: "accepted" }, 1, now, 0, { state: "accepted" }],
  ["a signed 400 is final", { kind: "refused" }, 1, now, 0, { state: "refused" }],
  ["the first failure waits a second", failed, 1, now, 0, { state: "queued", nextAt: now + 1000 }],
  ["with the most jitter half of it", failed, 1, now, 0.999_999, { state: "queued", nextAt: now + 500.0005 }],
  ["the second two", failed, 2, now, 0, { state: "queued", nextAt: now + 2000 }],
  ["the ninth 256", failed, 9, now, 0, { state: "queued", nextAt: now + 256_000 }],
  ["the tenth five minutes", failed, 10, now, 0, { state: "queued", nextAt: now + 300_000 }],
  ["and so every one after", failed, 5000, now, 0, { state: "queued", nextAt: now + 300_000 }],
  [
    "a signed Retry-After is honoured",
    { kind: "later", retryAfterSeconds: 42 },
    6,
    now,
    0.5,
    { state: "queued", nextAt: now + 42_000 },
  ],
  [
    "one of 0 s makes nobody spin: the back-off holds",
    { kind: "later", retryAfterSeconds: 0 },
    4,
    now,
    0,
    { state: "queued", nextAt: now + 8000 },
  ],
  [
    "… up to a minute",
    { kind: "later", retryAfterSeconds: 0 },
    9,
    now,
    0,
    { state: "queued", nextAt: now + 60_000 },
  ],
  [
    "an unsigned one lengthens a wait",
    { kind: "failed", retryAfterSeconds: 60 },
    1,
    now,
    0,
    { state: "queued", nextAt: now + 60_000 },
  ],
  [
    "never beyond five minutes",
    { kind: "failed", retryAfterSeconds: 86_400 },
    1,
    now,
    0,
    { state: "queued", nextAt: now + 300_000 },
  ],
  [
    "and shortens none",
    { kind: "failed", retryAfterSeconds: 0 },
    3,
    now,
    0,
    { state: "queued", nextAt: now + 4000 },
  ],
  ["a skewed clock is tried again", { kind: "skewed" }, 1, now, 0, { state: "queued", nextAt: now + 1000 }],
  ["what would be tried after 24 h has expired", failed, 10, now - day + 300_000, 0, { state: "expired" }],
  ["just before, it has not", failed, 10, now - day + 300_001, 0, { state: "queued", nextAt: now + 300_000 }],
  ["an accepted one never expires", { kind: "accepted" }, 1, now - 2 * day, 0, { state: "accepted" }],
] as const satisfies readonly (readonly [string, AttemptOutcome, number, number, number, AfterAttempt])[])(
  "%s",
  (_, outcome, attempts, createdAt, random, want) =>
    expect(afterAttempt(outcome, attempts, createdAt, now, random)).toEqual(want),
)
