import { expect, test } from "bun:test"
import { exitStatus, isErrorCode, SentoError } from "../../src/protocol/errors.ts"

test("an expected failure carries its code and its hint", () => {
  const { name, code, message, hint } = new SentoError("refused", "no", "run `sento pair`")
  expect({ name, code, message, hint }).toEqual({
    name: "SentoError",
    code: "refused",
    message: "no",
    hint: "run `sento pair`",
  })
})

test("scripts go by these: the exit status of each code", () =>
  expect(exitStatus).toEqual({
    failed: 1,
    usage: 64,
    "unknown-agent": 64,
    "unknown-message": 64,
    "too-long": 64,
    unreachable: 69,
    "try-later": 75,
    refused: 77,
    "not-owner": 77,
    "needs-pin": 77,
    config: 78,
    "no-session": 78,
    "no-tmux": 78,
    "timed-out": 124,
    interrupted: 130,
  }))

test("a hint may be absent", () => expect(new SentoError("failed", "no").hint).toBeNull())

test.each([
  ["unknown-agent", true],
  ["unknown", false],
  ["toString", false],
  ["__proto__", false],
])("%s is an error code: %p", (code, want) => expect(isErrorCode(code)).toBe(want))
