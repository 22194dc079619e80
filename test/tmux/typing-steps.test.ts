/** What typing asks of tmux, and what it makes of each answer: a false tmux, and a clock of the test's own. Real ones: typing-*.test.ts. */
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  type Mock,
  spyOn,
  test,
} from "bun:test"
import * as keyboards from "../../src/tmux/keyboards.ts"
import { findOnScreen, lookAtPane, type TypingOptions, takeOut, typeIntoPane } from "../../src/tmux/typing.ts"
import { type Drawn, type FalsePane, falsePane, type Idle, startIdle } from "../support/false-pane.ts"

const programs = new Map<string, Idle>()

beforeAll(async () => {
  for (const name of ["claude", "codex", "gemini", "opencode", "sh"])
    programs.set(name, await startIdle(name))
})

afterAll(() => {
  for (const program of programs.values()) program[Symbol.dispose]()
})

let clock = 0
const waits: number[] = []
const spies: Mock<(...words: never[]) => unknown>[] = []

beforeEach(() => {
  clock = 1_800_000_000_000
  waits.length = 0
  spies.push(
    spyOn(Bun, "sleep").mockImplementation(async wait => {
      waits.push(Number(wait))
      clock += Number(wait)
    }),
    spyOn(performance, "now").mockImplementation(() => clock),
    spyOn(Date, "now").mockImplementation(() => clock),
  )
})

afterEach(() => {
  for (const spy of spies.splice(0)) spy.mockRestore()
})

const hold: TypingOptions = { resume: false, deliver: "hold", allowShell: false }
const again: TypingOptions = { ...hold, resume: true }
const text = "← agent mira [k7q2]: come at five"
const typed = `${text} `
const reasons = {
  gone: "the message was pasted, but is not in the box any more",
  moved: "the screen is changing",
  person: "a person is typing in the pane",
}

type Drawing = (words: string, busy?: boolean) => Partial<Drawn>
const rule = "─".repeat(60)
const claude: Drawing = (words, busy = false) => {
  const box = words.split("\n").map((row, index) => (index === 0 ? `❯\u00a0${row}` : `  ${row}`))
  return { rows: [rule, ...box, rule, busy ? "  esc to interrupt" : "  ?"], x: 2 + words.length, y: 1 }
}
const codex: Drawing = (words, busy = false) => ({
  rows: [busy ? "• Working (2s • esc to interrupt)" : "", `› ${words}`.trimEnd(), "", "  model"],
  ...{ x: 2 + words.length, y: 1 },
})
const gemini: Drawing = (words, busy = false) => ({
  rows: [` > ${words || "  Type your message or @path/to/file"}`, ""],
  ...{ x: 3 + words.length, y: 0, title: busy ? "✦ Working" : "" },
})
const opencode: Drawing = (words, busy = false) => ({
  rows: ["  ┃", `  ┃  ${words}`, "  ┃", "  ┃  Build", `  ╹${"▀".repeat(50)}`, busy ? "  ⬝⬝⬝" : "  tab"],
  ...{ x: 5 + words.length, y: 1 },
})
const logo = "   █▀▀█ █▀▀█"
const first: Drawing = words => {
  const { rows = [], x = 0 } = opencode(words)
  return { rows: [logo, ...rows], x, y: 2 }
}
const prompt: Drawing = words => ({
  rows: words === "" ? [""] : [`> ${words}`],
  x: words === "" ? 0 : 2 + words.length,
})

const dialog: Partial<Drawn> = { rows: ["Do you want to proceed?", " ❯ 1. Yes"], x: 1, y: 1 }

/** A pane whose program shows what is pasted; return, tab and Ctrl-U empty its box. */
function programmed(name: string, draw: Drawing, busy = false): FalsePane {
  const program = programs.get(name)
  if (program === undefined) throw new Error(`no program stands for ${name}`)
  const pane = falsePane(program)
  Object.assign(pane.drawn, draw("", busy))
  pane.onPaste = words => {
    Object.assign(pane.drawn, draw(/^[\r\t\x15]$/.test(words) ? "" : words, busy))
    return undefined
  }
  return pane
}

