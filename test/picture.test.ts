/** The picture in docs/DESIGN.md is the one that the imports draw. */
import { expect, test } from "bun:test"
import { drawn, pathOfDesign } from "./support/picture.ts"

test("docs/DESIGN.md shows the layers and rooms as they are: `bun run picture` draws them anew", async () => {
  const text = await Bun.file(pathOfDesign).text()
  expect(await drawn(text)).toBe(text)
})
