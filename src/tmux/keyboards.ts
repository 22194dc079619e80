/** What persons type, kept back in their terminals for a moment. */

/** Keys that wait in the terminals until they are let go, or for {@link mostKeptSeconds}. */
export type KeptKeys = { readonly letGo: () => Promise<void> }

/**
 * Keeps back the keys of the clients at these terminals: none is lost, and they arrive in order when they are let go.
 * Linux says that a terminal has something to read once it has as many bytes as its `min` (n_tty.c; tmux 3.3a waits for
 * that), so `min` is 255 for that time. A terminal that is another user's is left as it is.
 * @param terminals - as tmux names them, `/dev/pts/3`
 */
export async function keepKeys(terminals: readonly string[]): Promise<KeptKeys> {
  const known = terminals.filter(terminal => /^\/dev\/(pts\/|tty)\d+$/.test(terminal))
  if (known.length === 0) return { letGo: async () => {} }
  const child = Bun.spawn(["sh", "-c", script, "sh", ...known], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { PATH: process.env.PATH ?? "" },
  })
  // Its only words, or nothing where it could not run.
  await child.stdout.getReader().read()
  return {
    letGo: async () => {
      await child.stdin.end()
      await child.exited
    },
  }
}

/** OpenCode 1.18.33 takes up to a second to make its first session on two busy cores. */
const mostKeptSeconds = 2

/**
 * A process of its own gives the keys back, also when this one ends first: its input has its end then. Deaf to signals
 * that end a group of processes, and to the one that stops who sets a terminal from the background.
 */
const script = `trap '' HUP INT QUIT TERM TSTP TTIN TTOU
for terminal; do stty -F "$terminal" min 255; done
echo kept
timeout -s KILL ${mostKeptSeconds} cat
for terminal; do stty -F "$terminal" min 1; done`
