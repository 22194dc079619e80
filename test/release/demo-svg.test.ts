/** The README's picture is what the demo shows. */
import { expect, test } from "bun:test"
import { demoSvg, pathOfSvg, runDemo } from "../../release/demo-svg.ts"
import { built, until } from "../support/world.ts"

test("docs/demo.svg is the demo as it runs: `bun run demo:svg` draws it anew", async () => {
  // A Guardian that stood still for three seconds is said not to be reached, and then it is another picture.
  const screens = await until("a demo of messages that travel directly", async () => {
    const shown = await runDemo(built)
    return /fetches|not seen yet/.test(JSON.stringify(shown)) ? null : shown
  })
  expect(await Bun.file(pathOfSvg).text()).toBe(demoSvg(screens))
}, 120_000)
