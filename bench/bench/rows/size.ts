/** How large the one file is that everybody downloads. */
import { statSync } from "node:fs"
import { aboveAtMost, type Row, type Take } from "../row.ts"

export const size: Row = {
  name: "size",
  reference: "compiled hello",
  figures: [{ name: "file", unit: "MB", bar: aboveAtMost(8) }],
  turns: 1,
  measure: {
    sento: async (_, binary) => weighing(binary),
    reference: async stage => weighing(await stage.reference("hello")),
  },
}

const weighing =
  (path: string): Take =>
  async () => ({ file: statSync(path).size / 1_000_000 })
