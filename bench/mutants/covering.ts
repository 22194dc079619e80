/** Which tests run with a source file loaded: the quick ones of its room, nearest first. */
import { posix } from "node:path"

type Graph = ReadonlyMap<string, readonly string[]>

/** By file, from the root of the repository: what it loads, types left out. */
export async function readImports(root: string): Promise<Graph> {
  const files = [...new Bun.Glob("{src,test}/**/*.ts").scanSync(root)].sort()
  const transpiler = new Bun.Transpiler({ loader: "ts" })
  const read = async (file: string) => {
    const text = await Bun.file(`${root}/${file}`).text()
    const scanned = transpiler.scanImports(text)
    const inTree = scanned.map(({ path }) => path).filter(path => path.startsWith("."))
    // What a test names in a script it runs is loaded there.
    const named = file.startsWith("test/") ? (text.match(/\bsrc\/[\w/-]+\.ts\b/g) ?? []) : []
    return [file, [...inTree.map(path => posix.join(posix.dirname(file), path)), ...named]] as const
  }
  return new Map(await Promise.all(files.map(read)))
}

/** Imports on the way to each file that is loaded with this one. */
function distancesFrom(graph: Graph, file: string): ReadonlyMap<string, number> {
  const distances = new Map([[file, 0]])
  for (const [one, distance] of distances)
    for (const next of graph.get(one) ?? []) if (!distances.has(next)) distances.set(next, distance + 1)
  return distances
}

/** Layers whose tests take moments, all of them. */
const inOneGo: ReadonlySet<string> = new Set(["protocol", "store"])

/** The layer of a file of `src/`, whose tests have a folder of that name. */
const layerOf = (file: string): string => file.split("/")[1] ?? ""

/**
 * Tests that start terminals, processes or networks, or wait for the clock, so that a change that lives would cost half a
 * minute. What they hold is tried by hand (hand.json).
 */
export const slow: ReadonlySet<string> = new Set(
  [
    "guardian/bad-days chaos faults leftovers locked scripts two-hours",
    "guardian/inbound/jammed loops",
    "guardian/outbound/carried-faults fetched-again waiting",
    "guardian/owner/chat-pairing consent",
    "guardian/pairing/across-the-room pairing",
    "guardian/terminal/hardened",
    "tmux/beside-person hostile resume sizes typing-codex typing-gemini typing-opencode",
  ].flatMap(line => {
    const [, folder = "", names = ""] = /^(.*\/)(.*)$/.exec(line) ?? []
    return names.split(" ").map(name => `test/${folder}${name}.test.ts`)
  }),
)

