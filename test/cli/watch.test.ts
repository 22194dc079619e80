/** `sento watch` in a real terminal: redrawn in place at every size, and given back whole however it ends. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { isAlive } from "../../src/tmux/process.ts"
import {
  built,
  createWorld,
  pairAgents,
  plainEnvironment,
  setUpAgent,
  until,
  type World,
} from "../support/world.ts"

let world: World
beforeAll(async () => {
  world = createWorld()
  for (const name of ["mira", "kai"]) await setUpAgent(world, name)
  await pairAgents(world, "mira", "kai")
  await world.session("owner", ["sh"], "mira", [80, 24])
}, 120_000)
afterAll(() => world?.close())

const command = `${built.join(" ")} watch`

/** Whether the other screen is on, the cursor is shown, and lines run on. */
const modes = async (): Promise<string> =>
  (
    await world.tmux("display-message", "-p", "-t", "=owner:", "#{alternate_on} #{cursor_flag} #{wrap_flag}")
  ).stdout.trim()

async function watch(): Promise<void> {
  await world.type("owner", `clear; ${command}; echo "exit $?"; stty -a | grep -o ' icanon\\| echo '`)
  await world.shows("owner", "sento watch · 1 agent")
  expect(await modes()).toBe("1 0 0")
}

async function isGivenBack(exit: number): Promise<void> {
  const shown = await world.shows("owner", new RegExp(`exit ${exit}\\s+icanon\\s+echo`))
  expect(shown).not.toContain("sento watch ·")
  expect(await modes()).toBe("0 1 1")
}

const pidOfWatch = async (): Promise<number> => {
  const shell = (await world.tmux("list-panes", "-t", "=owner:", "-F", "#{pane_pid}")).stdout.trim()
  const children = await Bun.file(`/proc/${shell}/task/${shell}/children`).text()
  return Number(children.trim().split(" ").at(-1))
}

test("what is said and what waits appears by itself, also where the screen is made smaller and larger", async () => {
  await watch()
  await world.ask("kai", "agent", { op: "send", to: "mira", text: "漢字 and 🎉, to be seen" })
  await world.shows("owner", /kai {2}directly .* ← 漢字 and 🎉, to be seen/)
  await until("it to be typed", async () => (await world.log("mira")).every(one => one.state === "delivered"))
  await world.ask("mira", "owner", { op: "pause", name: "kai", milliseconds: null })
  await world.ask("kai", "agent", { op: "send", to: "mira", text: "held" })
  await world.shows("owner", "! 1 message from kai")
  for (const [columns, rows] of [
    [50, 10],
    [100, 20],
  ] as const) {
    await world.tmux("resize-window", "-t", "=owner:", "-x", String(columns), "-y", String(rows))
    const lines = await until("a screen of that size", async () => {
      const shown = (await world.screen("owner")).split("\n")
      return shown[0]?.startsWith("sento watch") && shown.some(line => line.includes("held")) ? shown : null
    })
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns)
    expect(lines.filter(line => line.startsWith("sento watch"))).toHaveLength(1)
  }
  await world.tmux("send-keys", "-t", "=owner:", "q")
  await isGivenBack(0)
}, 120_000)

test("Ctrl-C is how it ends, too", async () => {
  await watch()
  await world.tmux("send-keys", "-t", "=owner:", "C-c")
  await isGivenBack(0)
}, 120_000)

test.each([
  ["SIGTERM", 143],
  ["SIGHUP", 129],
  ["SIGQUIT", 131],
  ["SIGUSR1", 138],
  ["SIGALRM", 142],
] as const)(
  "%s gives the terminal back first",
  async (signal, exit) => {
    await watch()
    process.kill(await pidOfWatch(), signal)
    await isGivenBack(exit)
  },
  120_000,
)

test("stopped, it gives the terminal back, and takes it again when it goes on", async () => {
  await watch()
  const pid = await pidOfWatch()
  for (const again of [1, 2]) {
    process.kill(pid, "SIGTSTP")
    await until("the terminal back", async () => (await modes()) === "0 1 1")
    await world.type("owner", `clear; stty -a | grep -o ' icanon\\| echo '; echo stopped ${again}`)
    await world.shows("owner", new RegExp(`icanon\\s+echo\\s+stopped ${again}`))
    await world.type("owner", "fg")
    await world.shows("owner", "sento watch · 1 agent")
    await until("the other screen", async () => (await modes()) === "1 0 0")
  }
  await world.tmux("send-keys", "-t", "=owner:", "q")
  await until("the terminal back", async () => (await modes()) === "0 1 1" && !isAlive(pid))
  await world.type("owner", "clear; stty -a | grep -o ' icanon\\| echo '; echo exit 0")
  await world.shows("owner", /icanon\s+echo\s+exit 0/)
}, 120_000)

/** What `watch` writes to a terminal where signals come as soon as it has written this. */
async function written(signals: number, apartMilliseconds: number): Promise<[exit: number, text: string]> {
  let text = ""
  let isSent = false
  const child = Bun.spawn([...built, "watch"], {
    env: { ...plainEnvironment, TERM: "xterm-256color", SENTO_HOME: world.home("mira") },
    terminal: {
      cols: 80,
      rows: 24,
      data(_, bytes) {
        text += bytes.toString()
        if (isSent || !text.includes("?1049h")) return
        isSent = true
        for (let i = 0; i < signals && isAlive(child.pid); i++) {
          process.kill(child.pid, "SIGTERM")
          Bun.sleepSync(apartMilliseconds)
        }
      },
    },
  })
  const exit = await child.exited
  await until("all of it", () => text.includes("?1049l"))
  return [exit, text]
}

test.each([
  ["right behind the first sequence", 1, 0],
  ["again and again", 30, 0.3],
] as const)(
  "a SIGTERM %s does not leave the terminal behind",
  async (_, signals, apart) => {
    const [exit, text] = await written(signals, apart)
    expect(exit).toBe(143)
    expect(text.endsWith("\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l")).toBe(true)
  },
  120_000,
)

test("in a dumb terminal it is told once, in plain lines", async () => {
  // Where the Guardian takes over two seconds to answer, it says so: once more.
  await until("what it tells", async () => {
    await world.type("owner", `clear; TERM=dumb ${command}; echo "exit $?"`)
    return (await world.shows("owner", "exit 0")).includes("mira  listens on 127.0.0.1:")
  })
  expect(await modes()).toBe("0 1 1")
}, 120_000)