const type = (
  pane: FalsePane,
  name: Parameters<typeof typeIntoPane>[2],
  more: Partial<TypingOptions> = {},
  words = text,
) => typeIntoPane(pane.server, pane.pinned, name, words, { ...hold, ...more })
const pastesOf = ({ calls }: FalsePane) =>
  calls.filter(([first]) => first === "load-buffer").map(words => words.join(" "))
const looksOf = ({ calls }: FalsePane) => calls.filter(words => words.includes("capture-pane"))

describe("a delivery", () => {
  test("looks twice, pastes, looks until it stands still, presses, and looks until the box is empty", async () => {
    const pane = programmed("claude", claude)
    const before: number[] = []
    const onPasted = () => void before.push(pane.pasted.length)
    expect(await type(pane, "claude", { onPasted })).toEqual({ kind: "submitted" })
    expect(pane.pasted).toEqual([typed, "\r"])
    expect(before).toEqual([0])
    expect(waits).toEqual([60, 100, 10, 10, 10, 10, 10])
    const [pasting = "", pressing = ""] = pastesOf(pane)
    expect([pasting, pressing].map(words => /paste-buffer ([-pr ]+) -d/.exec(words)?.[1])).toEqual([
      "-p -r",
      "-r",
    ])
    expect(pasting).toContain("#{pane_title}")
    expect(looksOf(pane).some(words => words.includes("-S"))).toBe(false)
  })

  test.each([
    ["claude", claude, "\r"],
    ["codex", codex, "\t"],
  ] as const)(
    "a busy %s queues where the owner wants it, whatever turns in its title",
    async (name, draw, key) => {
      const pane = programmed(name, draw, true)
      expect(await type(pane, name)).toMatchObject({ kind: "held", state: "busy", pasted: false })
      expect(await type(pane, name, { deliver: "queue" })).toEqual({ kind: "submitted" })
      expect(pane.pasted).toEqual([typed, key])
      for (const words of pastesOf(pane)) expect(words).not.toContain("#{pane_title}")
    },
  )

  test.each([
    ["codex", codex],
    ["gemini", gemini],
    ["opencode", opencode],
  ] as const)("an idle %s is pressed with the return", async (name, draw) => {
    const pane = programmed(name, draw)
    expect(await type(pane, name, { deliver: "queue" })).toEqual({ kind: "submitted" })
    expect(pane.pasted).toEqual([typed, "\r"])
  })

  test.each([
    ["gemini", gemini],
    ["opencode", opencode],
  ] as const)("a busy %s queues nothing safely, and is waited for", async (name, draw) => {
    const pane = programmed(name, draw, true)
    expect(await type(pane, name, { deliver: "queue" })).toMatchObject({ kind: "held", state: "busy" })
    expect(pane.pasted).toEqual([])
  })

  test.each([
    ["the cursor", { x: 3 }],
    ["the title", { title: "a title" }],
    ["the screen", { alternate: 1 }],
  ] as const)("nothing is pasted where %s changed between the looks", async (_, change) => {
    const pane = programmed("claude", claude)
    pane.onLook = count => void (count === 2 && Object.assign(pane.drawn, change))
    expect(await type(pane, "claude")).toEqual({
      kind: "held",
      state: "other",
      reason: reasons.moved,
      pasted: false,
    })
    expect(pastesOf(pane)).toEqual([])
  })

  test("what tmux refuses to paste was not pasted; a return that it refuses is pressed later", async () => {
    const pane = programmed("claude", claude)
    pane.onPaste = () => false
    expect(await type(pane, "claude")).toEqual({
      kind: "held",
      state: "other",
      reason: reasons.moved,
      pasted: false,
    })
    let refused = 0
    pane.onPaste = words => {
      if (words === "\r" && refused++ === 0) return false
      Object.assign(pane.drawn, claude(words === "\r" ? "" : words))
      return undefined
    }
    expect(await type(pane, "claude")).toEqual({ kind: "submitted" })
    expect([refused, pane.pasted]).toEqual([2, [typed, "\r"]])
  })

  test("a pane that is gone is absent, whatever was seen before", async () => {
    const pane = programmed("claude", claude)
    pane.drawn.error = "can't find pane: %7"
    const absent = { kind: "held", state: "absent", reason: "the pane was closed" } as const
    expect(await type(pane, "claude")).toEqual({ ...absent, pasted: false })
    pane.drawn.error = null
    pane.onPaste = () => {
      pane.drawn.error = "no server running on /tmp/x"
      return undefined
    }
    const later = await type(pane, "claude")
    expect(later).toEqual({
      ...absent,
      reason: "the tmux server is not running",
      pasted: true,
      unpressed: true,
      unseen: true,
    })
  })

  test("a text that OpenCode would draw over is not pasted into its first screen", async () => {
    const pane = programmed("opencode", first)
    const long = "x ".repeat(70)
    expect(await type(pane, "opencode", {}, long)).toMatchObject({
      kind: "held",
      state: "other",
      pasted: false,
    })
    expect(pane.pasted).toEqual([])
    Object.assign(pane.drawn, opencode(""))
    expect(await type(pane, "opencode", {}, long)).toEqual({ kind: "submitted" })
  })

  test("an end by the signal: nothing is pasted behind it, nothing pressed", async () => {
    const pane = programmed("claude", claude)
    await expect(type(pane, "claude", { signal: AbortSignal.abort(new Error("over")) })).rejects.toThrow(
      "over",
    )
    expect(pane.calls).toEqual([])
    const end = new AbortController()
    const onPasted = () => end.abort(new Error("over"))
    await expect(type(pane, "claude", { signal: end.signal, onPasted })).rejects.toThrow("over")
    expect(pane.pasted).toEqual([typed])
  })

  test("an end by the signal while persons' keys begin to be kept: nothing is pressed, and they are let go", async () => {
    const pane = programmed("opencode", first)
    const end = new AbortController()
    let isLetGo = false
    using _ = spyOn(keyboards, "keepKeys").mockImplementation(async () => {
      end.abort(new Error("over"))
      return {
        letGo: async () => {
          isLetGo = true
        },
      }
    })
    await expect(type(pane, "opencode", { signal: end.signal })).rejects.toThrow("over")
    expect([pane.pasted, isLetGo]).toEqual([[typed], true])
  })

  test("only where the owner allows it a shell is typed into", async () => {
    const pane = programmed("sh", prompt)
    expect(await type(pane, "plain")).toMatchObject({ kind: "held", state: "shell", pasted: false })
    expect(await type(pane, "plain", { allowShell: true })).toEqual({ kind: "submitted" })
    expect(pane.pasted).toEqual([text, "\r"])
  })

  test.each([
    ["4,000 bytes", "x".repeat(4000), false, null],
    ["4,001 bytes", "x".repeat(4001), false, 4001],
    ["4,002 bytes in 2,001 letters", "é".repeat(2001), false, 4002],
    ["4,001 bytes that stand there already", "x".repeat(4001), true, null],
  ] as const)("a line of %s, where the terminal collects lines", async (_, words, resume, bytes) => {
    const pane = programmed("sh", prompt)
    if (resume) Object.assign(pane.drawn, prompt(words))
    const reason = `the terminal keeps 4000 bytes of a line, and the message has ${bytes}`
    expect(await type(pane, "plain", { allowShell: true, resume }, words)).toEqual(
      bytes === null ? { kind: "submitted" } : { kind: "held", state: "other", reason, pasted: false },
    )
  })

  test("a long line is none to an agent program", async () => {
    const pane = programmed("codex", words => codex(words === "" ? "" : "[Pasted Content 4002 chars]"))
    expect(await type(pane, "codex", {}, "x".repeat(4001))).toEqual({ kind: "submitted" })
  })
})