/** Files of which no test has the name or the import, and where they are tested all the same. */
export const elsewhere: ReadonlyMap<string, readonly string[]> = new Map(
  [
    ...["claude", "codex", "gemini", "opencode"].map(name => [
      `tmux/programs/${name}`,
      `tmux/agent-programs tmux/programs tmux/box tmux/screens tmux/unasked tmux/keyboard-owner tmux/typing-${name}`,
    ]),
    ["tmux/programs/plain", "tmux/box tmux/programs tmux/keyboard-owner-plain tmux/plain"],
    ["tmux/own-hands", "tmux/hands-table tmux/panes tmux/own-hands guardian/terminal/hands"],
    [
      "tmux/typing",
      "tmux/typing-steps tmux/typing-claude tmux/lost-panes tmux/plain tmux/resume tmux/beside-person",
    ],
    [
      "tmux/keyboard-owner",
      "tmux/keyboard-owner-table tmux/keyboard-owner-names tmux/keyboard-owner tmux/keyboard-owner-plain",
    ],
    ["tmux/process", "tmux/process-files tmux/process tmux/keyboard-owner"],
    ["tmux/pane", "tmux/panes tmux/own-hands tmux/lost-panes"],
    ["tmux/terminal", "tmux/panes tmux/typing-steps tmux/plain"],
    ["tmux/popup", "tmux/panes tmux/own-hands tmux/precondition tmux/own-server guardian/owner/popup"],
    ["tmux/snapshot", "tmux/panes tmux/precondition tmux/screens tmux/typing-claude"],
    ["tmux/precondition", "tmux/precondition-format tmux/precondition tmux/typing-claude"],
    ["http/crowd", "http/crowd http/held attacks/door"],
    ["guardian/sleep", "guardian/waking"],
    ["guardian/door/guests", "guardian/door/guests guardian/door/server attacks/shared-door"],
    [
      "guardian/door/server",
      "guardian/door/answers guardian/door/server guardian/terminal/hands attacks/shared-door attacks/door",
    ],
    [
      "guardian/inbound/receiver",
      "guardian/inbound/receiver guardian/inbound/admission guardian/counted attacks/forgery attacks/replay",
    ],
    ["guardian/inbound/holds", "guardian/inbound/holds guardian/inbound/typist"],
    [
      "guardian/outbound/carrying",
      "guardian/outbound/carried-limits guardian/outbound/dialled-again guardian/outbound/carried",
    ],
    [
      "guardian/outbound/sender",
      "guardian/outbound/sender-attempts guardian/outbound/sender guardian/outbound/carried attacks/middle",
    ],
    ["guardian/outbound/outbox-worker", "guardian/outbound/outbox-worker guardian/outbound/withdrawing"],
    ["guardian/outbound/moving", "guardian/outbound/moving-alone guardian/outbound/moving"],
    [
      "guardian/pairing/joining",
      "guardian/pairing/finding guardian/pairing/joining guardian/pairing/asked-joins",
    ],
    [
      "guardian/pairing/handshake",
      "guardian/pairing/handshake guardian/pairing/joining guardian/pairing/asked-joins attacks/pairing",
    ],
    [
      "guardian/outbound/collecting",
      "guardian/outbound/collecting-many guardian/outbound/collecting guardian/outbound/carried",
    ],
    [
      "guardian/guardian",
      "guardian/guardian guardian/sweep guardian/log guardian/door/doors guardian/books/losses guardian/inbound/receiver guardian/outbound/slept guardian/outbound/silence guardian/outbound/moving guardian/outbound/carried guardian/pairing/ends guardian/owner/popup",
    ],
  ].map(([file = "", tests = ""]) => [
    `src/${file}.ts`,
    tests.split(" ").map(test => `test/${test}.test.ts`),
  ]),
)

/**
 * The quick ones of its room, as `test/guardian/outbound` for `src/guardian/outbound`; outside of protocol/ and store/,
 * where one of the layer's imports the file itself, none but such and those of its name (`typing-claude` for `typing`):
 * all others would have a whole Guardian, or a listener with its deadlines, run for each change that lives.
 */
export function testsOf(graph: Graph, file: string): readonly string[] {
  const named = elsewhere.get(file)
  if (named !== undefined) return named
  const room = posix.dirname(file).replace(/^src/, "test")
  const quick = [...graph.keys()].filter(test => test.endsWith(".test.ts") && !slow.has(test))
  const loaded = quick
    .map(test => ({ test, distance: distancesFrom(graph, test).get(file) ?? Number.POSITIVE_INFINITY }))
    .filter(({ distance }) => distance < Number.POSITIVE_INFINITY)
    .sort((a, b) => a.distance - b.distance || (a.test < b.test ? -1 : 1))
  const ofLayer = loaded.filter(({ test }) => test.startsWith(`test/${layerOf(file)}/`))
  const ofRoom = ofLayer.filter(({ test }) => test.startsWith(`${room}/`))
  const own = `${room}/${posix.basename(file, ".ts")}`
  const isNamed = (test: string): boolean => test === `${own}.test.ts` || test.startsWith(`${own}-`)
  const isNear = ({ test, distance }: { test: string; distance: number }): boolean =>
    distance === 1 || isNamed(test)
  const direct = !inOneGo.has(layerOf(file)) && ofLayer.some(isNear) ? ofLayer.filter(isNear) : []
  const [those = []] = [direct, ofRoom, ofLayer].filter(some => some.length > 0)
  return those.map(({ test }) => test)
}
