/** What can be said on the command line: for each first word, how commander is told of it. */
import { Command, Option } from "commander"
import { pathsOf } from "../store/paths.ts"
import { version } from "../version.ts"
import type { OwnerAddOptions } from "./owner.ts"
import type { SendOptions } from "./send.ts"
import type { SetupOptions } from "./setup.ts"

type Json = { readonly json?: boolean }

type Finish = (status: number) => void
type Add = (program: Command, finish: Finish) => void

/**
 * The program with the command that is named, or with all of them where none is: telling commander of all takes a
 * tenth of a command's time.
 */
export function createProgram(name: string, finish: Finish): Command {
  const program = new Command("sento")
    .description("Two AI agents talk to each other, with both owners' consent and nobody in between.")
    .version(version, "-V, --version")
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showSuggestionAfterError()
  const named = Object.hasOwn(commands, name)
    ? [commands[name as keyof typeof commands]]
    : Object.values(commands)
  for (const add of named) add(program, finish)
  return program
}

const paths = () => pathsOf(process.env.SENTO_HOME, process.env.SENTO_DOOR)

const command = (parent: Command, usage: string, description: string): Command =>
  parent
    .command(usage)
    .description(description)
    .option("--json", "print JSON")
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .allowExcessArguments(false)

/** One that acts alone and has subcommands too. */
const group = (parent: Command, name: string, description: string): Command =>
  command(parent, name, description).allowExcessArguments(true)

const addInit: Add = (program, finish) => {
  command(program, "init", "set this agent up")
    .option("--name <name>", "what the agent is called")
    .option("--session <session>", "the tmux session it runs in")
    .option("--tmux-socket <path>", "the socket of a tmux server other than the default one")
    .addOption(
      new Option("--profile <profile>", "claude, codex, gemini, opencode, or plain for any other program"),
    )
    .option("--listen <host>", "the address to listen on (127.0.0.1)")
    .option("--port <port>", "the port to prefer (9876)")
    .option("--hardened", "print the steps by which the agent runs as a user of its own")
    .option("--agent-user <user>", "that user (NAME-agent)")
    .action(async options => finish(await (await import("./init.ts")).init(paths(), options)))
}

const addGuard: Add = (program, finish) => {
  const guard = group(program, "guard", "start the Guardian, in the background")
    .option("--foreground", "stay in this terminal")
    .action(async (options: Json & { foreground?: boolean }, self: Command) => {
      refuseUnknown(self)
      const commands = await import("./guard.ts")
      if (options.foreground) return finish(await commands.guardForeground(paths()))
      await (await import("./init.ts")).ensureConfig(paths(), options.json ?? false)
      finish(await commands.guard(paths(), options.json ?? false))
    })
  const guardCommand = (
    name: string,
    description: string,
    run: "guardStop" | "guardRestart" | "guardAttach" | "guardStatusCommand",
  ) =>
    command(guard, name, description).action(async (_, self: Command) =>
      finish(await (await import("./guard.ts"))[run](paths(), isJson(self))),
    )
  guardCommand("stop", "stop it", "guardStop")
  guardCommand("restart", "stop it and start it again", "guardRestart")
  guardCommand("attach", "type into the session's active pane as it is now", "guardAttach")
  guardCommand("status", "whether it runs, where it listens, what waits", "guardStatusCommand")
  command(guard, "logs", "what it wrote down")
    .option("-f, --follow", "go on as it writes")
    .action(async (options: { follow?: boolean }, self: Command) =>
      finish(await (await import("./guard.ts")).guardLogs(paths(), options.follow ?? false, isJson(self))),
    )
}

const addPair: Add = (program, finish) => {
  command(program, "pair", "print a pairing code, or join with one")
    .argument("[code]", "CODE, CODE@HOST or CODE@HOST:PORT, from the other owner")
    .option("--long", "a code of eight symbols")
    .option("--as <name>", "the name for the other agent here")
    .option("--replace", "end the pair that has this name now")
    .action(async (code: string | undefined, options) => {
      const { join, pair } = await import("./pair.ts")
      finish(code === undefined ? await pair(paths(), options) : await join(paths(), code, options))
    })
}

