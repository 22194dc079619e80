import { expect, test } from "bun:test"
import { isErrorCode, SentoError } from "../../src/protocol/errors.ts"

test("an expected failure carries its code and its hint", () => {
  const { name, code, message, hint } = new SentoError("refused", "no", "run `sento pair`")
  expect({ name, code, message, hint }).toEqual({
    name: "SentoError",
    code: "refused",
    message: "no",
    hint: "run `sento pair`",
  })
})

test("a hint may be absent", () => expect(new SentoError("failed", "no").hint).toBeNull())

test.each([
  ["unknown-agent", true],
  ["unknown", false],
  ["toString", false],
  ["__proto__", false],
])("%s is an error code: %p", (code, want) => expect(isErrorCode(code)).toBe(want))
