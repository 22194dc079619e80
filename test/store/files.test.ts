/** Where files lie, what links lead to, and which copies are nobody's. */
import { afterEach, beforeEach, describe, expect, setSystemTime, test } from "bun:test"
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { homedir, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { besideOf, removeCopies } from "../../src/store/copies.ts"
import { behindLinks } from "../../src/store/links.ts"
import { takeLock } from "../../src/store/lock.ts"
import { requireOwn } from "../../src/store/ownership.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { entries, findUser, ownUser } from "../../src/store/users.ts"
import { openFilesIn } from "../support/descriptors.ts"

let home: string
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "sento-files-")))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

describe("the paths of a home", () => {
  test("lie below it", () => {
    expect(pathsOf("/home/mira")).toEqual({
      ...{ home: "/home/mira", config: "/home/mira/.sento-config.json", folder: "/home/mira/.sento" },
      ...{ database: "/home/mira/.sento/sento.db", lock: "/home/mira/.sento/guardian.lock" },
      ...{
        log: "/home/mira/.sento/guardian.log",
        stopped: "/home/mira/.sento/stopped",
        ownerSocket: "/home/mira/.sento/owner.sock",
      },
      ...{ agentSocket: "/home/mira/.sento/agent.sock", isAgentSide: false },
    })
  })

  test.each([undefined, ""])("without one named %p, below the user's own", named => {
    expect(pathsOf(named).home).toBe(homedir())
  })

  test("on the agent's side have the door that is named", () => {
    expect(pathsOf("/home/mira", "/run/sento/agent.sock")).toMatchObject({
      agentSocket: "/run/sento/agent.sock",
      ownerSocket: "/home/mira/.sento/owner.sock",
      isAgentSide: true,
    })
    expect(pathsOf("/home/mira", "")).toMatchObject({
      agentSocket: "/home/mira/.sento/agent.sock",
      isAgentSide: false,
    })
  })

  test("are no longer than a socket's may be, in bytes", () => {
    const rest = "/.sento/owner.sock".length
    expect(pathsOf(`/${"a".repeat(106 - rest)}`).ownerSocket.length).toBe(107)
    expect(() => pathsOf(`/${"a".repeat(107 - rest)}`)).toThrow(
      "is too long for a socket (107 bytes at the most)",
    )
    expect(() => pathsOf(`/${"ä".repeat(54 - rest / 2)}`)).toThrow("is too long for a socket")
  })
})

describe("what lies behind links", () => {
  const link = (path: string, target: string): void => {
    mkdirSync(dirname(join(home, path)), { recursive: true })
    symlinkSync(target, join(home, path))
  }
  const behind = (path: string): string => behindLinks(join(home, path)).replace(home, "HOME")

  test.each<readonly [string, string, string, () => void]>([
    ["a file", "a/b", "HOME/a/b", () => {}],
    ["doubled and idle steps", ".//a/./b/", "HOME/a/b", () => {}],
    ["an absolute link", "a/b", "HOME/real", () => link("a/b", join(home, "real"))],
    ["a relative one", "a/b", "HOME/a/real", () => link("a/b", "real")],
    ["one upwards", "a/b", "HOME/real", () => link("a/b", "../real")],
    ["one over idle steps", "a/b", "HOME/a/real", () => link("a/b", ".//./real")],
    ["a link to a link", "a", "HOME/real", () => [link("a", "b"), link("b", "real")]],
    [
      "a link on the way, and what follows it in order",
      "a/b/c",
      "HOME/real/deep/b/c",
      () => {
        mkdirSync(join(home, "real/deep"), { recursive: true })
        link("a", "real/deep")
      },
    ],
    [
      "`..` behind a link: from where that leads",
      "a/b/c",
      "HOME/real/c",
      () => {
        mkdirSync(join(home, "real/deep"), { recursive: true })
        link("a/b", "../real/deep/..")
      },
    ],
    ["directories that are missing", "a/b/c/d", "HOME/a/b/c/d", () => {}],
    ["a link to what is missing", "a", "HOME/none", () => link("a", "none")],
    ["… with a slash behind it", "a", "HOME/none", () => link("a", "none/")],
    ["… with an idle step behind it", "a", "HOME/none", () => link("a", "none/.")],
  ])("%s", (_, path, is, make) => {
    make()
    expect(behind(path)).toBe(is)
  })

  test.each<readonly [string, string, string, () => void]>([
    [
      "a link into a directory that is not there",
      "a",
      "ENOENT: a link leads through",
      () => link("a", "none/file"),
    ],
    ["one upwards from nowhere", "a", "ENOENT", () => link("a", "none/../file")],
    [
      "one upwards from a file",
      "a",
      "ENOENT",
      () => {
        writeFileSync(join(home, "file"), "")
        link("a", "file/../other")
      },
    ],
    [
      "one through a file",
      "a",
      "ENOTDIR|ENOENT",
      () => {
        writeFileSync(join(home, "file"), "")
        link("a", "file/other")
      },
    ],
    ["a circle", "a", "ELOOP: too many links on the way", () => [link("a", "b"), link("b", "a")]],
    ["`..` of what is missing", "none/../a", "ENOENT", () => {}],
  ])("%s leads nowhere", (_, path, why, make) => {
    make()
    expect(() => behindLinks(`${home}/${path}`)).toThrow(new RegExp(why))
  })

  test("forty links are followed, as Linux does, and no more", () => {
    for (let i = 0; i < 41; i += 1) link(`link ${i}`, i === 0 ? "real" : `link ${i - 1}`)
    expect(behind("link 39")).toBe("HOME/real")
    expect(() => behind("link 40")).toThrow("ELOOP")
  })

  test("a path that the system refuses is told so", () => {
    expect(() => behindLinks(`/${"a".repeat(300)}`)).toThrow("ENAMETOOLONG")
  })
})