const addApprove: Add = (program, finish) => {
  command(program, "approve", "say yes to a request that waits")
    .argument("[id]", "which one")
    .option("--as <name>", "the name for the other agent here")
    .option("--replace", "end the pair that has this name now")
    .action(async (id: string | undefined, options) =>
      finish(await (await import("./pair.ts")).approve(paths(), id ?? null, options)),
    )
}

const addDeny: Add = (program, finish) => {
  command(program, "deny", "say no to a request that waits")
    .argument("[id]", "which one")
    .action(async (id: string | undefined, options: Json) =>
      finish(await (await import("./pair.ts")).deny(paths(), id ?? null, options.json ?? false)),
    )
}

const addAsk: Add = (program, finish) => {
  program
    .command("ask", { hidden: true })
    .argument("<id>")
    .action(async (id: string) => finish(await (await import("./consent.ts")).askInPopup(paths(), id)))
}

const addOwner: Add = (program, finish) => {
  const owner = group(program, "owner", "how the owner is asked").action(
    async (options: Json, self: Command) => {
      refuseUnknown(self)
      finish((await import("./owner.ts")).owner(paths(), options.json ?? false))
    },
  )
  command(owner, "add", "ask the owner in a chat, too")
    .argument("<chat>", "telegram, discord or slack")
    .option("--token-file <path>", "a file with the bot's token, in place of typing it")
    .option("--user <id>", "your own user id: discord and slack")
    .addOption(new Option("--base-url <url>", "a server in place of the vendor's").hideHelp())
    .action(async (chat: string, options: OwnerAddOptions, self: Command) =>
      finish(await (await import("./owner.ts")).ownerAdd(paths(), chat, { ...options, json: isJson(self) })),
    )
  command(owner, "remove", "ask no longer in a chat")
    .argument("<chat>", "telegram, discord or slack")
    .action(async (chat: string, _, self: Command) =>
      finish(await (await import("./owner.ts")).ownerRemove(paths(), chat, isJson(self))),
    )
  command(owner, "pin", "set, change or take away the PIN that a yes and a removal take").action(async () =>
    finish(await (await import("./owner-pin.ts")).ownerPin(paths())),
  )
}

const addAgents: Add = (program, finish) => {
  const agents = group(program, "agents", "list the paired agents").action(
    async (options: Json, self: Command) => {
      refuseUnknown(self)
      finish(await (await import("./agents.ts")).agents(paths(), options.json ?? false))
    },
  )
  command(agents, "remove", "end a pair and destroy our end of its secret")
    .argument("<name>")
    .action(async (name: string, _, self: Command) =>
      finish(await (await import("./agents.ts")).removeAgent(paths(), name, isJson(self))),
    )
  command(agents, "rename", "call a paired agent by another name here")
    .argument("<old>")
    .argument("<new>")
    .action(async (from: string, to: string, _, self: Command) =>
      finish(await (await import("./agents.ts")).renameAgent(paths(), from, to, isJson(self))),
    )

  command(agents, "pause", "keep an agent's messages and type none of them")
    .argument("<name>")
    .argument("[duration]", "30m, 2h, 1d; without: until `sento agents resume`")
    .action(async (name: string, duration: string | undefined, _, self: Command) =>
      finish(await (await import("./agents.ts")).pauseAgent(paths(), name, duration ?? null, isJson(self))),
    )
  command(agents, "resume", "type a paused agent's messages again")
    .argument("<name>")
    .action(async (name: string, _, self: Command) =>
      finish(await (await import("./agents.ts")).resumeAgent(paths(), name, isJson(self))),
    )
}

const addSend: Add = (program, finish) => {
  command(program, "send", "send a message to a paired agent")
    .argument("<name>")
    .argument("[text...]", "the message, or - for stdin")
    .option("--wait [seconds]", "wait for the answer and print it (100 s)")
    .option("--reply-to <id>", "the message that this answers")
    .action(async (to: string, words: string[], options: SendOptions) =>
      finish(await (await import("./send.ts")).send(paths(), to, words, options)),
    )
}

