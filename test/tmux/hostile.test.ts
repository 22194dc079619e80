/** Texts of an attacker: laid out, then delivered, each is one submission of visible text and nothing else. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import fc from "fast-check"
import { excerpt, layOut, mostTypedUnits, visibleText } from "../../src/protocol/layout.ts"
import { hostileTexts } from "../support/hostile-texts.ts"
import { type DoublePane, startDouble, typeUntilSettled } from "../support/pane.ts"
import { asTyped } from "../support/texts.ts"

/** What a terminal could take for more than a character; joiners and selectors stay inside emoji. */
const unseen = /(?!\n|\u200d|\ufe0f)[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u

const programs = ["claude", "codex", "gemini", "opencode"] as const

describe.each(programs)("the double of %s", name => {
  let pane: DoublePane
  beforeAll(async () => {
    pane = await startDouble(name)
  })
  afterAll(async () => {
    await pane[Symbol.asyncDispose]()
  })

  // Each program gets what is drawn to look like itself, and the mentions; the rest goes round.
  const mine = hostileTexts.filter(([title], index) =>
    / shows$|^mentions /.test(title) ? isDrawnFor(title) : index % 4 === programs.indexOf(name),
  )
  test.each(mine)("%s: one submission of visible text", async (_, body) => {
    await expectOneSubmission(pane, body)
  })

  test("any mixture of them", async () => {
    const piece = fc.constantFrom(
      ...hostileTexts.map(([, body]) => body.slice(0, 200)),
      "👩\u200d👧",
      "é\n",
      " ",
    )
    const bodies = fc.sample(fc.array(piece, { minLength: 1, maxLength: 5 }), { numRuns: 2, seed: 7 })
    for (const parts of bodies) await expectOneSubmission(pane, parts.join(""))
  }, 120_000)

  function isDrawnFor(title: string): boolean {
    const other = / of (\w+) shows$/.exec(title)?.[1]?.toLowerCase()
    return other === undefined || other === name
  }

  async function expectOneSubmission(to: DoublePane, body: string): Promise<void> {
    const before = to.logged("submitted").length
    const text = laidOut(body)
    expect(await typeUntilSettled(to, name, text)).toEqual({ kind: "submitted" })
    const after = to.logged("submitted").slice(before)
    expect(after).toEqual([asTyped(name, text)])
    expect(after.filter(one => unseen.test(one) || /\n(?! {2})/.test(one))).toEqual([])
    const others = ["approved", "executed", "completed", "answered", "cancelled"] as const
    expect(others.flatMap(kind => to.logged(kind))).toEqual([])
  }
})

let count = 0

/** As the Guardian does: a long text goes into a file, and its beginning is typed. */
function laidOut(body: string): string {
  const text = visibleText(body)
  const shown = text.length > mostTypedUnits ? excerpt(text) : body
  return layOut("mira", (count++).toString(36).padStart(4, "h"), shown)
}
