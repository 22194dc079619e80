/** The README's picture is what the demo shows. */
import { expect, test } from "bun:test"
import { demoSvg, pathOfSvg, runDemo } from "../../release/demo-svg.ts"
import { built } from "../support/world.ts"

test("docs/demo.svg is the demo as it runs: `bun run demo:svg` draws it anew", async () => {
  // A Guardian that stood still for three seconds is said not to be reached, and then it is another picture.
  let screens = await runDemo(built)
  if (/fetches|not seen yet/.test(JSON.stringify(screens))) screens = await runDemo(built)
  expect(await Bun.file(pathOfSvg).text()).toBe(demoSvg(screens))
}, 120_000)
