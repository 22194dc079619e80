/** install.sh against a file server of the test's own, with a stand-in for sento: what it writes, refuses and leaves. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { packMachine, sumsOf } from "../../release/packing.ts"
import { releases } from "../../release/targets.ts"
import { findInstalled, removeInstalled } from "../../src/commands/uninstall/installed.ts"

const script = join(import.meta.dir, "../../install.sh")
const says = (version: string): Buffer<ArrayBuffer> => Buffer.from(`#!/bin/sh\n${version}\n`)

/** What the server has, by path; a test may break it. */
const files = new Map<string, Uint8Array<ArrayBuffer> | string>()
let server: Bun.Server<undefined>
let home = ""

async function release(text: string): Promise<void> {
  files.clear()
  const packed = (await Promise.all(releases.map(one => packMachine(one, says(text))))).flat()
  for (const { file, bytes } of packed) files.set(file, bytes)
  files.set("SHA256SUMS", sumsOf(packed))
}

beforeAll(() => {
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => {
      const found = files.get(new URL(url).pathname.slice(1))
      return found === undefined ? new Response("no", { status: 404 }) : new Response(found)
    },
  })
})
afterAll(() => server.stop(true))
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "sento-install-"))
  await release("echo 9.9.9")
})
afterEach(() => rmSync(home, { recursive: true }))

type Ran = { readonly exit: number; readonly stdout: string; readonly stderr: string }

