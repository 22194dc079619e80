/**
 * What of an environment the Guardian and what it starts are given: a list of what is let through, because nobody can
 * list what is not. `BUN_INSPECT` opens a debugger in the process, `BUN_CONFIG_VERBOSE_FETCH` prints its requests with
 * their headers (Bun 1.4.5), `LD_PRELOAD` loads code, and the owner's secrets have no business there.
 */

type Environment = Readonly<Record<string, string | undefined>>

/** SENTO_AGENT would be another agent's: what is started here is told its home. */
const basic = /^(?:PATH|HOME|LANG|LC_\w+|TMUX_TMPDIR|SENTO_(?!AGENT$)\w+)$/
/** With these the owner's `notify` command reaches their desktop. */
const desktop = /^(?:DISPLAY|WAYLAND_DISPLAY|XDG_RUNTIME_DIR|DBUS_SESSION_BUS_ADDRESS)$/

/** For the Guardian itself, and the owner's `notify` command. */
export const guardianEnvironment = (environment: Environment): Record<string, string> =>
  pick(environment, name => basic.test(name) || desktop.test(name))

/** For tmux, whose client hands all of its environment to the server. */
export const tmuxEnvironment = (environment: Environment): Record<string, string> =>
  pick(environment, name => basic.test(name))

function pick(environment: Environment, isLet: (name: string) => boolean): Record<string, string> {
  const entries = Object.entries(environment).filter(([name]) => isLet(name))
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}