const addReply: Add = (program, finish) => {
  command(program, "reply", "answer a message by the id in its line")
    .argument("<id>", "as in `← agent mira [k7q2]: …`")
    .argument("<text...>", "the answer, or - for stdin")
    .action(async (id: string, words: string[], options: Json) =>
      finish(await (await import("./send.ts")).reply(paths(), id, words, options.json ?? false)),
    )
}

const addLog: Add = (program, finish) => {
  command(program, "log", "the messages both ways, the latest last; times are UTC")
    .argument("[name]", "only those from and to this agent")
    .option("-f, --follow", "go on as messages come and go")
    .option("-n, --lines <count>", "how many", "100")
    .action(async (name: string | undefined, options: Json & { follow?: boolean; lines: string }) =>
      finish(await (await import("./log.ts")).log(paths(), name ?? null, options)),
    )
}

const addStatus: Add = (program, finish) => {
  command(program, "status", "how this agent is, in a few lines").action(async (options: Json) =>
    finish(await (await import("./status.ts")).status(paths(), options.json ?? false)),
  )
}

const addDoctor: Add = (program, finish) => {
  command(program, "doctor", "find what is wrong, and how to mend it")
    .argument("[name]", "a paired agent to reach as well")
    .action(async (name: string | undefined, options: Json) =>
      finish(await (await import("./doctor.ts")).doctor(paths(), name ?? null, options.json ?? false)),
    )
}

const addSetup: Add = (program, finish) => {
  command(program, "setup", "tell an agent program of sento")
    .argument("<program>", "claude, codex, gemini or opencode")
    .option("--project", "for this directory alone")
    .option("--print", "show what would change, and change nothing")
    .option("--undo", "take away what setup wrote")
    .action(async (name: string, options: SetupOptions) =>
      finish(await (await import("./setup.ts")).setup(name, options)),
    )
}

const addHands: Add = (program, finish) => {
  command(
    program,
    "hands",
    "type for a Guardian of another user, as the agent's user (hardened mode)",
  ).action(async (options: Json) =>
    finish(await (await import("./hands.ts")).hands(paths(), options.json ?? false)),
  )
}

const addMcp: Add = (program, finish) => {
  command(program, "mcp", "serve the agent's side to an agent program, over stdin and stdout").action(
    async () => finish(await (await import("./mcp.ts")).mcp(paths())),
  )
}

const addHook: Add = (program, finish) => {
  command(program, "hook", "tell the Guardian of an agent program's turn (what `sento setup` writes runs it)")
    .argument("<event>", "the program's name for it, such as Stop; its JSON on stdin")
    .action(async (event: string) => finish(await (await import("./hook.ts")).hook(event)))
}

const addDemo: Add = (program, finish) => {
  program
    .command("demo")
    .description("see two agents pair and talk, in a private place")
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .allowExcessArguments(false)
    .action(async () => finish(await (await import("./demo.ts")).demo()))
}

const addDemoAgent: Add = (program, finish) => {
  program
    .command("demo-agent", { hidden: true })
    .argument("[answer]")
    .action(async (answer: string | undefined) =>
      finish(await (await import("./demo.ts")).demoAgent(answer ?? null)),
    )
}

/** In the order in which `sento --help` lists them. */
const commands = {
  init: addInit,
  guard: addGuard,
  pair: addPair,
  approve: addApprove,
  deny: addDeny,
  ask: addAsk,
  owner: addOwner,
  agents: addAgents,
  send: addSend,
  reply: addReply,
  log: addLog,
  status: addStatus,
  doctor: addDoctor,
  setup: addSetup,
  hands: addHands,
  mcp: addMcp,
  hook: addHook,
  demo: addDemo,
  "demo-agent": addDemoAgent,
}

/** `--json` given before or after a subcommand's name. */
const isJson = (command: Command): boolean => command.optsWithGlobals<Json>().json ?? false

/**
 * A command that acts alone and has subcommands too. commander would call a mistyped subcommand an argument too
 * many; its own answer for unknown commands, with the suggestion, is not in its types (commander 15.1.0).
 */
function refuseUnknown(command: Command): void {
  if (command.args.length > 0) (command as Command & { unknownCommand(): void }).unknownCommand()
}
