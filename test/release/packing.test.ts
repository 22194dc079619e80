/** What a release is made of, from a file that stands for sento: the same bytes twice, and what tools read in them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import packageJson from "../../package.json" with { type: "json" }
import runtimes from "../../release/package.json" with { type: "json" }
import { type Packed, packCommon, packMachine, sumsOf } from "../../release/packing.ts"
import { type Release, releases } from "../../release/targets.ts"

const { version } = packageJson
let folder = ""
let packed: Packed[] = []

const standIn = Buffer.from(`#!/bin/sh\necho "stand-in $0 $*"\n`)
const pack = async (): Promise<Packed[]> => [
  ...(await Promise.all(releases.map(one => packMachine(one, standIn)))).flat(),
  ...(await packCommon("#!/bin/sh\n")),
]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sento-release-"))
  packed = await pack()
  for (const { file, bytes } of packed) writeFileSync(join(folder, file), bytes)
})
afterAll(() => rmSync(folder, { recursive: true }))

const run = (...words: string[]): string => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(words, {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "" },
  })
  if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${stderr.toString()}`)
  return stdout.toString()
}

const host: Release = (() => {
  const found = releases.find(one => one.cpu === process.arch && one.libc === "glibc")
  if (found === undefined) throw new Error(`no release for ${process.arch}`)
  return found
})()

test("packed twice, every file has the same bytes", async () => {
  expect(sumsOf(await pack())).toBe(sumsOf(packed))
})

test("the files of a release, and one sum for each", () => {
  const names = releases.flatMap(({ name, debian }) => [
    `sento-${version}-${name}.tar.gz`,
    `sento-${name}-${version}.tgz`,
    ...(debian === null ? [] : [`sento_${version}_${debian}.deb`]),
  ])
  const sums = sumsOf(packed).trimEnd().split("\n")
  const common = ["install.sh", "linux.sento.tar.gz", `sento-${version}.tgz`, `sento-opencode-${version}.tgz`]
  expect(sums.map(line => line.slice(66))).toEqual([...names, ...common].sort())
})

test("the runtimes are of the Bun that builds, each with a hash", () => {
  const lock = readFileSync(join(import.meta.dir, "../../release/bun.lock"), "utf8")
  expect(Object.keys(runtimes.dependencies).sort()).toEqual(releases.map(one => one.runtime).sort())
  for (const [name, wanted] of Object.entries(runtimes.dependencies)) {
    expect(wanted).toBe(Bun.version)
    expect(lock).toMatch(
      new RegExp(`"${name}@${wanted.replaceAll(".", "\\.")}", "", .*"sha512-[A-Za-z0-9+/]{86}=="`),
    )
  }
})

test("tar reads an archive: the command can be run, no time and no owner is in it", () => {
  const listing = run("tar", "--utc", "-tvzf", `sento-${version}-${host.name}.tar.gz`)
  expect(listing).toContain(` 1970-01-01 00:00 sento-${version}-${host.name}/bin/sento\n`)
  expect(
    listing
      .split("\n")
      .filter(line => line !== "" && !/^(?:drwxr-xr-x|-rw-r--r--|-rwxr-xr-x) 0\/0 /.test(line)),
  ).toEqual([])
  expect(listing).toMatch(/^-rwxr-xr-x .*\/bin\/sento$/m)
  for (const path of ["man/man1/sento.1", "bash-completion/completions/sento", "zsh/site-functions/_sento"])
    expect(listing).toContain(`/share/${path}\n`)
})

test.skipIf(Bun.which("dpkg-deb") === null)("dpkg reads a .deb, and the sums in it are right", () => {
  const name = `sento_${version}_${host.debian}.deb`
  expect(run("dpkg-deb", "-f", name, "Package", "Version", "Architecture", "Depends")).toBe(
    `Package: sento\nVersion: ${version}\nArchitecture: ${host.debian}\nDepends: libc6 (>= 2.17), tmux (>= 3.2)\n`,
  )
  run("dpkg-deb", "-R", name, "unpacked")
  expect(Bun.spawnSync(["md5sum", "-c", "DEBIAN/md5sums"], { cwd: join(folder, "unpacked") }).exitCode).toBe(
    0,
  )
  const man = readFileSync(join(folder, "unpacked/usr/share/man/man1/sento.1.gz"))
  expect(new TextDecoder().decode(Bun.gunzipSync(man))).toStartWith(".TH SENTO 1 ")
})

test("Gemini CLI's extension lies at the root of its archive", () => {
  expect(run("tar", "-tzf", "linux.sento.tar.gz")).toBe(
    "GEMINI.md\ngemini-extension.json\nhooks/\nhooks/hooks.json\n",
  )
})

describe("npm's packages", () => {
  const manifestOf = (file: string) => JSON.parse(run("tar", "-xzOf", file, "package/package.json"))

  test("say for which machine each is, and run nothing when they are installed", () => {
    const meta = manifestOf(`sento-${version}.tgz`)
    expect(Object.keys(meta.optionalDependencies)).toEqual(releases.map(one => `sento-${one.name}`))
    for (const { name, cpu, libc } of releases) {
      const { scripts, ...manifest } = manifestOf(`sento-${name}-${version}.tgz`)
      expect(manifest).toMatchObject({ version, os: ["linux"], cpu: [cpu], libc: [libc] })
      expect([scripts, meta.scripts]).toEqual([undefined, undefined])
    }
  })

  /** The packages as an installer lays them out, below a folder; gives the path that is started. */
  const layOut = (layout: string, where: { sento: string; machine: string; started: string }): string => {
    const base = join(folder, layout)
    for (const [file, path] of [
      [`sento-${version}.tgz`, where.sento],
      [`sento-${host.name}-${version}.tgz`, where.machine],
    ] as const) {
      mkdirSync(join(base, path), { recursive: true })
      run("tar", "-xzf", file, "-C", join(base, path), "--strip-components=1")
    }
    return join(base, where.started)
  }

  const machine = `sento-${host.name}`
  test.each([
    ["side by side, as npm and bun do", "node_modules/sento", `node_modules/${machine}`],
    [
      "one below the other, as `npm install -g` does",
      "lib/node_modules/sento",
      `lib/node_modules/sento/node_modules/${machine}`,
    ],
  ])("the launcher finds the file %s, and becomes it", (layout, sento, below) => {
    const started = layOut(layout.replaceAll(/\W/g, "-"), {
      sento,
      machine: below,
      started: `${sento}/bin/sento`,
    })
    const link = `${started}-link`
    symlinkSync(started, link)
    for (const path of [started, link])
      expect(run(path, "send", "kai", "a b")).toMatch(
        new RegExp(`^stand-in .*${machine}/bin/sento send kai a b\n$`),
      )
  })

  test("behind a folder that is a link, as pnpm does", () => {
    const store = "node_modules/.pnpm/sento@1/node_modules"
    layOut("pnpm", { sento: `${store}/sento`, machine: `${store}/${machine}`, started: "" })
    symlinkSync(".pnpm/sento@1/node_modules/sento", join(folder, "pnpm/node_modules/sento"))
    expect(run(join(folder, "pnpm/node_modules/sento/bin/sento"), "x")).toContain("stand-in")
  })

  test("where no file is for this machine it says so; one whose loader is missing is another's", () => {
    const started = layOut("none", {
      sento: "node_modules/sento",
      machine: "elsewhere",
      started: "node_modules/sento/bin/sento",
    })
    const other = releases.find(one => one.cpu !== host.cpu && one.libc === "glibc")
    cpSync(join(folder, "none/elsewhere"), join(folder, `none/node_modules/sento-${other?.name}`), {
      recursive: true,
    })
    const { exitCode, stderr } = Bun.spawnSync([started])
    expect(exitCode).toBe(1)
    expect(stderr.toString()).toStartWith("sento: error: no sento for this machine was installed beside ")
  })
})