describe("a person's keys", () => {
  /** Whether a key of that age keeps a key of ours away. */
  const isTypedInto = async (age: number): Promise<boolean> => {
    const pane = programmed("claude", claude)
    Object.assign(pane.drawn, claude(typed), { keyAt: clock / 1000 })
    clock += age
    const left = await takeOut(pane.server, pane.pinned, "claude", text, {
      pastedAt: null,
      signal: new AbortController().signal,
    })
    expect(left).toBe(pane.pasted.length === 0 ? "not now" : null)
    return pane.pasted.length === 0
  }

  test("of the last three seconds may not be drawn yet, and of the next ones, where the clock was set back", async () => {
    const ages = [0, 2999, 3000, -2999, -3000]
    const typing: boolean[] = []
    for (const age of ages) typing.push(await isTypedInto(age))
    expect(typing).toEqual([true, true, false, true, false])
  })

  test("keep a paste away", async () => {
    const pane = programmed("claude", claude)
    pane.drawn.keyAt = clock / 1000
    expect(await type(pane, "claude")).toEqual({
      kind: "held",
      state: "draft",
      reason: reasons.person,
      pasted: false,
    })
  })

  const scrolled = (): Partial<Drawn> => {
    const { rows = [], ...place } = claude("come at five")
    return { rows: [`─── ↑ 3 more ${rule}`, "  [k7q2]: come at five", ...rows.slice(2)], ...place }
  }
  test.each([
    ["came within the second of the paste", 0, 999, "joined"],
    ["came in the second before the paste", 0, 1000, "ours"],
    ["came behind the paste", 60, 0, "joined"],
    ["came before a paste of which nobody knows when it was", 0, null, "joined"],
    ["never came", null, null, "ours"],
  ] as const)("may have changed what is above a box that is cut: one %s", async (_, key, pastedAt, want) => {
    const pane = programmed("claude", claude)
    const start = clock
    Object.assign(pane.drawn, scrolled(), { keyAt: key === null ? null : start / 1000 + key })
    clock += 100_000
    const outcome = await type(pane, "claude", {
      resume: true,
      pastedAt: pastedAt === null ? null : start + pastedAt,
    })
    expect(outcome).toMatchObject(
      want === "ours"
        ? { kind: "submitted" }
        : { kind: "held", reason: "the box holds more than the message" },
    )
  })

  test("change nothing in a box that shows all of it, and nothing of a person's words in one that is cut", async () => {
    const pane = programmed("claude", claude)
    Object.assign(pane.drawn, claude(typed), { keyAt: clock / 1000 })
    clock += 100_000
    expect(await type(pane, "claude", again)).toEqual({ kind: "submitted" })
    Object.assign(pane.drawn, scrolled(), { rows: [`─── ↑ 3 more ${rule}`, "  lunch?", rule, "  ?"] })
    const outcome = await type(pane, "claude", again)
    expect(outcome).toMatchObject({ kind: "held", reason: "the box holds something else than the message" })
  })
})