describe("copies of a config that a crash left", () => {
  const config = (): string => join(home, ".sento-config.json")
  const copy = (suffix: string, seconds = 0, name = ".sento-config.json"): string => {
    const path = join(home, `.sento-copy-${name}.${suffix}`)
    writeFileSync(path, "")
    const time = Math.floor(Date.now() / 1000) + seconds
    utimesSync(path, time, time)
    return path
  }
  /** Of a process that runs for as long as this one. */
  const ofOther = `${process.ppid}.0a1b2c3d`
  const ofNobody = "99999999.0a1b2c3d"

  test.each([
    ["of another process that runs", ofOther, 0, true],
    ["of one that runs, not quite a minute old", ofOther, -58, true],
    ["of one that runs, a minute old", ofOther, -61, false],
    ["of one that runs, of a time not quite a minute ahead", ofOther, 58, true],
    ["of one that runs, of a time to come", ofOther, 62, false],
    ["of a process that is gone", ofNobody, 0, false],
    ["of this process", `${process.pid}.0a1b2c3d`, 0, false],
    ["with no number", "0a1b2c3d", -3600, true],
    ["with words before the number", `x${ofNobody}`, -3600, true],
    ["with words behind it", `${ofNobody}x`, -3600, true],
  ])("%s stays: %s, %d s: %p", (_, suffix, seconds, stays) => {
    try {
      setSystemTime(new Date("2026-11-30T10:00:00.000Z"))
      const path = copy(suffix, seconds)
      expect(removeCopies({ config: config() })).toBe(stays ? 0 : 1)
      expect(existsSync(path)).toBe(stays)
    } finally {
      setSystemTime()
    }
  })

  test.each([
    ["a minute old", 60_000, true],
    ["a millisecond older", 60_001, false],
    ["of a minute ahead", -60_000, true],
    ["of a millisecond more ahead", -60_001, false],
  ])("%s, of a process that runs: to the millisecond", (_, age, stays) => {
    const path = copy(ofOther)
    try {
      setSystemTime(lstatSync(path).mtimeMs + age)
      expect(removeCopies({ config: config() })).toBe(stays ? 0 : 1)
    } finally {
      setSystemTime()
    }
    expect(existsSync(path)).toBe(stays)
  })

  test("of no such name stay, however long it is", () => {
    const other = join(home, `${"x".repeat(".sento-copy-.sento-config.json.".length)}${ofNobody}`)
    writeFileSync(other, "")
    expect(removeCopies({ config: config() })).toBe(0)
    expect(existsSync(other)).toBe(true)
  })

  test("of another file stay, and what has the name's end alone", () => {
    const other = copy(ofNobody, 0, "other.json")
    const end = join(home, `x.sento-copy-.sento-config.json.${ofNobody}`)
    writeFileSync(end, "")
    expect(removeCopies({ config: config() })).toBe(0)
    expect([other, end].every(existsSync)).toBe(true)
  })

  test("beside what a link leads to go too, each once", () => {
    mkdirSync(join(home, "vault"))
    symlinkSync("vault/mira.json", config())
    writeFileSync(join(home, "vault", `.sento-copy-mira.json.${ofNobody}`), "")
    copy(ofNobody)
    expect(removeCopies({ config: config() })).toBe(2)
    expect(readdirSync(join(home, "vault"))).toEqual([])
  })

  test("of a directory that is not there are none", () => {
    expect(removeCopies({ config: join(home, "none/config.json") })).toBe(0)
  })

  test("a new one has a name of its own each time, beside the file, that says whose it is", () => {
    const names = [1, 2].map(() => besideOf(config()))
    expect(names[0]).not.toBe(names[1])
    for (const name of names)
      expect(name.replace(home, "HOME")).toMatch(
        new RegExp(`^HOME/\\.sento-copy-\\.sento-config\\.json\\.${process.pid}\\.[0-9a-f]{8}$`),
      )
    writeFileSync(names[0] ?? "", "")
    expect(removeCopies({ config: config() })).toBe(1)
  })
})

