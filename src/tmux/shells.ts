/** Which programs execute what is typed into them, or hand it on to where that cannot be seen. Pure. */
import { basename } from "node:path"

/** A process's program, as far as its names tell. */
export type Named = {
  /** The file name of its executable: `node`, `bash`, `2.1.332`. */
  readonly executable: string
  /** The kernel's name for it: 15 bytes of the file that was started, or what it calls itself. */
  readonly name: string
  readonly arguments: readonly string[]
}

/**
 * What becomes of a key: a shell executes it; a script's shell reads none while its child runs; `commands` take
 * some keys, or a part of a line, as commands (a pager's `!`, psql's `\!`, gnuplot's backquotes, any prompt of an
 * interpreter); a relay hands it on; anything else takes it as text.
 */
export type Kind = "shell" | "script" | "commands" | "relay" | "other"

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter(Boolean))

const shells = words(`
  sh ash bash csh dash elvish es fish hush ion ksh login loksh mksh murex ngs nu oil oksh osh posh pwsh rbash rc
  rzsh tcsh xonsh yash ysh zsh`)

/**
 * Local ones allot a terminal of their own; of the others nothing can be seen from here. `su`, `sudo` and `doas`
 * too: with a terminal of its own (sudo's `use_pty`, on since 1.9.14) what it runs is behind that.
 */
const relays = words(`
  ssh autossh sshpass slogin rsh rlogin mosh mosh-client et tsh telnet nc ncat netcat socat websocat
  docker docker-compose podman podman-remote podman-compose nerdctl ctr crictl runc crun buildah toolbox
  distrobox lxc lxc-attach lxc-console incus machinectl systemd-run systemd-nspawn run0 nsenter
  kubectl oc k3s k9s microk8s minikube nomad vagrant multipass limactl lima colima virsh
  flyctl fly heroku gcloud aws az session-manager-plugin adb waypipe wsl
  su sudo sudo-rs doas pkexec runuser
  tmux screen byobu zellij dtach abduco dvtm tmate shpool mtm
  script scriptlive asciinema ttyrec termrec rlwrap rlfe expect unbuffer autoexpect kibitz luit reptyr
  picocom minicom cu tio kermit ckermit conspy ipmitool ttyd gotty`)

const commands = words(`
  less more most pg lv man info ed ex vi vim vimx view rvim rview nvim nvi elvis vis hx kak micro nano pico emacs
  emacsclient joe mc nnn ranger lf vifm lynx w3m links ftp sftp lftp mail mailx mutt neomutt top htop watch
  gdb lldb pdb cgdb rr bashdb dlv jdb psql mysql mariadb sqlite sqlite3 duckdb mongosh redis-cli clickhouse-client
  sqlplus usql pgcli mycli litecli gnuplot octave octave-cli julia R ghci iex erl beam.smp sbcl clisp guile racket
  scala amm jshell irb pry ipython bpython ptpython psysh tclsh wish bc dc gp maxima sage swipl utop ocaml`)

/** Without a script of theirs they show a prompt. */
const interpreters = words(`node nodejs bun deno python pypy perl ruby lua luajit php`)
const runtimes = words(`node nodejs bun deno`)
/** One file for many programs: the first argument says which. */
const multicalls = words(`busybox toybox`)

/** Start another program and wait for it: named in words only where nothing else runs. */
const launchers = words(
  `timeout env nice ionice chrt taskset nohup setsid stdbuf time strace ltrace xargs npm npx pnpm`,
)

export const isLauncher = (program: Named): boolean => launchers.has(callName(program))

/** JavaScript's runtimes, in which agent programs run as scripts. */
export const isRuntime = (program: Named): boolean => runtimes.has(callName(program))

/** True for a program known for itself, whatever it was called by: a shell, an interpreter, a pager, a relay. */
export const isKnownOtherwise = (program: Named): boolean =>
  [shells, interpreters, commands, relays].some(set => set.has(callName(program)))