describe("a text that was pasted before", () => {
  const resume = async (draw: (pane: FalsePane) => void, more: Partial<TypingOptions> = {}) => {
    const pane = programmed("claude", claude)
    draw(pane)
    const outcome = await type(pane, "claude", { resume: true, ...more })
    return { outcome, pasted: pane.pasted, looks: looksOf(pane) }
  }
  const draws = (drawn: Partial<Drawn>) => (pane: FalsePane) => void Object.assign(pane.drawn, drawn)
  const empty = draws(claude(""))
  const vanished = { kind: "vanished", reason: reasons.gone }
  const working = {
    kind: "held",
    state: "busy",
    reason: "the program is working",
    pasted: true,
    unpressed: true,
  }

  test("is looked for in 2,000 lines of scrollback, once, and pressed where it stands", async () => {
    const { outcome, pasted, looks } = await resume(draws(claude(typed)))
    expect([outcome, pasted]).toEqual([{ kind: "submitted" }, ["\r"]])
    expect(looks.map(words => words.includes("-S") && words[words.indexOf("-S") + 1])).toEqual([
      "-2000",
      ...looks.slice(1).map(() => false as const),
    ])
  })

  test.each([
    [
      "with its pane",
      draws({ error: "can't find pane" }),
      {},
      { kind: "vanished", reason: "the pane was closed" },
    ],
    [
      "into the conversation",
      draws({ ...claude(""), above: ["❯ ← agent mira [k7q2]: come", "  at five"] }),
      {},
      { kind: "submitted" },
    ],
    ["nobody knows where to", empty, {}, vanished],
    [
      "nobody knows where to, though no return was pressed: a person had a key",
      draws({ ...claude(""), keyAt: 1_800_000_000 }),
      { unpressed: true },
      vanished,
    ],
    ["while the program works, with no return", draws(claude("", true)), { unpressed: true }, working],
    [
      "with no return, and no key of a person's",
      empty,
      { unpressed: true },
      { kind: "held", state: "other", reason: reasons.gone, pasted: false, swallowed: true },
    ],
  ] as const)("is gone %s", async (_, draw, more, want) => {
    const { outcome, pasted } = await resume(draw, more)
    expect([outcome, pasted]).toEqual([want, []] as never)
  })

  test("is gone with no return, a person's keys before the paste being none", async () => {
    const key = draws({ ...claude(""), keyAt: 1_799_999_000 })
    const { outcome } = await resume(key, { unpressed: true, pastedAt: 1_799_999_500_000 })
    expect(outcome).toMatchObject({ kind: "held", pasted: false, swallowed: true })
  })

  test("is typed anew where something may have swallowed it, and not where it is submitted", async () => {
    const { outcome } = await resume(empty, { unseen: true })
    const reason = "the pane took no notice of the message"
    expect(outcome).toEqual({ kind: "held", state: "other", reason, pasted: false, swallowed: true })
    const said = draws({ ...claude(""), above: [text] })
    expect((await resume(said, { unseen: true })).outcome).toEqual({ kind: "submitted" })
  })

  test("waits where no box is to be seen, and where a dialog is", async () => {
    const other = { kind: "held", state: "other", pasted: true, unpressed: true }
    expect((await resume(draws({ rows: ["said"] }), { unseen: true })).outcome).toEqual({
      ...other,
      reason: "Claude Code shows no box to type into; it may be asking something",
    } as never)
    const asks = { ...other, state: "dialog", reason: "Claude Code waits for an answer" }
    expect((await resume(draws(dialog), { unseen: true })).outcome).toEqual({
      ...asks,
      unseen: true,
    } as never)
    expect((await resume(draws(dialog))).outcome).toEqual(asks as never)
  })

  test("waits while a shell has the pane", async () => {
    const pane = programmed("sh", prompt)
    const outcome = await type(pane, "plain", again)
    expect(outcome).toMatchObject({ kind: "held", state: "shell", pasted: true, unpressed: true })
  })

  test("goes out of the box where that shows it otherwise, if no return and no key came", async () => {
    const other = (pane: FalsePane): void => {
      Object.assign(pane.drawn, claude("something else"))
    }
    const since = { unpressed: true, pastedAt: 1_799_999_500_000 }
    const takenOut = await resume(other, since)
    expect(takenOut.outcome).toMatchObject({ kind: "stuck", left: null, unpressed: true })
    expect(takenOut.pasted).toEqual(["\x15"])
    for (const more of [
      { ...since, unpressed: false },
      { ...since, pastedAt: null },
    ]) {
      const { outcome, pasted } = await resume(other, more)
      expect([outcome.kind, pasted]).toEqual(["held", []])
    }
  })
})

