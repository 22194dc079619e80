/**
 * `bun bench/plugins.ts claude|codex|gemini|opencode EXECUTABLE`: the program takes its plugin from plugins/ by its own
 * command, and has one turn; what it ran of `sento`, then the same where there is no `sento`, with what it shows. A
 * temporary home, a made-up key, a stub of its model, no network.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { layOut } from "../src/protocol/layout.ts"
import { until } from "../test/support/world.ts"
import { isInNamespace, runInNamespace } from "./lab/namespace.ts"
import { hookTrust, type LabPlace, type LabProgram, labPrograms } from "./lab/programs.ts"
import { screen, startSession, untilState, usualPane } from "./lab/session.ts"

const project = resolve(import.meta.dir, "..")

/** What a person would type to install it, behind the program's name; one line each. */
const installs: Readonly<Record<LabProgram["name"], readonly (readonly string[])[]>> = {
  claude: [
    ["plugin", "marketplace", "add", project],
    ["plugin", "install", "sento@sento"],
  ],
  codex: [
    ["plugin", "marketplace", "add", project],
    ["plugin", "add", "sento@sento"],
  ],
  gemini: [["extensions", "install", join(project, "plugins/gemini"), "--consent"]],
  opencode: [["plugin", join(project, "plugins/opencode"), "--global"]],
}

async function main([name, executable]: readonly string[]): Promise<number> {
  const program = labPrograms[name as LabProgram["name"]]
  if (program === undefined || executable === undefined)
    throw new Error("usage: bun bench/plugins.ts claude|codex|gemini|opencode EXECUTABLE")
  if (!isInNamespace()) return runInNamespace()
  console.log(`with sento: ${(await turn(program, executable, true)).told.join(", ")}`)
  const without = await turn(program, executable, false)
  console.log(`without: ${without.told.join(", ") || "nothing"}; it shows:\n${without.shown}`)
  return 0
}

/** One turn, with or without a `sento` in PATH that notes how it is run. */
async function turn(
  program: LabProgram,
  executable: string,
  isThere: boolean,
): Promise<{ readonly told: readonly string[]; readonly shown: string }> {
  const bin = mkdtempSync(join(tmpdir(), "sento-plugins-"))
  const notes = join(bin, "notes")
  // npm's launchers want node, which need not lie beside what a shell needs.
  symlinkSync(Bun.which("node") ?? "node", join(bin, "node"))
  if (isThere) {
    writeFileSync(join(bin, "sento"), `#!/bin/sh\necho "$*" >> ${notes}\n[ "$3" = mcp ] || cat > /dev/null\n`)
    chmodSync(join(bin, "sento"), 0o755)
  }
  const variables = { PATH: `${bin}:${dirname(executable)}:/usr/bin:/bin` }
  const prepare = (place: LabPlace): void => {
    program.prepare(place)
    install(program, executable, place, variables)
  }
  const tool = () => ({ command: () => "true", delayMilliseconds: () => 0 })
  const command = [executable, ...program.arguments, ...hookTrust(program.name)]
  const pane = { ...usualPane, variables }
  try {
    await using session = await startSession({ ...program, prepare }, executable, tool, pane, { command })
    const told = (): string[] => (existsSync(notes) ? readFileSync(notes, "utf8").trim().split("\n") : [])
    session.tmux("send-keys", "-t", session.pinned.pane, "-l", layOut("kai", "k7q2", "what is open?"))
    await Bun.sleep(1000)
    session.tmux("send-keys", "-t", session.pinned.pane, "Enter")
    await until("a reply", () => screen(session).includes("REPLY-"), 120_000)
    if (isThere) await until("its end", () => told().some(line => /Stop|AfterAgent/.test(line)), 60_000)
    else await untilState(session, "ready", 120_000)
    return {
      told: [...new Set(told())],
      shown: screen(session)
        .replace(/\n{2,}/g, "\n")
        .trim(),
    }
  } finally {
    rmSync(bin, { recursive: true })
  }
}

/** By the program's own commands; Gemini CLI asks whether the folder is trusted. */
function install(
  program: LabProgram,
  executable: string,
  place: LabPlace,
  variables: Readonly<Record<string, string>>,
): void {
  // Else each of OpenCode's starts waits for the registry, 131 s (1.18.33).
  const fetched = join(place.home, ".config/opencode/node_modules/@opencode-ai/plugin")
  if (program.name === "opencode") mkdirSync(fetched, { recursive: true })
  const env = { HOME: place.home, TERM: "dumb", ...program.environment(place), ...variables }
  for (const words of installs[program.name]) {
    const ran = Bun.spawnSync([executable, ...words], { cwd: place.work, env, stdin: Buffer.from("y\n") })
    if (!ran.success) throw new Error(`${program.name} ${words.join(" ")}: ${ran.stdout}${ran.stderr}`)
  }
}

process.exit(await main(process.argv.slice(2)))
