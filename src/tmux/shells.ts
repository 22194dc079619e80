/** Which programs execute what is typed into them, or hand it on to where that cannot be seen. Pure. */
import { basename } from "node:path"
import { interpreters, runtimes, type Start, seemsToExecute, startOf } from "./interpreters.ts"

/** A process's program, as far as its names tell. */
export type Named = {
  /** The file name of its executable: `node`, `bash`, `2.1.332`. */
  readonly executable: string
  /** The kernel's name for it: 15 bytes of the file that was started, or what it calls itself. */
  readonly name: string
  readonly arguments: readonly string[]
  /** An interpreter's environment asks it for a prompt. */
  readonly isAskedToPrompt?: boolean
}

/**
 * What becomes of a key: a shell executes it; a script's shell reads none while its child runs; `commands` take
 * some keys, or a part of a line, as commands (a pager's `!`, psql's `\!`, gnuplot's backquotes, any prompt of an
 * interpreter); a filter does so with its standard input alone, and is harmless behind a pipe; a relay hands it on;
 * anything else takes it as text.
 */
export type Kind = "shell" | "script" | "commands" | "filter" | "relay" | "other"

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter(Boolean))

const shells = words(`
  sh ash bash bosh brush cicada csh dash elvish es fish fizsh gash git-shell hilbish hush ion jsh ksh lksh login
  loksh lshell mksh mrsh murex ngs nsh nu nushell oil oksh osh pbosh pdksh posh powershell psh pwsh rbash rc rssh
  rush rzsh sash scsh smrsh tcsh toysh xonsh yash ysh zsh`)

/**
 * Local ones allot a terminal of their own; of the others nothing can be seen from here. `su`, `sudo` and `doas`
 * too: with a terminal of its own (sudo's `use_pty`, on since 1.9.14) what it runs is behind that.
 */
const relays = words(`
  ssh autossh sshpass slogin rsh rlogin mosh mosh-client et tsh telnet nc ncat netcat cryptcat socat websocat wscat
  dbclient plink assh xxh sshrc upterm wezterm kitten tailscale cloudflared boundary
  docker docker-compose podman podman-remote podman-compose nerdctl finch ctr crictl runc crun buildah toolbox
  distrobox distrobox-enter lxc lxc-attach lxc-console incus machinectl systemd-run systemd-nspawn run0 nsenter
  flatpak-spawn host-spawn flatpak apptainer singularity enroot
  kubectl oc k3s k9s k0s microk8s minikube nomad vagrant multipass limactl lima colima orb orbctl rdctl virsh virtctl
  coder devpod devspace okteto telepresence devcontainer gh codespaces
  flyctl fly heroku railway scalingo cf balena eb hcloud doctl scw exo oci gcloud aws az session-manager-plugin
  adb hdc waypipe wsl qm pct xl crc
  su sudo sudo-rs doas pkexec runuser
  tmux screen byobu zellij dtach abduco dvtm tmate shpool mtm diss
  script scriptlive asciinema ttyrec termrec rlwrap rlfe expect unbuffer autoexpect kibitz luit reptyr empty
  picocom minicom microcom miniterm pyserial-miniterm cu tio kermit ckermit conspy ipmitool ttyd gotty mpremote
  c3270 serial`)

const commands = words(`
  less more most pg lv man info ed ex vi vim vimx view rvim rview nvim nvi elvis vis hx helix kak micro nano pico
  emacs emacsclient mg jed zile joe mc nnn ranger lf vifm yazi lynx w3m links elinks tig lazygit gitui vd visidata
  ftp sftp lftp ncftp tnftp smbclient cadaver mail mailx mutt neomutt alpine aerc irssi weechat top htop watch
  gdb lldb pdb ipdb pudb cgdb rr bashdb dlv jdb radare radare2 r2 psql mysql mariadb sqlite sqlite3 duckdb mongo
  mongosh redis-cli valkey-cli iredis clickhouse-client cqlsh cypher-shell influx isql tsql sqlcmd sqlline beeline
  spark-shell spark-sql pyspark trino snowsql
  sqlplus usql pgcli mycli litecli gnuplot octave octave-cli julia R ghci iex erl beam.smp sbcl clisp ecl ccl
  guile racket chez petite scheme gsi gosh csi fsi clj bb nbb janet fennel hy lein jupyter jupyter-console idle
  idlelib scala amm jshell groovysh kotlinc evcxr irb pry ipython bpython ptpython ptipython konch psysh tclsh wish
  bc dc gp gap maxima sage scilab scilab-cli wolframscript swipl utop ocaml poly sml gforth`)

/** Modules of Python's own that show a prompt; as names of scripts they may be anybody's. */
const promptModules = words(`code asyncio sqlite3`)

const filters = words(`
  awk gawk mawk nawk goawk original-awk sed gsed xargs parallel at batch crontab make gmake bmake m4 patch entr curl`)

/** First words with which programs of any name prompt: Django's, Rails', Laravel's, Flask's, Nix's, Swift's. */
const promptWords = words(`repl shell shell_plus console dbshell dbconsole tinker`)

/** The names by which each kind is known. */
export const namesOfKind = { shell: shells, relay: relays, commands, filter: filters } as const

/** One file for many programs: the first argument says which. */
const multicalls = words(`busybox toybox`)

/** Start another program and wait for it: named in words only where nothing else runs. */
const launchers = words(
  `timeout env nice ionice chrt taskset nohup setsid stdbuf time strace ltrace npm npx pnpm`,
)

export const isLauncher = (program: Named): boolean => launchers.has(callName(program))

