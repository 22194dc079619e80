/** What persons type, kept back in their terminals for a moment. */

/** Keys that wait in the terminals until they are let go, or for {@link mostKeptSeconds}; letting go never throws. */
export type KeptKeys = { readonly letGo: () => Promise<void> }

/**
 * Keeps back the keys of the clients at these terminals: none is lost, and they arrive in order when they are let go.
 * Linux says that a terminal has something to read once it has as many bytes as its `min` (n_tty.c; tmux 3.3a waits for
 * that), so `min` is 255 for that time. A terminal that is another user's, reads lines, or cannot be set is left as it is.
 *
 * A process of its own does it, and gives the keys back also when this one ends; this one does when that is killed, or
 * stopped, or says nothing.
 * @param terminals - as tmux names them, `/dev/pts/3`
 */
export async function keepKeys(terminals: readonly string[]): Promise<KeptKeys> {
  const known = terminals.filter(terminal => terminalName.test(terminal))
  const keeper = known.length === 0 ? null : startShell(keeping, known)
  if (keeper === null) return { letGo: async () => {} }
  const told = { words: "" }
  const { isBegun, isOver } = listenTo(keeper.stdout, told)
  await within(Promise.race([isBegun, isOver]), startMilliseconds)
  await within(isOver, answerMilliseconds)
  const isKept = told.words.includes(kept)
  const released = Promise.withResolvers<void>()
  const over = (async () => {
    const most = isKept ? mostKeptSeconds * 1000 + answerMilliseconds : 0
    await within(Promise.race([keeper.exited, released.promise]), most)
    closeInput(keeper)
    await within(keeper.exited, answerMilliseconds)
    if (keeper.exitCode === 0) return
    // One that has kept them does nothing now but give them back: on a busy machine it may be just at it.
    if (!isKept) endGroup(keeper)
    await giveBack(known, told.words)
    endGroup(keeper)
  })()
  if (!isKept) await over
  return {
    letGo: async () => {
      released.resolve()
      await over
    },
  }
}

/**
 * Gives back the keys that a process which was killed with its keeper has left behind in these terminals.
 * @param told - what the keeper said of them before
 */
export async function giveBack(terminals: readonly string[], told = ""): Promise<void> {
  const known = terminals.filter(terminal => terminalName.test(terminal))
  const words = told.split(/\s+/)
  const pairs = known.flatMap(terminal => [
    terminal,
    words.includes(terminal) ? (words[words.indexOf(terminal) + 1] ?? usualMin) : usualMin,
  ])
  const shell = known.length === 0 ? null : startShell(giving, pairs)
  if (shell !== null) await within(shell.exited, answerMilliseconds)
}

const terminalName = /^\/dev\/(pts\/|tty)\d+$/

/** OpenCode 1.18.33 takes up to a second to make its first session on two busy cores. */
const mostKeptSeconds = 2
/**
 * For its first word, before which nothing is kept: a busy machine may take a second to start three programs, and keys
 * that are not kept mix with the message.
 */
const startMilliseconds = 1500
const answerMilliseconds = 1000

/** The most that the byte has room for. */
const keptMin = "255"
/** What tmux sets (3.3a, tty.c), and where nobody knows what was there. */
const usualMin = "1"
const kept = "kept"

/** Arguments: terminal and `min` in turn. Whoever has set another one meanwhile keeps it: tmux does at a detach. */
const giving = `status=0
while [ $# -gt 1 ]; do
  case $(stty -F "$1" -a) in *"min = ${keptMin};"*) stty -F "$1" min "$2" || status=1;; esac
  shift 2
done
exit $status`

/**
 * Arguments: terminals. Deaf to what ends or stops a group of processes, also where nobody reads its words any more. Its
 * input ends with the process that started it; without \`timeout\` or \`cat\` nothing is kept for longer than a moment.
 */
const keeping = `trap '' HUP INT QUIT PIPE ALRM TERM TSTP TTIN TTOU USR1 USR2
pairs=
for terminal; do
  shown=$(stty -F "$terminal" -a) || continue
  case $shown in *-icanon*) ;; *) continue;; esac
  case $shown in *"min = "[0-9]*) ;; *) continue;; esac
  min=\${shown##*min = }
  min=\${min%%;*}
  [ "$min" != ${keptMin} ] || min=${usualMin}
  pairs="$pairs $terminal $min"
done
echo "before $pairs"
set -- $pairs
[ $# -gt 0 ] || { echo ${kept}; exit 0; }
for word; do
  case $word in /*) stty -F "$word" min ${keptMin};; esac
done
echo ${kept}
timeout -s KILL ${mostKeptSeconds} cat
${giving}`

type Shell = ReturnType<typeof spawnShell>

/** In a session of its own, which no terminal's end reaches; null where there is no shell. */
function startShell(script: string, words: readonly string[]): Shell | null {
  try {
    return spawnShell(script, words)
  } catch {
    return null
  }
}

const spawnShell = (script: string, words: readonly string[]) =>
  Bun.spawn(["sh", "-c", script, "sh", ...words], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { PATH: process.env.PATH ?? "" },
    detached: true,
  })

/** `isBegun`: it has said what was there before, and sets it next; `isOver`: it has kept them, or ended. */
function listenTo(output: ReadableStream<Uint8Array>, told: { words: string }) {
  const begun = Promise.withResolvers<void>()
  const isOver = (async () => {
    const decoder = new TextDecoder()
    for await (const bytes of output) {
      told.words += decoder.decode(bytes)
      if (told.words.includes("\n")) begun.resolve()
      if (told.words.includes(kept)) return
    }
  })()
  return { isBegun: begun.promise, isOver }
}

function closeInput(shell: Shell): void {
  // It may have ended, and its input with it.
  void Promise.try(() => shell.stdin.end()).catch(() => {})
}

/** With whatever it has started in its group: something stopped would go on later. */
function endGroup(shell: Shell): void {
  if (shell.exitCode !== null || shell.signalCode !== null) return
  try {
    process.kill(-shell.pid, "SIGKILL")
  } catch {
    // It ended meanwhile.
  }
}

const within = (promise: Promise<unknown>, milliseconds: number): Promise<unknown> => {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, milliseconds)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
