/** No stranger's text holds up what others have to say. `bun run hostile` does the same with hundreds of texts. */
import { expect, test } from "bun:test"
import fc from "fast-check"
import { hostileText } from "../../support/hostile-texts.ts"
import { jam, withDouble } from "../../support/jam.ts"

const texts = fc.sample(hostileText, { numRuns: 20, seed: 7 })

test("an honest line behind each of twenty hostile texts is delivered, as a rule within ten seconds", async () => {
  const { waits, jams, lost, mishaps } = await withDouble("claude", pane => jam(pane, texts, 60_000))
  expect(jams).toEqual([])
  expect(lost).toEqual([])
  expect(mishaps).toEqual([])
  expect(waits.length).toBe(texts.length)
  // One may take longer on a machine with much else to do.
  expect(waits.toSorted((a, b) => a - b)[15]).toBeLessThan(10_000)
}, 600_000)
