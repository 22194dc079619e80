/** Which pane is the agent's, and what is in it: a false tmux, and tables of processes. Real ones: own-hands.test.ts. */
import { afterEach, beforeEach, describe, expect, type Mock, spyOn, test } from "bun:test"
import type { PaneWish } from "../../src/tmux/hands.ts"
import * as owners from "../../src/tmux/keyboard-owner.ts"
import { createHands } from "../../src/tmux/own-hands.ts"
import type { PinnedPane } from "../../src/tmux/pane.ts"
import * as kernel from "../../src/tmux/process.ts"
import { parseScreen } from "../../src/tmux/screen.ts"
import * as snapshots from "../../src/tmux/snapshot.ts"
import type { TmuxServer } from "../../src/tmux/tmux.ts"

/** What runs in the pane of each process; null: it has ended, but not been reaped. */
let programs: Readonly<Record<number, owners.Program | null>> = {}
const spies: Mock<(...words: never[]) => unknown>[] = []

beforeEach(() => {
  programs = {}
  const stat = { name: "", state: "S", parent: 1, group: 1, terminal: 1, foregroundGroup: 1 }
  spies.push(
    spyOn(kernel, "processStat").mockImplementation(pid =>
      pid in programs ? { ...stat, pid, startTicks: pid * 10 } : null,
    ),
    spyOn(kernel, "isAlive").mockImplementation(pid => pid in programs),
    spyOn(owners, "keyboardOwner").mockImplementation(pid => programs[pid] ?? null),
  )
})
afterEach(() => {
  for (const spy of spies.splice(0)) spy.mockRestore()
})

const called = (executable: string, ...words: string[]): owners.Program => ({
  ...{ executable, name: executable, arguments: [executable, ...words] },
})
const claude = called("claude")
const codex = called("codex")
const cat = called("cat")
/** The pane `%N` has the process N. */
const pane = (pid: number): PinnedPane => ({ pane: `%${pid}`, pid, startTicks: pid * 10 })

type Session = { readonly active?: number; readonly panes?: readonly number[]; readonly status?: number }
const server = ({ active, panes = [], status = 0 }: Session): TmuxServer => ({
  socket: null,
  run: async words => {
    const line = words.join(" ")
    const said = () => {
      if (line.startsWith("list-panes")) return panes.map(pid => `%${pid} ${pid}\n`).join("")
      if (line.includes("session_name")) return active === undefined ? "" : `%${active} ${active} sento\n`
      const asked = /-t %(\d+)/.exec(line)?.[1]
      return asked === undefined ? "" : `%${asked} ${asked}\n`
    }
    return { status, stdout: said(), stderr: "" }
  },
})
const find = (session: Session, kept: PinnedPane | null = null, wish: Partial<PaneWish> = {}) =>
  createHands(server(session)).find(kept, { session: "sento", profile: null, ...wish })

describe("at first", () => {
  test.each([
    ["the active pane, where its program is known", { 1: claude, 2: claude }, 1, {}, 1],
    [
      "the active pane, where its program is the owner's choice",
      { 1: claude, 2: codex },
      1,
      { profile: "claude" },
      1,
    ],
    ["the one in which alone a known program runs", { 1: cat, 2: claude, 3: cat }, 1, {}, 2],
    ["the one in which alone the owner's choice runs", { 1: codex, 2: claude }, 1, { profile: "claude" }, 2],
    ["the active one, where several are known", { 1: cat, 2: claude, 3: claude }, 1, {}, 1],
    ["the active one, where none is known", { 1: cat, 2: cat }, 1, {}, 1],
    ["another than one that is taken", { 1: claude, 2: claude }, 1, { taken: [1] }, 2],
    ["the one of two that is free", { 1: cat, 2: claude, 3: claude }, 1, { taken: [2] }, 3],
  ] as const)("it is %s", async (_, running, active, wish, want) => {
    programs = running
    const panes = [...Object.keys(running).map(Number), 99]
    expect((await find({ active, panes }, null, wish)).pane).toEqual(pane(want))
  })

  test("it is the active one where tmux does not say which others there are", async () => {
    programs = { 1: cat, 2: claude }
    using _ = spyOn(Bun, "sleep").mockResolvedValue(undefined)
    const { run } = server({ active: 1 })
    const silent: TmuxServer = {
      socket: null,
      run: (words, input) =>
        words[0] === "list-panes"
          ? new Promise(() => {})
          : (run?.(words, input) ?? Promise.reject(new Error("none"))),
    }
    const found = await createHands(silent).find(null, { session: "sento", profile: null })
    expect(found.pane).toEqual(pane(1))
  })

  test("it is none where the session is not there, or its pane is another agent's", async () => {
    programs = { 1: cat, 2: claude }
    expect(await find({})).toEqual({
      pane: null,
      target: { kind: "none", state: "absent", reason: "there is no tmux session named sento" },
    })
    expect(await find({ active: 1, panes: [1] }, null, { taken: [1] })).toEqual({
      pane: null,
      target: { kind: "none", state: "other", reason: "its active pane in sento is another agent's" },
    })
  })
})

