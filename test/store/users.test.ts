/** Who this process runs as, by what the system's own programs say. */
import { expect, test } from "bun:test"
import { entries, findUser, ownUser, passwdHome } from "../../src/store/users.ts"

const said = (...words: string[]): string => Bun.spawnSync(words).stdout.toString().trim()

test("its name, its ids and its home are those that id(1) and getent(1) have", () => {
  expect(ownUser()).toBe(said("id", "-un"))
  expect(findUser(ownUser())).toEqual({ uid: Number(said("id", "-u")), gid: Number(said("id", "-g")) })
  expect(findUser("nobody-is-called-so")).toBeNull()
  expect(passwdHome()).toBe(said("getent", "passwd", said("id", "-u")).split(":")[5] ?? null)
  expect(entries("passwd").find(([name]) => name === ownUser())?.[5]).toBe(passwdHome() ?? "")
})
