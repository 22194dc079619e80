/**
 * `bun bench/several.ts FROM [SENTO [SCENES]]`: five agents of one user in one home directory, with the programs themselves, each
 * with what `sento setup` writes: who answers, in each way in which a program can, and who must not. FROM has a directory
 * of npm's for each (claude, codex, gemini, opencode) and, where there is no network, opencode-plugin with
 * @opencode-ai/plugin. A temporary home, made-up keys, stubs of the models, a network namespace without a way out.
 */
import { requireConfig } from "../src/store/config.ts"
import { pathsOf } from "../src/store/paths.ts"
import { until } from "../test/support/world.ts"
import { isInNamespace, runInNamespace } from "./lab/namespace.ts"
import { trustCodexHooks } from "./lab/programs.ts"
import { type Actor, openStage, type Stage } from "./lab/several-stage.ts"

const usage = "usage: bun bench/several.ts FROM [SENTO [SCENES]]"
const ways = ["words", "tool", "tell", "shell"] as const
type Way = (typeof ways)[number]

let failures = 0
const startedAt = performance.now()
const say = (what: string): void =>
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${what}`)

/** Whom each question was for, by its token. */
const addressees = new Map<string, string>()
const newToken = (name: string): string => {
  const token = `t${addressees.size}x${name}`
  addressees.set(token, name)
  return token
}

async function main([from, sento = "dist/sento", only]: readonly string[]): Promise<number> {
  if (from === undefined) throw new Error(usage)
  if (!isInNamespace()) return runInNamespace()
  const stage = await openStage(from, sento)
  try {
    await setUp(stage)
    for (const [name, play] of Object.entries(scenes))
      if (only === undefined || only.split(",").includes(name)) await play(stage)
    strangers(stage)
  } catch (error) {
    failures++
    console.log(`${(error as Error).stack}`)
    for (const actor of stage.actors) console.log(`--- ${actor.name} shows\n${await stage.screen(actor)}`)
  } finally {
    await stage.close()
  }
  say(failures === 0 ? "all as it should be" : `${failures} faults`)
  return failures === 0 ? 0 : 1
}

/** Seven agents; `ana` asks, `leo` is told things, and in the pane of neither runs a program. */
async function setUp(stage: Stage): Promise<void> {
  const cast = [
    ["mira", "claude", { server: "default", session: "mira" }],
    ["kai", "codex", { server: "default", session: "kai" }],
    ["blair", "gemini", { server: "default", session: "blair" }],
    ["porter", "opencode", { server: "default", session: "porter" }],
    ["zoe", "claude", { server: "second", session: "mira" }],
  ] as const
  for (const [name, program, place] of cast) stage.enlist(name, program, place)
  for (const program of new Set(cast.map(([, program]) => program))) await stage.must("setup", program)
  trustCodexHooks(stage.home)
  stage.givePlugins()
  for (const name of ["ana", "leo", "max"]) {
    await stage.tmux("default", ["new-session", "-d", "-s", name, "cat"])
    await stage.must("init", "--name", name, "--session", name, "--profile", "plain", "--port", "0")
  }
  for (const actor of stage.actors) {
    await stage.start(actor)
    const { server, session } = actor.place
    const socket = server === "default" ? [] : ["--tmux-socket", stage.socketOf(server)]
    const words = ["--session", session, ...socket, "--profile", actor.program.name, "--port", "0"]
    await stage.must("init", "--name", actor.name, ...words)
  }
  await stage.must("guard", "--all")
  for (const actor of stage.actors) {
    await stage.pair("ana", actor.name)
    await stage.pair("leo", actor.name)
  }
  for (const actor of stage.actors) await stage.ready(actor)
  say(`set up: ${stage.actors.map(one => `${one.name} (${one.program.name})`).join(", ")}`)
}

/** Each agent is asked in each way, all of them at once. */
async function scene(
  stage: Stage,
  title: string,
  wanted: readonly Way[],
  actors = stage.actors,
): Promise<void> {
  for (const way of wanted) {
    const faults = await Promise.all(actors.map(actor => ask(stage, actor, way)))
    tell(`${title}: ${way}`, faults)
  }
}

function tell(title: string, faults: readonly (string | null)[]): void {
  const wrong = faults.filter(fault => fault !== null)
  failures += wrong.length
  say(
    `${title}: ${faults.length - wrong.length} of ${faults.length}${wrong.map(one => `\n  ${one}`).join("")}`,
  )
}

/** Null where the right one answered with its own words. */
async function ask(stage: Stage, actor: Actor, way: Way): Promise<string | null> {
  const token = newToken(actor.name)
  const asked = await stage.sento("send", actor.name, `${way} ${token}`, "--wait", "90", "--agent", "ana")
  const said = way === "tell" ? `done-${actor.name}` : `${way}-by-${actor.name}-${token}`
  const isAnswer = new RegExp(`^← agent ${actor.name} \\[\\w{4}\\]: ${said}\\s*$`).test(asked.stdout)
  if (!isAnswer)
    return `${actor.name}, ${way}: exit ${asked.exit}: ${asked.stdout}${asked.stderr}${await stage.screen(actor)}`
  if (way !== "tell") return null
  const heard = await stage.ask("leo", "agent", { op: "log", limit: 1000 })
  const told = heard.filter(one => one.text.includes(token)).map(one => `${one.name}: ${one.text}`)
  return told.join() === `${actor.name}: tell-by-${actor.name}-${token}` ? null : `leo heard ${told.join()}`
}

async function renamed(stage: Stage): Promise<void> {
  for (const { place } of stage.actors)
    await stage.tmux(place.server, ["rename-session", "-t", `=${place.session}`, `was-${place.session}`])
  // A stranger has the old name now.
  await stage.tmux("default", ["new-session", "-d", "-s", "mira", "cat"])
  await scene(stage, "sessions renamed", ways)
  await stage.tmux("default", ["kill-session", "-t", "=mira"])
  for (const { place } of stage.actors)
    await stage.tmux(place.server, ["rename-session", "-t", `=was-${place.session}`, place.session])
}

/** A person splits the window, and says something there as the agent whose session it is. */
async function split(stage: Stage): Promise<void> {
  const tokens = new Map<string, string>()
  for (const { name, place } of stage.actors) {
    const token = newToken(name)
    tokens.set(name, token)
    const line = `sento send leo 'tell-by-${name}-${token}'; exec cat`
    await stage.tmux(place.server, ["split-window", "-l", "5", "-t", `=${place.session}:`, "sh", "-c", line])
  }
  const heard = async (name: string): Promise<string> =>
    (await stage.ask("leo", "agent", { op: "log", limit: 1000 }))
      .filter(one => one.text.includes(tokens.get(name) ?? ""))
      .map(one => one.name)
      .join()
  const faults = stage.actors.map(async ({ name }) => {
    const from = await until(`a word of ${name}`, () => heard(name), 30_000).catch(String)
    return from === name ? null : `leo heard it from ${from}, not ${name}`
  })
  tell("in a split pane: sento send", await Promise.all(faults))
  await scene(stage, "beside a split pane", ["words", "shell"])
  for (const { place } of stage.actors)
    await stage.tmux(place.server, ["kill-pane", "-t", `=${place.session}:`])
}

/** max asks to be kai's peer; each program's shell tool says yes for kai. */
async function approvals(stage: Stage): Promise<void> {
  const { promise: code, resolve: foundCode } = Promise.withResolvers<string>()
  const { promise: request, resolve: foundRequest } = Promise.withResolvers<string>()
  const minting = stage.ask("kai", "owner", { op: "pair" }, event => {
    if (event.event === "code") foundCode(event.code)
    if (event.event === "request") foundRequest(event.id)
  })
  const symbols = (await code).replace("SENTO-", "")
  const port = (await stage.statusOf("kai"))?.port ?? 0
  const joining = stage.ask("max", "owner", { op: "join", symbols, host: "127.0.0.1", port })
  const id = await request
  const faults = stage.actors.map(async actor => {
    const asked = await stage.sento(
      "send",
      actor.name,
      `approve ${newToken(actor.name)} ${id}`,
      "--wait",
      "90",
      "--agent",
      "ana",
    )
    const refusal = /only the owner may do this: [^"\\]*/.exec(actor.requests.at(-1) ?? "")?.[0]
    if (refusal === undefined)
      return `${actor.name}: ${asked.stdout}${asked.stderr}${await stage.screen(actor)}`
    say(`  ${actor.name} (${actor.program.name}): ${refusal}`)
    return null
  })
  tell("an approval for kai by a shell tool: refused", await Promise.all(faults))
  const isPaired = "max" in requireConfig(pathsOf(stage.homeOf("kai"))).agents
  tell("kai is not paired by it", [isPaired ? "kai and max are paired" : null])
  await stage.ask("kai", "owner", { op: "deny", id })
  await Promise.allSettled([minting, joining])
}

/** Codex' background server, whose clients are in two places: nobody speaks. With `--no-daemon` its own pane does. */
async function sharedServer(stage: Stage): Promise<void> {
  const kai = stage.actors.find(({ name }) => name === "kai")
  if (kai === undefined) throw new Error("no kai")
  const other = {
    ...kai,
    name: "a person's Codex",
    place: { server: "default", session: "person" },
    pane: null,
  }
  await stage.start(other)
  await stage.ready(other)
  tell("beside a person's Codex: kai's shell is refused", [await refused(stage, kai, /several panes share/)])
  const doctor = await stage.sento("doctor", "--agent", "kai")
  tell("doctor tells of it", [/--no-daemon/.test(doctor.stdout) ? null : doctor.stdout])
  await stage.tmux("default", ["kill-session", "-t", "=kai"])
  await stage.start(kai, ["--no-daemon"])
  await stage.ready(kai)
  await scene(stage, "beside a person's Codex, with --no-daemon", ways, [kai])
  await stage.tmux("default", ["kill-session", "-t", "=person"])
}

/** The agent's shell or a tool of it answers, is refused in these words, and ana hears nothing. */
async function refused(
  stage: Stage,
  actor: Actor,
  words: RegExp,
  way: Way = "shell",
): Promise<string | null> {
  const token = newToken(actor.name)
  await stage.must("send", actor.name, `${way} ${token}`, "--agent", "ana")
  /** Behind the message, not of what was refused before. */
  const isTold = () =>
    actor.requests.some(
      request => request.includes(token) && words.test(request.slice(request.indexOf(token))),
    )
  const told = await until(`${actor.name} is refused`, isTold, 120_000).catch(String)
  const heard = await stage.ask("ana", "agent", { op: "log", limit: 1000 })
  if (heard.some(({ direction, text }) => direction === "in" && text.includes(token)))
    return `${actor.name} was heard`
  return told === true ? null : `${told}: ${await stage.screen(actor)}`
}

/** What the model is told of the tool: the door's refusal, or the program's own words where it has no such tool. */
const noTool = /one agent does not speak as another|no such tool|unsupported call|not found|unavailable tool/i

/** A tmux server started from a shell in which SENTO_HOME names leo. */
async function wrongHome(stage: Stage): Promise<void> {
  const extra = { SENTO_HOME: stage.homeOf("leo") }
  const before = (await stage.ask("leo", "agent", { op: "log", limit: 1000 })).length
  for (const actor of stage.actors) {
    await stage.tmux(actor.place.server, ["kill-session", "-t", `=${actor.place.session}`])
    actor.place = { server: "wrong", session: actor.name }
    await stage.start(actor, actor.program.name === "codex" ? ["--no-daemon"] : [], extra)
    const place = ["--session", actor.name, "--tmux-socket", stage.socketOf("wrong")]
    await stage.must("init", "--agent", actor.name, ...place)
  }
  await stage.must("guard", "restart", "--all")
  for (const actor of stage.actors) await stage.ready(actor)
  const faults = stage.actors.map(actor => refused(stage, actor, /one agent does not speak as another/))
  tell("SENTO_HOME names leo: sento reply is refused", await Promise.all(faults))
  // Where the program started its server before the agent was moved here, the server is refused when it is asked.
  const tools = stage.actors.map(actor => refused(stage, actor, noTool, "tell"))
  tell("SENTO_HOME names leo: no tool speaks", await Promise.all(tools))
  const hooks = stage.actors.map(({ name }) =>
    stage.logOf(name).includes("a hook in this agent's pane did nothing: SENTO_HOME there names leo")
      ? null
      : `${name}'s log`,
  )
  tell("SENTO_HOME names leo: the log tells of the hooks", hooks)
  const doctors = stage.actors.map(async ({ name }) => {
    const { stdout } = await stage.sento("doctor", "--agent", name)
    return /SENTO_HOME names .* which is leo's/.test(stdout) ? null : `${name}: ${stdout}`
  })
  tell("SENTO_HOME names leo: doctor tells", await Promise.all(doctors))
  const after = (await stage.ask("leo", "agent", { op: "log", limit: 1000 })).length
  tell("leo said nothing", [after === before ? null : `${after - before} messages more`])
}

/** Whatever was typed into a program was for its agent. */
function strangers(stage: Stage): void {
  const faults = stage.actors.flatMap(({ name, stub }) =>
    stub.received.flatMap(text =>
      (text.match(/\bt\d+x\w+/g) ?? []).map(token =>
        addressees.get(token) === name ? null : `${name} got ${token}`,
      ),
    ),
  )
  tell("typed into the agent that was meant", faults)
}

const scenes: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  ways: stage => scene(stage, "as set up, two tmux servers with equal session names", ways),
  renamed,
  split,
  approvals,
  server: sharedServer,
  home: wrongHome,
}

process.exit(await main(process.argv.slice(2)))