describe("a text that is to go out of the box", () => {
  const signal = new AbortController().signal
  const out = (pane: FalsePane, name: Parameters<typeof takeOut>[2]) =>
    takeOut(pane.server, pane.pinned, name, text, { pastedAt: null, signal })

  test("goes with the program's own keys, and is then gone", async () => {
    const pane = programmed("gemini", gemini)
    Object.assign(pane.drawn, gemini(typed))
    let taken = 0
    pane.onPaste = () => {
      if (++taken === 2) Object.assign(pane.drawn, gemini(""))
      return undefined
    }
    expect(await out(pane, "gemini")).toBeNull()
    expect(pane.pasted).toEqual(["\x15", "\x7f"])
    for (const words of pastesOf(pane)) expect(words).toContain("paste-buffer -r -d")
  })

  test("goes on with the same key where that changed the words, though the cursor stands where it stood", async () => {
    const pane = programmed("gemini", gemini)
    const at = { x: 9, y: 0 }
    Object.assign(pane.drawn, gemini(typed), at)
    pane.onPaste = () => {
      Object.assign(pane.drawn, gemini(pane.pasted.length === 0 ? "← agent" : ""), at)
      return undefined
    }
    expect(await out(pane, "gemini")).toBeNull()
    expect(pane.pasted).toEqual(["\x15", "\x15"])
    expect(waits).toEqual([])
  })

  test("is gone where the box is empty, and has little room", async () => {
    const pane = programmed("opencode", first)
    const long = "x ".repeat(70)
    expect(await takeOut(pane.server, pane.pinned, "opencode", long, { pastedAt: null, signal })).toBeNull()
    expect(waits).toEqual([])
  })

  test("stays in a shell, with other words, and behind a dialog", async () => {
    const shell = programmed("sh", prompt)
    expect(await out(shell, "plain")).toBe("not now")
    const pane = programmed("claude", claude)
    Object.assign(pane.drawn, claude(`${typed}and lunch?`))
    expect(await out(pane, "claude")).toBe("with other words")
    Object.assign(pane.drawn, dialog)
    expect(await out(pane, "claude")).toBe("not now")
    expect([shell.pasted, pane.pasted]).toEqual([[], []])
  })
})