describe("whose a file is", () => {
  const isRoot = process.getuid?.() === 0

  test("what is ours, root's or not there passes", () => {
    const path = join(home, "file")
    writeFileSync(path, "")
    for (const one of [path, "/etc/passwd", join(home, "none")]) requireOwn(one)
  })

  const refusal = (path: string): string => `${path} belongs to another user (uid ${another})`
  const [another, nobody] = [isRoot ? 12_345 : (process.getuid?.() ?? 0), 54_321]

  /** Another user's, to whoever this process is while `act` runs. */
  function withAnother(act: (path: string, link: string) => void): void {
    const [path, link] = [join(home, "file"), join(home, "link")]
    writeFileSync(path, "")
    symlinkSync(isRoot ? "/etc/passwd" : path, link)
    for (const one of isRoot ? [path, link] : []) lchownSync(one, another, another)
    const euid = process.geteuid
    process.geteuid = () => nobody
    try {
      act(path, link)
    } finally {
      process.geteuid = euid
    }
  }

  test("what another user has is refused, and so is a link of theirs, to whatever it leads", () => {
    withAnother((path, link) => {
      for (const one of [path, link]) expect(() => requireOwn(one)).toThrow(refusal(one))
    })
  })

  test("a link to what is another user's is refused, whosever it is", () => {
    withAnother(path => {
      const link = join(home, "ours")
      symlinkSync(path, link)
      if (isRoot) lchownSync(link, nobody, nobody)
      expect(() => requireOwn(link)).toThrow(refusal(link))
    })
  })

  test("their own passes to those who have it", () => {
    withAnother((path, link) => {
      process.geteuid = () => another
      for (const one of [path, link]) requireOwn(one)
    })
  })
})

describe("the lock of a home", () => {
  test("is held by one at a time, and free again afterwards", () => {
    const path = join(home, "guardian.lock")
    const held = takeLock(path)
    expect(held).not.toBeNull()
    expect(takeLock(path)).toBeNull()
    held?.release()
    const again = takeLock(path)
    expect(again).not.toBeNull()
    again?.release()
  })

  test("leaves the mask of new files as it was, also where it fails", () => {
    const umask = process.umask(0o027)
    try {
      takeLock(join(home, "guardian.lock"))?.release()
      expect(() => takeLock(home)).toThrow(`cannot lock ${home}: `)
      expect(process.umask()).toBe(0o027)
    } finally {
      process.umask(umask)
    }
  })
})

test("the lock is its owner's alone, whoever makes it, and a loose one is tightened", () => {
  const path = join(home, "guardian.lock")
  const mode = (): number => lstatSync(path).mode & 0o777
  const umask = process.umask(0)
  try {
    takeLock(path)?.release()
    expect(mode()).toBe(0o600)
    chmodSync(path, 0o644)
    takeLock(path)?.release()
    expect(mode()).toBe(0o600)
  } finally {
    process.umask(umask)
  }
})

test("a lock that was refused leaves no file open", () => {
  const openFiles = (): number => openFilesIn(home)
  const path = join(home, "guardian.lock")
  takeLock(path)?.release()
  const before = openFiles()
  const held = takeLock(path)
  expect([1, 2, 3].map(() => takeLock(path))).toEqual([null, null, null])
  held?.release()
  expect(openFiles()).toBe(before)
})

describe("the users of this machine", () => {
  test("are found by name", () => {
    expect(findUser("root")).toEqual({ uid: 0, gid: 0 })
    expect(findUser("no-such-user-here")).toBeNull()
    expect(findUser(ownUser())?.uid).toBe(process.getuid?.() as number)
    expect(entries("passwd").find(([name]) => name === ownUser())?.[2]).toBe(String(process.getuid?.()))
  })

  test("are listed as passwd(5) and group(5) have them", () => {
    expect(entries("passwd").find(([name]) => name === "root")?.[2]).toBe("0")
    expect(entries("group").find(([name]) => name === "root")?.[2]).toBe("0")
  })
})
