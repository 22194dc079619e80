/**
 * `sento doctor`: Codex 0.169.0 runs hooks and MCP servers in a server that all its sessions of one CODEX_HOME share.
 * That has the environment of the session that started it: what names an agent there names it for all of them.
 * `--no-daemon` keeps a session to itself, whatever runs. Whose pane it is: doctor-shared.ts.
 */
import { homedir } from "node:os"
import { join } from "node:path"
import { allProcesses, argumentsOf, environmentOf } from "../tmux/process.ts"
import { type AgentProcess, type Environment, readEnvironment } from "./agent-process.ts"
import type { Finding } from "./doctor-peer.ts"

/** The shared server's process, with its environment. */
export type Daemon = { readonly pid: number; readonly environment: Environment }

/** @param find - gives the shared servers that run */
export function checkDaemon(
  { name, arguments: words, environment }: AgentProcess,
  find: () => readonly Daemon[] = findDaemons,
): Finding[] {
  if (name !== "codex" || environment === null || words.includes("--no-daemon")) return []
  const daemon = find().find(one => codexHome(one.environment) === codexHome(environment))
  const other = daemon === undefined ? undefined : differing(daemon.environment, environment)
  if (daemon === undefined || other === undefined) return []
  const there = daemon.environment[other]
  return [
    {
      check: "codex's server",
      is: `its hooks and tools run in the one that its sessions share (pid ${daemon.pid}), with ${there ? `${other}=${there}` : `no ${other}`}: they may speak as another agent`,
      fix: "end codex, and start it with `codex --no-daemon`",
    },
  ]
}

/** The first variable that names an agent, and another one there. */
const differing = (there: Environment, here: Environment): string | undefined =>
  ["SENTO_AGENT", "SENTO_DOOR", "SENTO_HOME"].find(name => (there[name] || "") !== (here[name] || ""))

const codexHome = ({ CODEX_HOME, HOME }: Environment): string =>
  CODEX_HOME || join(HOME || homedir(), ".codex")

function findDaemons(): Daemon[] {
  return allProcesses()
    .filter(pid => {
      const words = argumentsOf(pid) ?? []
      return words.includes("app-server") && words.includes("--managed-daemon")
    })
    .flatMap(pid => {
      const environment = readEnvironment(environmentOf(pid))
      return environment === null ? [] : [{ pid, environment }]
    })
}