describe("a look", () => {
  test("tells the state, why, and the program", async () => {
    const pane = programmed("claude", claude)
    const look = () => lookAtPane(pane.server, pane.pinned, "claude", false)
    expect(await look()).toEqual({ state: "ready", reason: "", program: "sleep" })
    pane.drawn.error = "can't find pane"
    expect(await look()).toEqual({ state: "absent", reason: "the pane was closed", program: null })
    expect(looksOf(pane).length).toBe(2)
  })

  const sighting = async (drawn: Partial<Drawn>, name: "claude" | "plain" = "claude") => {
    const pane = programmed(name === "claude" ? name : "sh", claude)
    Object.assign(pane.drawn, drawn)
    return findOnScreen(pane.server, pane.pinned, name, "k7q2")
  }
  const said = [`❯ ${text}`, ""]
  test.each([
    ["in the box", claude(text), "in-box"],
    ["in the box, and in the conversation", { ...claude(text), above: said }, "in-box"],
    ["in the box as a label", claude("[Pasted text #1 +9 lines]"), "in-box"],
    ["beside a label", claude("[Pasted text #1 +9 lines] x"), "not-seen"],
    ["in the conversation", { ...claude(""), above: said }, "submitted"],
    ["in the conversation, with other words in the box", { ...claude("lunch?"), above: said }, "submitted"],
    ["in the conversation, without a box", { rows: said }, "submitted"],
    ["nowhere", claude(""), "not-seen"],
    ["as another's", claude("← agent mira [k7q3]: come at five"), "not-seen"],
    ["in a pane that is gone", { ...claude(text), error: "can't find pane" }, "not-seen"],
  ] as const)("finds a message %s: %s", async (_, drawn, want) => expect(await sighting(drawn)).toBe(want))

  test("takes what a line-reading program shows for said", async () => {
    expect(await sighting(prompt(text), "plain")).toBe("submitted")
  })

  test("reads the box where the screen begins, below the scrollback", async () => {
    const { rows = [] } = claude(text)
    expect(await sighting({ ...claude(text), above: ["old", rule, "❯ x", rule], height: rows.length })).toBe(
      "in-box",
    )
  })
})

