/** The README's picture is what the demo shows. */
import { expect, test } from "bun:test"
import { demoSvg, pathOfSvg, runDemo } from "../../release/demo-svg.ts"
import { built } from "../support/world.ts"

test("docs/demo.svg is the demo as it runs: `bun run demo:svg` draws it anew", async () => {
  expect(await Bun.file(pathOfSvg).text()).toBe(demoSvg(await runDemo(built)))
})