/** What becomes of a key that this program reads. */
export function kindOf(program: Named): Kind {
  const names = [callName(program), plainName(program.name)]
  const isOne = (set: ReadonlySet<string>): boolean => names.some(name => set.has(name))
  if (isOne(relays) || names.some(name => name.startsWith("qemu-system-"))) return "relay"
  if (isOne(commands)) return "commands"
  if (isOne(shells)) return isScriptShell(program) ? "script" : "shell"
  return isPrompt(program) ? "commands" : "other"
}

/** The name it goes by: without a login shell's dash, npm's ending, a version, Debian's variant, Nix's wrapping. */
function plainName(path: string): string {
  const name = basename(path)
    .replace(/^-|\.exe$/g, "")
    .replace(/^\.+(.+?)(?:-wrapped_*)+$/, "$1")
  return name.replace(/(?:[-.]?\d[\d.]*|\.(?:openbsd|traditional|basic|tiny|gtk3|nox))$/, "") || name
}

function callName({ executable, arguments: [first = "", second = ""] }: Named): string {
  const own = plainName(executable)
  if (!multicalls.has(own)) return own
  const called = plainName(first)
  return multicalls.has(called) ? plainName(second) || "sh" : called
}

/** Options of shells whose value is the next argument. */
const takesValue = /^(?:[-+][a-zA-Z]*[oO]|-C|--(?:rcfile|init-file|init-command|config|env-config|rc))$/

/**
 * Whether a shell runs a command or a file: `sh -c X`, `bash file`. Whatever else it is told, it may be a
 * person's, whose own children (a prompt's `git status`) read no keys.
 */
function isScriptShell({ executable, arguments: [first = "", ...words] }: Named): boolean {
  // `busybox sh -c X`
  const rest =
    multicalls.has(plainName(executable)) && multicalls.has(plainName(first)) ? words.slice(1) : words
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] ?? ""
    if (takesValue.test(word)) index++
    else if (/^(?:[-+]?|--|--interactive|-[a-z]*[is][a-z]*)$/i.test(word)) return false
    // More options may stand between `-c` and its command: `sh -c -i X`.
    else if (/^(?:-[a-z]*c|--command)$/.test(word)) return !/^-[a-z]*i/.test(rest[index + 1] ?? "")
    else if (!/^[-+]/.test(word)) return true
  }
  return false
}

const runtimeValues = words(`
  -r --require --import --loader --experimental-loader -C --conditions --env-file --env-file-if-exists --title
  --cwd --config --preload --import-map --cert --seed --log-level -L`)
const interpreterValues = words("-W -X -I -Q")
const evaluating = /^(?:-[a-z]*e|-[pmr]|--eval|--print)$/

/** What an interpreter was started with. */
type Start = {
  /** The first argument behind its own options, as it was given. */
  readonly script: string | null
  /** Whether its arguments hold the program, or name a module of it. */
  readonly evaluates: boolean
  readonly isAskedToPrompt: boolean
}

function startOf(program: Named): Start {
  const isJavaScript = isRuntime(program)
  const values = isJavaScript ? runtimeValues : interpreterValues
  const [, ...rest] = program.arguments
  let isAskedToPrompt = false
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] ?? ""
    isAskedToPrompt ||= /^(?:-i|--interactive|inspect|repl)$/.test(word)
    if (values.has(word)) index++
    else if (evaluating.test(word) || (word === "-c" && !isJavaScript))
      return { script: null, evaluates: true, isAskedToPrompt }
    else if (!word.startsWith("-") && word !== "" && !(isJavaScript && word === "run"))
      return { script: word, evaluates: false, isAskedToPrompt }
  }
  return { script: null, evaluates: false, isAskedToPrompt }
}

/** The script that an interpreter runs, as its arguments name it; null for any other program, or none. */
export const scriptOf = (program: Named): string | null =>
  interpreters.has(callName(program)) ? startOf(program).script : null

/** No script, no program in the arguments, and still called what it is: one with a title of its own runs one. */
function isPrompt(program: Named): boolean {
  if (!interpreters.has(callName(program))) return false
  const { script, evaluates, isAskedToPrompt } = startOf(program)
  if (isAskedToPrompt) return true
  const called = plainName(program.arguments[0] ?? "")
  return script === null && !evaluates && ["", plainName(program.executable)].includes(called)
}
