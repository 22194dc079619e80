/** Whether the directory of the agent's door is as it must be, and who else reads what is in it. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { othersInGroup, sharedFolderFault } from "../../../src/guardian/door/shared-folder.ts"
import * as users from "../../../src/store/users.ts"

const [own, group] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0]
const ida = { uid: own + 1, gid: group }

let folder: string
let door: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sento-shared-"))
  door = join(folder, "door")
  mkdirSync(door)
  chmodSync(door, 0o2750)
})
afterEach(() => rmSync(folder, { recursive: true }))

describe("the directory", () => {
  const faultOf = (user: users.UserId | null, path = door, ownUid = own): string | null => {
    using _ = spyOn(users, "findUser").mockReturnValue(user)
    return sharedFolderFault(path, "ida", ownUid)
  }

  test("is ours, of the agent's group, for it alone to look into", () => {
    expect(faultOf(ida)).toBeNull()
  })

  test("is none where something of that is not so, in words that say what", () => {
    writeFileSync(join(folder, "file"), "")
    expect([
      faultOf(null),
      faultOf(ida, join(folder, "none")),
      faultOf(ida, join(folder, "file")),
      faultOf({ ...ida, uid: own }),
      faultOf({ ...ida, uid: own + 2 }, door, own + 1),
      faultOf({ ...ida, gid: group + 1 }),
    ]).toEqual([
      "is for the user ida, who is not there",
      "is not there",
      "is not there",
      "is for the user ida, who is the Guardian's own",
      "belongs to another user than the Guardian's",
      "is not of ida's group",
    ])
  })

  test.each([0o750, 0o2755, 0o2770, 0o2700, 0o3750, 0o6750])("is none with the mode %i", mode => {
    chmodSync(door, mode)
    expect(faultOf(ida)).toBe(`has the mode ${mode.toString(8)}, not 2750`)
  })
})

test("others in the agent's group are whoever it lists and whose own group it is, but for both users", () => {
  using _ = spyOn(users, "findUser").mockReturnValue({ uid: 7, gid: 70 })
  using __ = spyOn(users, "entries").mockImplementation(database =>
    (database === "group"
      ? ["ida:x:70:noa,me,zoe", "other:x:71:eve", "also:x:70:noa,lia", ""]
      : [
          "ida:x:7:70:::",
          "me:x:8:80:::",
          "me-too:x:8:70:::",
          "noa:x:9:90:::",
          "kai:x:10:70:::",
          "eve:x:11:71:::",
          "",
        ]
    ).map(line => line.split(":")),
  )
  expect(othersInGroup("ida", 8)).toEqual(["kai", "lia", "noa", "zoe"])
  expect(othersInGroup("ida", 12)).toEqual(["kai", "lia", "me", "me-too", "noa", "zoe"])
})