describe("later", () => {
  const anew = {
    kind: "none",
    state: "other",
    isAnew: true,
    reason: "the session sento is another one now; `sento guard attach` takes it as it is",
  } as const

  test("it is the one of before as long as that is the same", async () => {
    programs = { 1: claude, 2: claude }
    expect(await find({ active: 2, panes: [1, 2] }, pane(1))).toEqual({
      pane: pane(1),
      target: { kind: "pane", pane: pane(1), profile: "claude" },
    })
  })

  test.each([
    ["is gone", { ...pane(5) }, {}],
    ["was started at another time", { ...pane(1), startTicks: 7 }, {}],
    ["tmux does not know", pane(1), { status: 1 }],
    ["has another process", { ...pane(1), pane: "%4" }, {}],
  ] as const)("one that %s is no more", async (_, kept, more) => {
    programs = { 1: cat, 2: claude }
    const found = await find({ active: 2, panes: [1, 2], ...more }, kept)
    expect(found.target).not.toMatchObject({ pane: kept })
    if (!("status" in more)) expect(found.pane).toEqual(pane(2))
  })

  const gone = pane(5)
  test("the new one is taken by itself where the agent program runs there, and nowhere else", async () => {
    programs = { 1: cat, 2: claude }
    const target = { kind: "pane", pane: pane(2), profile: "claude" } as const
    expect(await find({ active: 2, panes: [1, 2] }, gone)).toEqual({ pane: pane(2), target })
    expect(await find({ active: 1, panes: [1, 2] }, gone)).toEqual({ pane: gone, target: anew })
    expect(await find({ active: 2, panes: [2] }, gone, { profile: "codex" })).toEqual({
      pane: gone,
      target: anew,
    })
    expect((await find({ active: 2, panes: [2] }, gone, { taken: [2] })).target).toMatchObject({
      state: "other",
    })
    expect((await find({}, gone)).pane).toEqual(gone)
  })
})

describe("what is in the pane", () => {
  const named = "claude, which it names, is typed into only where it runs in the pane itself"
  test.each([
    ["an agent program", codex, null, { kind: "pane", pane: pane(1), profile: "codex" }],
    ["whatever the owner says", cat, "plain", { kind: "pane", pane: pane(1), profile: "plain" }],
    [
      "nothing any more",
      null,
      null,
      { kind: "none", state: "absent", reason: "the pane's program has ended" },
    ],
    [
      "a shell",
      called("bash"),
      null,
      { kind: "none", state: "shell", reason: "a shell (bash) runs in the pane" },
    ],
    [
      "a program of no profile",
      cat,
      null,
      {
        kind: "none",
        state: "other",
        reason:
          "cat runs in the pane, which no profile knows; `sento init --profile plain` lets it be typed into",
      },
    ],
    [
      "one that names an agent program",
      called("cat", "claude"),
      null,
      { kind: "none", state: "other", reason: `cat runs in the pane, which no profile knows; ${named}` },
    ],
  ] as const)("is %s", async (_, program, profile, target) => {
    programs = { 1: program }
    expect(await find({ active: 1, panes: [1] }, null, { profile })).toEqual({
      pane: pane(1),
      target: target as never,
    })
  })

  test("acts unasked as its options and its screen say", async () => {
    programs = { 1: claude }
    const seen = (program: owners.Program, screen = ""): snapshots.Look =>
      ({ kind: "seen", snapshot: { program, lines: parseScreen(screen) } }) as never
    const unasked = async (found: snapshots.Look, session: Session = { active: 1 }) => {
      using _ = spyOn(snapshots, "look").mockResolvedValue(found)
      return await createHands(server(session)).unasked("sento")
    }
    expect(await unasked(seen(called("codex", "--yolo")))).toBe("--yolo")
    expect(await unasked(seen(claude, "  ⏵⏵ auto mode on"))).toBe("auto mode on")
    expect(await unasked(seen({ ...claude, arguments: ["--dangerously-skip-permissions"] }))).toBeNull()
    expect(await unasked(seen(cat, "  ⏵⏵ auto mode on"))).toBeNull()
    expect(await unasked({ kind: "absent", reason: "it was closed" })).toBeNull()
    expect(await unasked(seen(called("codex", "--yolo")), {})).toBeNull()
  })
})
