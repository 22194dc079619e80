/** By which names and arguments a program is known to execute what is typed into it. Processes: keyboard-owner-plain.test.ts. */
import { describe, expect, test } from "bun:test"
import { isPromptingBy } from "../../src/tmux/interpreters.ts"
import { detectProfile, keyboardOwner } from "../../src/tmux/keyboard-owner.ts"
import { type Kind, kindOf, loadedBy, namesOfKind } from "../../src/tmux/shells.ts"

const kind = (line: string): Kind => {
  const words = line.split(" ")
  return kindOf({ executable: words[0] ?? "", name: "", arguments: words })
}

/** Names of each kind as distributions, packages and people lay them out. */
const forms = (name: string): readonly string[] => [
  ...["", "-static", ".static", ".real", ".distrib", ".orig", ".exe", "-5.2", "-v5.2", "-5.2-static"].map(
    end => name + end,
  ),
  // `r25.2` may be anything.
  ...(/\d$/.test(name) ? [] : [`${name}5.2`]),
  ...["-linux-x64", "-x86_64-unknown-linux-musl", "-linux-arm64", "_amd64"].map(end => name + end),
  `.${name}-wrapped`,
  `.${name}-wrapped_`,
]
const kinds = Object.entries(namesOfKind) as [keyof typeof namesOfKind, ReadonlySet<string>][]

describe.each(kinds)("every %s", (wanted, names) => {
  const wrong = (look: (name: string) => Kind): string[] => [...names].filter(name => look(name) !== wanted)
  test("under every form of its name", () => {
    const other = [...names].flatMap(forms).filter(name => kind(name) !== wanted)
    expect(other).toEqual([])
  })
  test("by the kernel's name alone, and by what it was called alone", () => {
    expect(wrong(name => kindOf({ executable: "x", name, arguments: ["x"] }))).toEqual([])
    expect(wrong(name => kindOf({ executable: "x", name: "x", arguments: [`/usr/bin/${name}`] }))).toEqual([])
  })
  test("as a script of every interpreter", () => {
    for (const interpreter of ["python3.11", "perl", "ruby3.1", "lua5.4", "php8.2", "node", "bun"])
      expect(wrong(name => kind(`${interpreter} /usr/bin/${name}`))).toEqual([])
  })
})

/** By hand, so that a name that is left out of the tables is missed. */
test.each([
  ["shell", "sh ash bash dash zsh ksh mksh csh tcsh fish nu pwsh elvish xonsh busybox/sh login rbash"],
  ["relay", "ssh mosh telnet socat docker podman kubectl su sudo doas tmux screen zellij script nsenter adb"],
  ["commands", "less more man vim nano emacs gdb psql mysql sqlite3 redis-cli node python3 irb bc ghci ftp"],
  ["filter", "awk gawk sed xargs make"],
] as const)("what everybody has: every %s of these is one", (wanted, names) => {
  const lineOf = (name: string): string => name.replace("/", " ")
  expect(names.split(" ").filter(name => kind(lineOf(name)) !== wanted)).toEqual([])
})