describe("keys that are kept back", () => {
  const done: string[] = []
  const keepers = (pane: FalsePane) => {
    done.length = 0
    // However long the machine takes for a shell's word.
    spies.push(spyOn(globalThis, "setTimeout").mockImplementation((() => 0) as never))
    const { onPaste } = pane
    pane.onPaste = words => {
      done.push(words === "\r" ? "press" : "paste")
      return onPaste(words)
    }
    return spyOn(Bun, "spawn").mockImplementation(((command: string[]) => {
      const terminals = command.slice(4)
      done.push(`${command[2]?.startsWith("trap") ? "keep" : "give"} ${terminals.join(" ")}`)
      const { promise: exited, resolve } = Promise.withResolvers<number>()
      const end = () => {
        done.push("let go")
        resolve(0)
      }
      const isKeeper = command[2]?.startsWith("trap")
      if (!isKeeper) resolve(0)
      return { exited, exitCode: 0, stdin: { end }, stdout: new Blob(["kept\n"]).stream() }
    }) as never)
  }
  const terminal = "/dev/pts/4242"

  test("behind OpenCode's first return, until its box is empty and a moment longer", async () => {
    const pane = programmed("opencode", first)
    Object.assign(pane.drawn, { terminal, keyAt: 1_700_000_000 })
    using _ = keepers(pane)
    expect(await type(pane, "opencode", {}, "x")).toEqual({ kind: "submitted" })
    expect(done).toEqual(["paste", `keep ${terminal}`, "press", "let go"])
    expect(waits.at(-1)).toBe(250)
  })

  test("are let go at once where tmux refused the return, and kept anew", async () => {
    const pane = programmed("opencode", opencode)
    Object.assign(pane.drawn, { terminal, keyAt: 1_700_000_000 })
    const { onPaste } = pane
    let refused = 0
    pane.onPaste = words => (words === "\r" && refused++ === 0 ? false : onPaste(words))
    using _ = keepers(pane)
    expect(await type(pane, "opencode", {}, "x")).toEqual({ kind: "submitted" })
    const once = [`keep ${terminal}`, "press", "let go"]
    expect(done).toEqual(["paste", ...once, ...once])
    expect(waits.at(-1)).toBe(0)
    expect(waits.filter(wait => wait === 0)).toEqual([0])
  })

  test("are let go, with no moment more, where the text stays", async () => {
    const pane = programmed("opencode", first)
    Object.assign(pane.drawn, { terminal, keyAt: 1_700_000_000 })
    const { onPaste } = pane
    pane.onPaste = words => (words === "x " ? onPaste(words) : undefined)
    using _ = keepers(pane)
    expect(await type(pane, "opencode", {}, "x")).toMatchObject({ kind: "stuck" })
    expect(waits).not.toContain(250)
    expect(done.slice(0, 4)).toEqual(["paste", `keep ${terminal}`, "press", "let go"])
  })

  test("are none of the other programs'", async () => {
    const pane = programmed("claude", claude)
    Object.assign(pane.drawn, { terminal, keyAt: 1_700_000_000 })
    using _ = keepers(pane)
    expect(await type(pane, "claude")).toEqual({ kind: "submitted" })
    expect(await type(pane, "claude", { resume: true })).toMatchObject({ kind: "vanished" })
    expect(done).toEqual(["paste", "press"])
  })

  test("and left behind by a process before this one are given back once", async () => {
    const pane = programmed("opencode", opencode)
    const once = "/dev/pts/4243"
    Object.assign(pane.drawn, { ...opencode(""), terminal: once, keyAt: 1_700_000_000 })
    using _ = keepers(pane)
    await type(pane, "opencode", { resume: true })
    await type(pane, "opencode", { resume: true })
    expect(done).toEqual([`give ${once} 1`])
  })
})
