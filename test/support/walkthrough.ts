/**
 * The walk-through of the README, played: one user, one machine, two agents, from nothing to the first answer, in real
 * panes of 80×24 in a network namespace of its own, so that the ports are those that a user gets.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { environmentOf } from "../../src/tmux/process.ts"
import { doubleCommand } from "./pane.ts"
import { built, finished, guardiansOf, signalTo, until } from "./world.ts"

export type Walk = {
  /** Every command line that the person typed. */
  readonly commands: readonly string[]
  /** What the README shows of it, block by block: codes, ids, times and the home directory are always the same there. */
  readonly blocks: readonly string[]
}

/** As a user's is called, for lines are wrapped where they are too long. */
const homeThere = "/home/you"

const question = "What tasks were mentioned this week?"
const answer = "Two: book the venue, and send the draft to Blair."

/** Plays it, and leaves nothing. */
export async function playWalkthrough(): Promise<Walk> {
  const folder = mkdtempSync(join(tmpdir(), "sento-walk-"))
  const home = join(folder, "you")
  const stage = openStage(folder, home)
  try {
    return await walk(stage, folder, home)
  } finally {
    for (const one of [homeThere, `${homeThere}/.sento/agents/kai`])
      for (const pid of guardiansOf(one).filter(pid => isOf(pid, folder))) signalTo(pid, "SIGKILL")
    await stage.tmux("kill-server")
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Somebody of this machine may have that home. */
const isOf = (pid: number, folder: string): boolean =>
  environmentOf(pid).includes(`TMUX_TMPDIR=${join(folder, "tmux")}`)

type Stage = ReturnType<typeof openStage>

async function walk(
  { env, tmux, screen, shows, type, press }: Stage,
  folder: string,
  home: string,
): Promise<Walk> {
  const commands = ["tmux new -s mira claude", "tmux new -s kai codex"]
  const run = (window: string, line: string): Promise<void> => {
    commands.push(line)
    return type(window, line)
  }
  const open = (session: string, command: string) =>
    tmux("new-session", "-d", "-s", session, "-x", "80", "-y", "24", command)
  for (const [session, program] of [
    ["mira", "claude"],
    ["kai", "codex"],
  ] as const) {
    await open(session, doubleCommand(join(folder, program), program).command)
    await until(program, async () => (await screen(session)).length > 0)
  }
  for (const window of ["owner", "second"]) {
    await open(window, "PS1='$ ' sh")
    // What is typed before stands above the prompt too.
    await shows(window, /^\$$/)
  }

  await run("owner", "sento init")
  if (/● kai/.test(await shows("owner", /○ (?:kai|mira)/))) await press("owner", "Down")
  await shows("owner", /● mira +claude/)
  await press("owner", "Enter")
  for (const step of [
    "What is this agent called?",
    "Tell claude of Sentō now",
    "codex runs in the tmux session kai",
    /another agent\?[\s\S]*What is this agent called\?/,
    "Tell codex of Sentō now",
  ]) {
    await shows("owner", step)
    await press("owner", "Enter")
  }
  const initiated = await shows("owner", /optional: [^$]*\$$/)

  await type("owner", "clear")
  await until("an empty screen", async () => (await screen("owner")) === "$")
  await run("owner", "sento pair")
  await shows("owner", "Which agent is this for?")
  await press("owner", "Enter")
  await shows("owner", "Where is the other agent?")
  await press("owner", "Enter")
  const code = /SENTO-[0-9A-HJKMNP-TV-Z]{4}$/m.exec(await shows("owner", /^SENTO-.{4}$/m))?.[0]
  await run("second", `sento pair ${code}`)
  await shows("second", "Which agent is this for?")
  await press("second", "Down")
  await shows("second", "● kai")
  await press("second", "Enter")
  await shows("owner", "Approve? (yes/no)")
  await type("owner", "yes")
  const paired = await shows("owner", /Paired with kai[^$]*\$$/)
  const joined = await shows("second", /Paired with mira[^$]*\$$/)

  await type("owner", "clear")
  await until("an empty screen", async () => (await screen("owner")) === "$")
  await run("owner", `sento send kai "${question}" --agent mira`)
  const sent = await shows("owner", /hint: [^$]*\$$/)
  const arrived = await shows("kai", /← agent mira \[[0-9a-z]{4}\]: What tasks/)
  const id = /← agent mira \[([0-9a-z]{4})\]: What tasks/.exec(arrived)?.[1]
  const line = `sento reply ${id} - <<'EOF'\n${answer}\nEOF`
  const ran = await finished(
    Bun.spawn(["sh", "-c", line], {
      env: { ...env, HOME: home, SENTO_AGENT: "kai" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    }),
  )
  const answered = await shows("mira", /← agent kai \[[0-9a-z]{4}\]: Two: book the venue/)
  const told = (text: string): string => /(?:^|[^\n]*?)(← agent [^\n]*)/.exec(text)?.[1]?.trimEnd() ?? text
  const replied = `$ ${line}\n${ran.stderr}${ran.stdout}`
  return {
    commands,
    blocks: [initiated, paired, joined, sent, told(arrived), replied, told(answered)].map(text =>
      fixed(text.replace(/\n\$$/, "").trimEnd()),
    ),
  }
}

/** What is never the same twice, always the same. */
const fixed = (text: string): string =>
  text
    .replace(/SENTO-[0-9A-HJKMNP-TV-Z]{4}\b/g, "SENTO-J3YK")
    .replace(/\b[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\b/g, "SYVCM-7GHYQ")
    .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, "2026-12-01 10:00 UTC")
    .replace(/(← agent mira \[|sento reply )[0-9a-z]{4}/g, "$1k7q2")
    .replace(/(← agent kai \[)[0-9a-z]{4}/g, "$1vrva")
    .split("\n")
    .map(line => line.trimEnd())
    .join("\n")

function openStage(folder: string, home: string) {
  const bin = join(folder, "bin")
  for (const one of [home, bin, join(folder, "tmux")]) mkdirSync(one)
  writeFileSync(join(bin, "sento"), `#!/bin/sh\nexec ${built.join(" ")} "$@"\n`)
  chmodSync(join(bin, "sento"), 0o755)
  const env = {
    HOME: homeThere,
    TMUX_TMPDIR: join(folder, "tmux"),
    PATH: `${bin}:${process.env.PATH}`,
    LANG: "C.UTF-8",
    TERM: "xterm-256color",
  }
  /** The first one starts the server, and all that runs in it is in its namespace, which has a network of its own. */
  const network = [
    "link set lo up",
    "link add lan type veth peer name far",
    "addr add 192.168.1.7/24 dev lan",
    "link set lan up",
    "link set far up",
  ]
  const inside = [
    ...network.map(line => `ip ${line}`),
    "mount -t tmpfs tmpfs /home",
    `mkdir ${homeThere}`,
    `mount --bind ${home} ${homeThere}`,
    'exec "$@"',
  ].join("; ")
  let isStarted = false
  function tmux(...words: string[]) {
    const before = isStarted ? [] : ["unshare", "-n", "-m", "sh", "-c", inside, "sh"]
    isStarted = true
    const command = [...before, "tmux", "-f", "/dev/null", ...words]
    return finished(Bun.spawn(command, { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" }))
  }
  const screen = async (window: string): Promise<string> =>
    (await tmux("capture-pane", "-p", "-J", "-S", "-", "-t", `=${window}:`)).stdout.replace(/[ \n]+$/, "")

  async function shows(window: string, what: string | RegExp): Promise<string> {
    let last = ""
    const look = async (): Promise<string | null> => {
      last = await screen(window)
      return (typeof what === "string" ? last.includes(what) : what.test(last)) ? last : null
    }
    try {
      return await until(`${window} shows ${what}`, look)
    } catch (error) {
      throw new Error(`${(error as Error).message}; it shows:\n${last}`)
    }
  }
  const press = (window: string, key: string) => tmux("send-keys", "-t", `=${window}:`, key)
  async function type(window: string, line: string): Promise<void> {
    await tmux("send-keys", "-t", `=${window}:`, "-l", line)
    await press(window, "Enter")
  }
  return { env, tmux, screen, shows, type, press }
}
