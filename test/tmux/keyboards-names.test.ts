import { expect, spyOn, test } from "bun:test"
import { giveBack, keepKeys } from "../../src/tmux/keyboards.ts"

test("what is no terminal is not touched: nothing is started for it", async () => {
  using spawn = spyOn(Bun, "spawn")
  for (const path of ["/etc/passwd", "/dev/null", "/dev/pts/../null", "/dev/pts/1\n", "-a", ""]) {
    await (await keepKeys([path])).letGo()
    await giveBack([path])
  }
  await (await keepKeys([])).letGo()
  expect(spawn).not.toHaveBeenCalled()
})
