/** The text that goes into the pane: what of a long one, what a file holds of it, and when it is said how to answer. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileOf } from "../../../src/guardian/books/message-files.ts"
import { noteHint, typedText, typedTexts } from "../../../src/guardian/inbound/typed-text.ts"
import { answerHint, mostTypedUnits } from "../../../src/protocol/layout.ts"
import { profileNames } from "../../../src/protocol/names.ts"
import { pathsOf } from "../../../src/store/paths.ts"
import { profiles } from "../../../src/tmux/readiness.ts"
import { createTestContext, type TestContext } from "../../support/context.ts"

const hour = 60 * 60 * 1000
let made: TestContext
let folder: string
beforeEach(() => {
  made = createTestContext(["kai", "lia"])
  folder = mkdtempSync(join(tmpdir(), "sento-typed-"))
  Object.assign(made.context, { paths: pathsOf(folder) })
})
afterEach(() => {
  rmSync(folder, { recursive: true })
  made[Symbol.dispose]()
})

const message = (text = "hello", pair = "kai") => ({ pair, shortId: "k7q2", text })
const file = () => fileOf(made.context, "k7q2")
const hint = answerHint("k7q2")

test("says how to answer with a pair's first message, and then once an hour; also where the clock was set back", () => {
  const has = (pair = "kai") => typedText(made.context, pair, message("hello", pair), "claude").endsWith(hint)
  expect([has(), has()]).toEqual([true, true])
  noteHint(made.context, message())
  expect([has(), has("lia")]).toEqual([false, true])
  made.now += hour - 1
  noteHint(made.context, message())
  expect(has()).toBe(false)
  made.now += 1
  expect(has()).toBe(true)
  noteHint(made.context, message())
  expect(has()).toBe(false)
  made.now -= hour
  expect(has()).toBe(true)
})

test("a text of the greatest length is typed; of a longer one the beginning, and a file has the whole", () => {
  const most = "a".repeat(mostTypedUnits)
  expect(typedText(made.context, "kai", message(most), "claude")).toContain(most)
  expect(existsSync(file())).toBe(false)
  const typed = typedText(made.context, "kai", message(`${most}b`), "claude")
  expect(typed).not.toContain(most)
  expect(typed).toContain(file())
  expect(typed).toContain(String(mostTypedUnits + 1))
  expect(readFileSync(file(), "utf8")).toContain(`${most}b`)
})

test("a program that reads lines has one of 3,500 bytes at the most, whatever its signs take", () => {
  const text = (count: number) => message("ä".repeat(count))
  expect(typedText(made.context, "kai", text(1750), "plain")).toContain("ä".repeat(1750))
  expect(existsSync(file())).toBe(false)
  expect(typedText(made.context, "kai", text(1751), "claude")).toContain("ä".repeat(1751))
  expect(existsSync(file())).toBe(false)
  expect(typedText(made.context, "kai", text(1751), "plain")).toContain(file())
  expect(readFileSync(file(), "utf8")).toContain("ä".repeat(1751))
})

test("whatever can have been typed into a program is among all texts that can", () => {
  const all = typedTexts(made.context, "kai", message())
  const texts = () =>
    profileNames.map(name => profiles[name].adapt(typedText(made.context, "kai", message(), name)))
  const first = texts()
  noteHint(made.context, message())
  const later = texts()
  expect([...first, ...later].filter(text => !all.includes(text))).toEqual([])
  expect(first.filter(text => later.includes(text))).toEqual([])
  expect(existsSync(file())).toBe(false)
})
