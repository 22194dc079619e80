/** Run by test/commands/service.test.ts where there is a systemd of the user's: what a unit does in a Guardian's life. */
import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import type { Io } from "../../src/commands/io.ts"
import { readUnit } from "../../src/commands/service/systemd.ts"
import { updateConfig } from "../../src/store/config.ts"
import { pathsOf } from "../../src/store/paths.ts"
import { isAlive } from "../../src/tmux/process.ts"
import { doubleCommand } from "./pane.ts"
import { built, createWorld, guardiansOf, initAgent, pairAgents, until } from "./world.ts"

/** The file lies where every character has a meaning to systemd or to a shell. */
const awkward = `a b %n $HOME "q" \\\\ 'é`
const systemdPath = process.env.SYSTEMD ?? ""

const world = createWorld()
const kai = "."
const folder = join(world.folder, awkward)
mkdirSync(folder)
const sento = join(folder, "sento")
// No link: /tmp may be another disk.
copyFileSync(built[0] ?? "", sento)
const io = { environment: { HOME: world.folder } } as unknown as Io

async function startSystemd(): Promise<Bun.Subprocess> {
  const env = { HOME: world.folder, PATH: process.env.PATH ?? "", XDG_RUNTIME_DIR: "/run/user/0" }
  const child = Bun.spawn([systemdPath, "--user"], { env, stdio: ["ignore", "ignore", "ignore"] })
  await until("the user's systemd", async () => (await systemctl("show", "--property=Version")) === 0)
  return child
}
const systemctl = (...words: string[]): Promise<number> =>
  Bun.spawn(["systemctl", "--user", ...words], {
    env: { PATH: process.env.PATH ?? "", XDG_RUNTIME_DIR: "/run/user/0" },
    stdio: ["ignore", "ignore", "ignore"],
  }).exited
const isActive = async (): Promise<boolean> => (await systemctl("is-active", "sento.service")) === 0
const ask = (...words: string[]) =>
  world.sento(kai, words, { command: [sento], env: { SENTO_HOME: "", XDG_RUNTIME_DIR: "/run/user/0" } })
const pidOf = async (): Promise<number> => (await world.status(kai))?.pid ?? 0
const program = doubleCommand(join(world.folder, "d"), "claude").command
const openSession = (): Promise<void> => world.session("kai", ["sh", "-c", program], kai)

const seen: Record<string, unknown> = {}
try {
  let systemd = await startSystemd()
  await openSession()
  initAgent(world, "kai", kai)
  updateConfig(pathsOf(world.folder), config => ({ ...config, tmux: { ...config.tmux, profile: null } }))
  initAgent(world, "mira")
  await world.guard("mira")
  const installed = await ask("guard", "install")
  if (installed.exit !== 0) throw new Error(installed.stderr)
  await pairAgents(world, "mira", kai)
  seen.isUnit = await isActive()

  const first = await pidOf()
  process.kill(first, "SIGKILL")
  seen.isStartedAgain = await until("another one", async () => ![0, first].includes(await pidOf()))

  await ask("guard", "stop")
  await Bun.spawn([sento, "hook", "UserPromptSubmit"], {
    env: { HOME: world.folder, PATH: process.env.PATH ?? "" },
    stdin: new Blob(['{"session_id":"s","prompt":"x"}']),
  }).exited
  seen.isRevivedByHook = (await isActive()) || guardiansOf(world.folder).length > 0
  await ask("guard")
  seen.isStartedByUnit = await isActive()

  // The machine goes, and comes back; the other agent's is another machine.
  const last = await pidOf()
  await world.tmux("kill-session", "-t", "=kai")
  // systemd first: it would start another.
  systemd.kill("SIGKILL")
  process.kill(last, "SIGKILL")
  await until("its end", () => !isAlive(last))
  seen.queued = (await world.run("mira", ["send", "kai", "while you were off"])).exit
  systemd = await startSystemd()
  await openSession()
  await world.shows("kai", /← agent mira \[[0-9a-z]{4}\]: while you were off/)
  seen.isTyped = true

  seen.uninstalled = (await ask("guard", "uninstall")).exit
  seen.left = {
    unit: readUnit(io, "sento"),
    links: existsSync(join(world.folder, ".config/systemd/user"))
      ? readdirSync(join(world.folder, ".config/systemd/user"), { recursive: true }).filter(name =>
          String(name).includes("sento"),
        )
      : [],
    guardians: guardiansOf(world.folder).length,
    door: existsSync(pathsOf(world.folder).agentSocket),
  }
  systemd.kill("SIGKILL")
} finally {
  await world.close()
}
process.stdout.write(JSON.stringify(seen))