async function install(
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  path = "/usr/bin:/bin",
): Promise<Ran> {
  const child = Bun.spawn(["sh", script, ...words], {
    cwd: home,
    env: {
      PATH: path,
      HOME: home,
      TMPDIR: join(home, "tmp"),
      SENTO_BASE_URL: `http://127.0.0.1:${server.port}`,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  })
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { exit, stdout, stderr }
}

const everything = (): string[] =>
  readdirSync(home, { recursive: true, encoding: "utf8" })
    .filter(path => path !== "tmp")
    .sort()
beforeEach(() => mkdirSync(join(home, "tmp")))

const command = (): string => join(home, ".local/bin/sento")

test("installs the command, man page and completions, and lists each with the folders that it made", async () => {
  const { exit, stdout } = await install()
  expect(exit).toBe(0)
  expect(stdout).toContain(`sento 9.9.9: ${command()}\n`)
  expect(stdout).toContain(`note: ${home}/.local/bin is not in your PATH`)
  expect(statSync(command()).mode & 0o777).toBe(0o755)
  const listed = readFileSync(join(home, ".local/share/sento/installed"), "utf8").trimEnd().split("\n")
  const there = everything().map(path => join(home, path))
  expect(listed.map(path => path.replace(/\/$/, "")).sort()).toEqual(there.sort())
})

test("`sento uninstall` takes all of it away by that list, and leaves what lies beside it", async () => {
  await install()
  const installed = findInstalled(command())
  if (installed === null) throw new Error("no list")
  writeFileSync(join(home, ".local/share/man/man1/other.1"), "")
  expect(removeInstalled(installed)).toEqual([`removed ${command()}, its man page and completions`])
  expect(everything()).toEqual([
    ".local",
    ".local/share",
    ".local/share/man",
    ".local/share/man/man1",
    ".local/share/man/man1/other.1",
  ])
  expect(findInstalled(command())).toBeNull()
})

test("a second run changes nothing; another version replaces it, and says what it was", async () => {
  await install()
  const before = everything().map(path => [path, statSync(join(home, path)).mtimeMs])
  const again = await install()
  expect(again.stdout).toBe(`sento 9.9.9 is installed already: ${command()}; nothing changed\n`)
  expect(everything().map(path => [path, statSync(join(home, path)).mtimeMs])).toEqual(before)
  await release("echo 10.0.0")
  expect((await install()).stdout).toContain(
    "it was 9.9.9; Guardians that run go on with that until `sento guard restart`",
  )
  expect(everything()).toEqual(before.map(([path]) => path as string))
})

const archive = (): string =>
  [...files.keys()].find(
    name => /-linux-(?:x64|arm64)\.tar\.gz$/.test(name) && name.includes(process.arch),
  ) ?? ""
const bytesOf = (name: string): Uint8Array<ArrayBuffer> => files.get(name) as Uint8Array<ArrayBuffer>

test.each([
  ["an archive of another byte", () => bytesOf(archive()).fill(1, 50, 51), "has the SHA-256"],
  ["half an archive", () => files.set(archive(), bytesOf(archive()).slice(0, 3000)), "has the SHA-256"],
  ["no archive for this machine", () => files.set("SHA256SUMS", ""), "has no archive for linux-"],
  [
    "sums that are a page of somebody's portal",
    () => files.set("SHA256SUMS", "<html>log in</html>"),
    "has no archive for",
  ],
  ["an archive that is not there", () => files.delete(archive()), "cannot fetch http"],
  ["no base address", () => {}, "where sento is to be fetched from is not set"],
] as const)("%s is refused, and nothing is written", async (what, spoil, error) => {
  spoil()
  const { exit, stderr } = await install([], what === "no base address" ? { SENTO_BASE_URL: "" } : {})
  expect(exit).toBe(1)
  expect(stderr).toContain("install.sh: error: ")
  expect(stderr).toContain(error)
  expect(everything()).toEqual([])
})

test("a sento that does not run here is not installed, and an old one stays", async () => {
  await release("echo no libstdc++ >&2; exit 127")
  const { exit, stderr } = await install()
  expect(exit).toBe(1)
  expect(stderr).toContain("this sento does not run here: no libstdc++")
  expect(everything()).toEqual([])
  await release("echo 9.9.9")
  await install()
  await release("exit 1")
  await install()
  expect(readFileSync(command(), "utf8")).toContain("echo 9.9.9")
})

test("half a script does nothing: all of it is one function, called in the last line", () => {
  const text = readFileSync(script, "utf8")
  expect(text.trimEnd().split("\n").at(-1)).toBe('main "$@"')
  const half = Bun.spawnSync(["sh", "-c", text.slice(0, -12)], {
    cwd: home,
    env: { PATH: "/usr/bin:/bin", HOME: home },
  })
  expect(half.exitCode).toBe(0)
  expect(everything()).toEqual([])
})

test("a link at its place is somebody's, and stays", async () => {
  mkdirSync(join(home, ".local/bin"), { recursive: true })
  symlinkSync("/nowhere/sento", command())
  expect((await install()).stderr).toContain("is a link, which this did not make")
  expect(everything()).toEqual([".local", ".local/bin", ".local/bin/sento"])
})

test("another prefix, and with wget where there is no curl", async () => {
  const bin = join(home, "tools")
  mkdirSync(bin)
  for (const name of "sh mktemp uname ldd grep cut tar gzip cmp cp mv rm rmdir mkdir chmod cat head sha256sum wget".split(
    " ",
  )) {
    const found = Bun.which(name, { PATH: "/usr/bin:/bin" })
    if (found !== null) symlinkSync(found, join(bin, name))
  }
  if (!existsSync(join(bin, "wget"))) return
  const { exit, stdout } = await install(["--prefix", "opt/sento"], {}, bin)
  expect([exit, stdout]).toEqual([0, expect.stringContaining(`${home}/opt/sento/bin/sento`)])
  expect(existsSync(join(home, ".local"))).toBe(false)
})

test.skipIf(!existsSync(process.arch === "x64" ? "/lib/ld-musl-x86_64.so.1" : "/lib/ld-musl-aarch64.so.1"))(
  "musl's loader beside glibc's: whose ldd it is says which sento",
  async () => {
    const bin = join(home, "bin")
    mkdirSync(bin)
    writeFileSync(join(bin, "ldd"), "#!/bin/sh\necho 'musl libc (x86_64)' >&2; exit 1\n")
    chmodSync(join(bin, "ldd"), 0o755)
    const name = [...files.keys()].find(one => one.includes(`${process.arch}-musl.tar.gz`)) ?? ""
    files.delete(name)
    expect((await install([], {}, `${bin}:/usr/bin:/bin`)).stderr).toContain(
      `cannot fetch http://127.0.0.1:${server.port}/${name}`,
    )
    expect((await install()).exit).toBe(0)
  },
)