/** JavaScript's runtimes, in which agent programs run as scripts. */
export const isRuntime = (program: Named): boolean => runtimes.has(callName(program))

/** An interpreter's name, by which {@link isPromptingBy} knows it; null for any other program. */
export const interpreterOf = (program: Named): string | null =>
  interpreters.has(callName(program)) ? callName(program) : null

/** True for a program known for itself, whatever it was called by: a shell, an interpreter, a pager, a relay. */
export const isKnownOtherwise = (program: Named): boolean =>
  [shells, interpreters, commands, relays, filters].some(set => set.has(callName(program)))

/** What becomes of a key that this program reads. */
export function kindOf(program: Named): Kind {
  const called = program.arguments[0] ?? ""
  const names = [callName(program), plainName(program.name), called.includes(" ") ? "" : plainName(called)]
  const isOne = (set: ReadonlySet<string>): boolean => names.some(name => set.has(name))
  if (isOne(relays) || names.some(name => name.startsWith("qemu-system"))) return "relay"
  if (isOne(commands)) return "commands"
  if (isOne(shells)) return isScriptShell(program) ? "script" : "shell"
  if (isOne(filters)) return "filter"
  if (interpreters.has(callName(program))) return kindOfInterpreter(program)
  const [first] = program.arguments.slice(1).filter(word => !word.startsWith("-"))
  return first !== undefined && promptWords.has(first) ? "commands" : "other"
}

/** What an interpreter runs is known by its own name: `python3 /usr/bin/xonsh`, `python3 -m pdb`. */
function kindOfInterpreter(program: Named): Kind {
  const start = startOfProgram(program)
  if (isPrompt(program, start)) return "commands"
  if (start.program === null) return start.text !== null && seemsToExecute(start.text) ? "commands" : "other"
  const [path, ...rest] = start.program.words
  const module = start.program.script ? moduleOfFile(path) : path.split(".")[0]
  if (module === undefined)
    return kindOf({ executable: basename(path), name: "", arguments: [path, ...rest] })
  const name = module.toLowerCase()
  if (promptModules.has(name)) return "commands"
  return kindOf({ executable: name, name: "", arguments: [name, ...rest] })
}

/** A script that is a module: `…/python3.11/pdb.py`, `…/site-packages/IPython/__main__.py`. */
const moduleOfFile = (path: string): string | undefined =>
  (/\/(?:python\d[\d.]*|(?:site|dist)-packages)\/(\w+)(?:\.py$|\/)/.exec(path) ??
    /(?:^|\/)(\w+)\/__main__\.pyc?$/.exec(path))?.[1]

const startOfProgram = (program: Named): Start => startOf(callName(program), program.arguments.slice(1))

/** No program in the arguments, and still called what it is: one with a title of its own runs one. */
function isPrompt(program: Named, { program: named, text, isAskedToPrompt }: Start): boolean {
  if (isAskedToPrompt || program.isAskedToPrompt) return true
  const called = plainName(program.arguments[0] ?? "")
  return named === null && text === null && ["", plainName(program.executable)].includes(called)
}

/** The script that an interpreter runs, as its arguments name it; null for any other program, or none. */
export function scriptOf(program: Named): string | null {
  if (!interpreters.has(callName(program))) return null
  const { program: named } = startOfProgram(program)
  return named?.script ? named.words[0] : null
}

/** Endings of a file that is the program all the same: how it was built, put aside, or packed, and for what. */
const ending =
  /(?:[-_.](?:static|real|distrib|orig|bin|unwrapped|preview|lts|linux|musl|gnu|unknown|x64|x86_64|amd64|i[3-6]86|aarch64|arm64|armv\d\w*)|\.(?:openbsd|traditional|basic|tiny|gtk3|nox)|(?:[-.]v?)?\d[\d.]*)$/

/** The name it goes by: without a login shell's dash, npm's ending, a version, a distribution's variant, Nix's wrapping. */
function plainName(path: string): string {
  let name = basename(path)
    .replace(/^-|\.exe$/g, "")
    .replace(/^\.+(.+?)(?:-wrapped_*)+$/, "$1")
  while (!isName(name)) {
    const shorter = name.replace(ending, "")
    if (shorter === "" || shorter === name) break
    name = shorter
  }
  return name
}

/** `run0` and `sqlite3` are names, `python3` has a version. */
const isName = (name: string): boolean =>
  [shells, relays, commands, filters, launchers, interpreters].some(set => set.has(name))

function callName({ executable, arguments: [first = "", second = ""] }: Named): string {
  const own = plainName(executable)
  if (!multicalls.has(own)) return own
  const called = plainName(first)
  return multicalls.has(called) ? plainName(second) || "sh" : called
}

/** glibc's and musl's dynamic loader, which is musl's C library too (ld.so(8)). */
const loader = /^(?:ld(?:64|-[\w.-]+)?\.so(?:\.\d+)*|libc(?:\.musl-[\w-]+)?\.so(?:\.\d+)*)$/
const loaderValues = /^--(?:library-path|preload|inhibit-rpath|audit|argv0|glibc-hwcaps-(?:mask|prepend))$/

/** The arguments of the program that a dynamic loader was told to run, its file first; null for any other program. */
export function loadedBy(executable: string, words: readonly string[]): string[] | null {
  if (!loader.test(executable)) return null
  let index = 1
  while ((words[index] ?? "").startsWith("-")) index += loaderValues.test(words[index] ?? "") ? 2 : 1
  return index < words.length ? words.slice(index) : null
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
