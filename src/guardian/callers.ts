/**
 * Who is at the other end of a local door. The owner's door refuses a process that the agent started: one
 * with an agent program's environment, or with the agent's pane process or the Guardian among its ancestors.
 * docs/SECURITY.md says what that stops and what it does not.
 */
import { FFIType, ptr } from "bun:ffi"
import { readFileSync } from "node:fs"
import { openLibC } from "../http/libc.ts"
import { processStat } from "../tmux/process.ts"

const agentVariables = /^(?:AI_AGENT|CLAUDECODE|GEMINI_CLI|OPENCODE|CODEX_\w+)=/

/** Whether a process works for an agent program, as its environment says. @param environment - `NAME=value` */
export const isAgentEnvironment = (environment: readonly string[]): boolean =>
  environment.some(entry => agentVariables.test(entry))

/**
 * Why the caller may not speak for the owner, or null when it may. Of a process that has ended, or whose parent
 * ends as we look, nobody can say who started it.
 * @param pid - the process at the other end
 * @param agentPids - the agent's pane process and the Guardian
 */
export function reasonToDistrust(pid: number, agentPids: readonly number[]): string | null {
  for (let next = pid; next > 1; ) {
    const stat = processStat(next)
    if (stat === null) return "it has ended, or who started it has"
    if (agentPids.includes(stat.pid)) return "it was started in the agent's own pane"
    if (isAgentEnvironment(environmentOf(stat.pid))) return "it was started by an agent program"
    next = stat.parent
  }
  return null
}

/** SOL_SOCKET and SO_PEERCRED of Linux (socket(7)); `struct ucred` is pid, uid, gid (unix(7)). */
const solSocket = 1
const soPeerCredentials = 17
const credentialBytes = 12

let libc: ReturnType<typeof openSockets> | null = null

/** The pid that connected to a unix socket, as the kernel noted it. @param descriptor - of the accepted socket */
export function peerPid(descriptor: number): number {
  libc ??= openSockets()
  const credentials = new Int32Array(3)
  const length = new Uint32Array([credentialBytes])
  const status = libc.getsockopt(descriptor, solSocket, soPeerCredentials, ptr(credentials), ptr(length))
  const pid = credentials[0]
  if (status !== 0 || pid === undefined || pid <= 0) throw new Error(`getsockopt gave ${status}, pid ${pid}`)
  return pid
}

function openSockets() {
  const { i32, ptr: pointer } = FFIType
  return openLibC({ getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 } })
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0")
  } catch {
    return []
  }
}
