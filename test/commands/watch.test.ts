/** The screen of `sento watch`: what fits where, and that the terminal is given back. */
import { describe, expect, test } from "bun:test"
import type { Io } from "../../src/commands/io.ts"
import { noTerminal } from "../../src/commands/io.ts"
import { plain } from "../../src/commands/terminal.ts"
import { withScreen } from "../../src/commands/watch/full-screen.ts"
import { screenLines } from "../../src/commands/watch/lines.ts"
import type { AgentView, PeerView } from "../../src/commands/watch/view.ts"
import type { LogEntry } from "../../src/guardian/door/results.ts"

const now = Date.parse("2026-11-23T10:05:00.000Z")
const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString()

const said = (text: string, change: Partial<LogEntry> = {}): LogEntry => ({
  at: ago(3600),
  direction: "in",
  name: "kai",
  id: "1",
  shortId: "k7q2",
  inReplyTo: null,
  inReplyToShortId: null,
  text,
  state: "delivered",
  reason: null,
  peerState: null,
  peerReason: null,
  settledAt: null,
  ...change,
})

const peer = (name: string, change: Partial<PeerView> = {}): PeerView => ({
  name,
  way: "direct",
  away: null,
  lastContactAt: ago(125),
  last: said("hello"),
  ...change,
})

const mira: AgentView = {
  name: "mira",
  guardian: "listens on 127.0.0.1:9876",
  session: "session mira: ready",
  isUp: true,
  questions: [
    {
      words: "zoe at 192.0.2.7 wants to pair, verifier SYVCM-7GHYQ",
      command: "sento approve 46md",
      isAsked: true,
    },
  ],
  held: [
    {
      direction: "in",
      name: "kai",
      shortId: "k7q2",
      count: 2,
      since: ago(720),
      reason: "a dialog is open",
    },
  ],
  peers: [
    peer("kai", {
      last: said("こんにちは、元気ですか？ 👩‍👩‍👧‍👦 今日は会場の予約についてお話ししたいと思います。"),
    }),
    peer("lia", { way: "fetched", lastContactAt: null, last: null }),
    peer("noa", { away: "nothing has come for 10 minutes", last: said("\u001b[2J\u001b[31mred\nand more") }),
  ],
}

const lines = (columns: number, rows: number, views: readonly AgentView[] = [mira]): string[] =>
  screenLines(views, { columns, rows }, now, plain)

const hour = `${String(new Date(now - 3_600_000).getHours()).padStart(2, "0")}:05`

test("at 80 columns: what is to be answered first, then what waits and why, then the peers", () => {
  expect(lines(80, 24).slice(2)).toEqual([
    "mira  listens on 127.0.0.1:9876 · session mira: ready",
    "  ? zoe at 192.0.2.7 wants to pair, verifier SYVCM-7GHYQ: `sento approve 46md`",
    "  ! 2 messages from kai [k7q2] wait to be typed, for 12 min: a dialog is open",
    `  kai  directly       2 min  ${hour} ← こんにちは、元気ですか？ 👩‍👩‍👧‍👦 今日は…`,
    "  lia  peer fetches   never",
    `  noa  away           2 min  ${hour} ← [2J[31mred and more`,
  ])
})

describe("at every size", () => {
  test.each([
    [30, 8],
    [60, 24],
    [80, 24],
    [120, 40],
  ])("%p × %p no line is wider, no more are there, and no peer's sign is among them", (columns, rows) => {
    const many = {
      ...mira,
      peers: Array.from({ length: 200 }, (_, i) => peer(`peer${i}`, mira.peers[i % 3])),
    }
    for (const views of [[mira], [many], [many, mira, many]]) {
      const shown = lines(columns, rows, views)
      expect(shown.length).toBeLessThanOrEqual(rows)
      for (const line of shown) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns)
      expect(shown.filter(line => /[\u001b\u202e]/.test(line))).toEqual([])
    }
  })

  test("of more peers than fit the rest is counted, and every agent has its share", () => {
    const many = (name: string, count: number): AgentView => ({
      ...mira,
      name,
      questions: [],
      held: [],
      peers: Array.from({ length: count }, (_, i) => peer(`p${i}`)),
    })
    const shown = lines(80, 24, [many("mira", 50), many("kai", 2)])
    expect(shown).toHaveLength(24)
    expect(shown.filter(line => line.startsWith("  p"))).toHaveLength(16 + 2)
    expect(shown.find(line => line.includes("more"))).toBe("  … 34 more lines: `sento agents`")
  })
})

test("piped, all of it is there", () => {
  const shown = screenLines([mira], noTerminal, now, plain)
  expect(shown.join("\n")).toContain("今日は会場の予約について")
  expect(shown.every(line => !line.includes("more lines"))).toBe(true)
})

/** A terminal of 80×24 that takes down what is written to it. */
function terminal() {
  const written: string[] = []
  const io = {
    out: (text: string) => void written.push(text),
    err: () => {},
    isTerminal: { stdin: false, stdout: true, stderr: true },
    sizeOf: () => ({ columns: 80, rows: 24 }),
    environment: { TERM: "xterm" },
  } as unknown as Io
  return { io, written }
}

describe("the terminal is given back whole", () => {
  const given = "\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l"

  test("when what is shown throws", async () => {
    const { io, written } = terminal()
    const showing = withScreen(io, async () => {
      throw new Error("a bug")
    })
    expect(showing).rejects.toThrow("a bug")
    await showing.catch(() => {})
    expect(written.at(-1)).toBe(given)
  })

  test("when it takes no more, and what is thrown is that", async () => {
    const { io, written } = terminal()
    const gone = new Error("the terminal is gone")
    const out = (text: string): void => {
      if (written.length > 0) throw gone
      written.push(text)
    }
    const showing = withScreen({ ...io, out }, async screen => {
      screen.draw(["one"])
      return 1000
    })
    await expect(showing).rejects.toBe(gone)
  })
})