describe.each([
  ["commands", "python3"],
  ["commands", "python3.11 -qi chat.py"],
  ["commands", "python3 -Bi chat.py"],
  ["commands", "python3 -im json.tool"],
  ["commands", "python3 -ic pass"],
  ["commands", "python3 -i -m json.tool"],
  ["commands", "python3 -q -i"],
  ["commands", "python3 --check-hash-based-pycs default -i"],
  ["commands", "python3 -c exec(input()) x"],
  ["other", "python3 -c print(1) exec(input())"],
  ["commands", "python3 - chat.py"],
  ["commands", "python3 -- - chat.py"],
  ["commands", "python3 -m IPython"],
  ["commands", "python3 -mIPython"],
  ["commands", "python3 -Bm code"],
  ["commands", "python3 -m asyncio"],
  ["commands", "python3 -m pdb chat.py"],
  ["commands", "python3 -W ignore -X dev -m ptpython"],
  ["commands", "python3 -uW ignore -m code"],
  ["commands", "python3 /usr/lib/python3.11/pdb.py chat.py"],
  ["commands", "python3 /opt/lib/python3.12/site-packages/IPython/__main__.py"],
  ["commands", "python3 manage.py --settings=s shell"],
  ["commands", "python3 -m flask shell"],
  ["commands", "python3 -c import_code;code.interact()"],
  ["commands", "pypy3.9-bin -i chat.py"],
  ["commands", "perl -d chat.pl"],
  ["commands", "perl -d:Trace chat.pl"],
  ["commands", "perl -ne system($_)"],
  ["commands", "ruby -rirb chat.rb"],
  ["commands", "ruby -r debug chat.rb"],
  ["commands", "ruby bin/rails console"],
  ["commands", "lua5.4 -l x -i chat.lua"],
  ["commands", "php -a"],
  ["commands", "php -R system($argn);"],
  ["commands", "php artisan tinker"],
  ["commands", "node -r fs"],
  ["commands", "node -i"],
  ["commands", "node inspect chat.js"],
  ["commands", 'node -e require("repl").start()'],
  ["commands", "bun repl"],
  ["commands", "nix repl"],
  ["shell", "python3 -m xonsh"],
  ["shell", "python3 -m xonsh.main"],
  ["shell", "python3 -m xonsh --no-rc"],
  ["script", "python3 -m xonsh -c x"],
  ["relay", "python3 -m serial.tools.miniterm"],
  ["other", "python3 chat.py"],
  ["other", "python3 chat.py -i"],
  ["other", "python3 -u -W ignore chat.py -i"],
  ["other", "python3 -Wignore -Xdev -m aider -i"],
  ["other", "python3 -Wi chat.py"],
  ["other", "python3 -m chat"],
  ["other", "python3 script.py"],
  ["other", "python3 /home/me/python/code.py"],
  ["other", "python3 -c from_multiprocessing.resource_tracker_import_main;main(5)"],
  ["other", "perl -pi -e s/a/b/"],
  ["other", "perl -Mstrict -lne print chat"],
  ["other", "ruby -i.bak -W0 chat.rb"],
  ["other", "php -d x=1 -f chat.php"],
  ["other", "node --import x chat.js shellfish"],
  ["other", "reader shellfish"],
] as const)("%s", (wanted, line) => {
  test(line, () => expect(kind(line)).toBe(wanted))
})

test.each([
  ["python", "PYTHONINSPECT=1", true],
  ["python", "PYTHONINSPECT=", false],
  ["python", "PYTHONINSPECTOR=1", false],
  ["pypy", "PYTHONINSPECT=x", true],
  ["perl", "PYTHONINSPECT=1", false],
  ["perl", "PERL5OPT=-Mstrict -d", true],
  ["perl", "PERL5OPT=-Mstrict", false],
  ["ruby", "RUBYOPT=-W0 -rdebug", true],
  ["ruby", "RUBYOPT=-W0", false],
  ["node", "PYTHONINSPECT=1", false],
] as const)("%s with %s prompts: %p", (name, entry, wanted) => {
  expect(isPromptingBy(name, ["A=1", entry])).toBe(wanted)
})

test.each([
  ["ld-linux-x86-64.so.2 /bin/bash -c x", ["/bin/bash", "-c", "x"]],
  ["ld-linux-aarch64.so.1 --library-path /lib --argv0 claude /bin/bash", ["/bin/bash"]],
  ["ld-linux.so.2 --inhibit-cache --preload=x /bin/bash", ["/bin/bash"]],
  ["ld-musl-x86_64.so.1 --preload x /bin/bash", ["/bin/bash"]],
  ["ld-musl-x86_64.so.1 -- /bin/bash", ["/bin/bash"]],
  ["ld-2.31.so /bin/bash", ["/bin/bash"]],
  ["ld64.so.2 /bin/bash", ["/bin/bash"]],
  ["ld.so /bin/bash", ["/bin/bash"]],
  ["libc.so /bin/bash", ["/bin/bash"]],
  ["libc.musl-x86_64.so.1 /bin/bash", ["/bin/bash"]],
  ["ld-linux-x86-64.so.2", null],
  ["ld-linux-x86-64.so.2 --version", null],
  ["ld chat.o", null],
  ["ld.so.conf /bin/bash", null],
  ["bash ld.so", null],
] as const)("what a dynamic loader runs: %s", (line, wanted) => {
  const words = line.split(" ")
  expect(loadedBy(words[0] ?? "", words)).toEqual(wanted as string[] | null)
})

test.each([
  ["by the kernel's name of it", "claude", ["x"], "claude"],
  ["by the name of a script that stands in the arguments", "claude", ["x", "a", "/opt/claude-code"], null],
  ["by nothing", "x", ["x", "claude"], null],
])("a program that nobody knows is an agent's %s", (_, name, words, want) => {
  expect(detectProfile({ executable: "x", name, arguments: words })).toBe(want as never)
})

test("a process that is gone has no keyboard", () => expect(keyboardOwner(2 ** 30)).toBeNull())
