import { closeSync, fstatSync, openSync } from "node:fs"
import { tmuxEnvironment } from "../protocol/environment.ts"
import { SentoError } from "../protocol/errors.ts"
import { shellWord } from "../protocol/shell.ts"

/**
 * A tmux server: `socket` is the path given to `tmux -S`, or null for the user's default server. `signal` ends clients
 * that still run: of a server that is stopped, each waits for ever.
 */
export type TmuxServer = {
  readonly socket: string | null
  readonly signal?: AbortSignal
  /** The socket lies where nobody else can put one, and a command may start the server. */
  readonly mayStart?: true
  /** Answers in place of tmux processes: a test's. */
  readonly run?: (commands: readonly string[], input: string | null) => Promise<TmuxAnswer>
}

/** What one tmux process answered; `status` is its exit code. */
export type TmuxAnswer = { readonly status: number; readonly stdout: string; readonly stderr: string }

/** Of a client that its server's signal has ended, as a shell would have it. */
const ended: TmuxAnswer = { status: 137, stdout: "", stderr: "" }

/**
 * Runs one tmux process; several commands are chained with `";"` elements. Never through a shell.
 * @param input - bytes for stdin (`load-buffer -`), or null for none
 * @throws no-tmux when the program is not installed; config for a server of another user
 */
export async function runTmux(
  server: TmuxServer,
  commands: readonly string[],
  input: string | null = null,
): Promise<TmuxAnswer> {
  if (server.run !== undefined) return server.run(commands, input)
  // Bun would throw (1.4.5).
  if (server.signal?.aborted) return ended
  const child = spawnTmux(server, commands, input)
  const texts = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  const status = await child.exited
  // One that was ended has left its output to the server, too, which stands still: nobody closes it.
  if (child.signalCode !== null) {
    texts.catch(() => {})
    return ended
  }
  const [stdout, stderr] = await texts
  return { status, stdout, stderr }
}

/**
 * Starts one tmux process, for commands that last. `TMUX` is left out with most of the environment: it would make tmux
 * refuse to nest and says nothing about the server we mean. `-u`: a client without a UTF-8 locale gets underscores for
 * every other character of a title (tmux 3.3a).
 */
export function spawnTmux(server: TmuxServer, commands: readonly string[], input: string | null = null) {
  const held = server.socket === null ? null : holdOwnSocket(server.socket)
  try {
    return Bun.spawn(["tmux", "-u", ...socketWords(server, held), ...commands], {
      stdio: [
        input === null ? "ignore" : new TextEncoder().encode(input),
        "pipe",
        "pipe",
        ...(held === null ? [] : [held]),
      ],
      env: tmuxEnvironment(process.env),
      ...(server.signal === undefined ? {} : { signal: server.signal, killSignal: "SIGKILL" }),
    })
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error
    throw new SentoError(
      "no-tmux",
      "tmux is not installed",
      "install tmux 3.2 or newer: `apt install tmux`, `dnf install tmux`, `apk add tmux` or as your system does it",
    )
  } finally {
    if (held !== null) closeSync(held)
  }
}

/** Below no directory: tmux cannot connect there, and says so (3.3a). */
const nowhere = "/dev/null/no-tmux"

/** tmux is given the very socket that was looked at, not its path, where there can be another one by then. */
function socketWords({ socket, mayStart }: TmuxServer, held: number | null): string[] {
  if (socket === null) return []
  if (held !== null) return ["-S", "/proc/self/fd/3"]
  return ["-S", mayStart ? socket : nowhere]
}

/** Linux' O_PATH: the file itself, and not what is behind it (open(2)). */
const oPath = 0o10000000

/**
 * A server can have its client run any program, send any file and write one (MSG_SHELL, MSG_READ_OPEN and
 * MSG_WRITE_OPEN: tried with tmux 3.3a), and a socket's owner is who made it. tmux itself looks whose the directory of
 * its default sockets is.
 * @returns a descriptor of the socket, to be closed; null where none can be reached
 * @throws config where it is another user's
 */
function holdOwnSocket(socket: string): number | null {
  const held = openOrNull(socket)
  if (held === null) return null
  const { uid } = fstatSync(held)
  if (uid === 0 || uid === process.geteuid?.()) return held
  closeSync(held)
  throw new SentoError(
    "config",
    `the tmux socket ${socket} is another user's (uid ${uid}), whose server could run programs as you`,
    "where the agent has a user of its own, `sento init --hardened` prints how it is set up",
  )
}

function openOrNull(path: string): number | null {
  try {
    return openSync(path, oPath)
  } catch {
    return null
  }
}

/** Words as a command line for sh(1), where tmux takes nothing else. */
export const shellWords = (words: readonly string[]): string => words.map(shellWord).join(" ")

/** The name of a session as an exact tmux target: names match by prefix without the `=` (tmux 3.3a). */
export function exactSession(session: string): string {
  return `=${session}:`
}

/** The user's tmux server as `$TMUX` names it inside a session, or null outside one. */
export function socketOfEnvironment(tmuxVariable: string | undefined): string | null {
  const path = tmuxVariable?.split(",")[0]
  return path === undefined || path === "" ? null : path
}

/** What `tmux -V` says, as `3.3a`. @throws no-tmux */
export async function tmuxVersion(): Promise<string> {
  const { stdout } = await runTmux({ socket: null }, ["-V"])
  return stdout.trim().replace(/^tmux /, "")
}
