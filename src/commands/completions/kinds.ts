/** What each argument and each option's value is: the grammar says how it is called, not what can stand there. */
import { agentProgramNames, chatNames, profileNames } from "../../protocol/names.ts"
import { shellNames } from "./scripts.ts"

/** Words to choose from, something in the books, the shell's files, or what nobody can know. */
export type Kind =
  | readonly string[]
  | "peer"
  | "own"
  | "message"
  | "waiting"
  | "queued"
  | "request"
  | "file"
  | null

/** By the argument's command and name. */
export const argumentKinds: Readonly<Record<string, Kind>> = {
  "guard attach pane": null,
  "pair code": null,
  "approve id": "request",
  "deny id": "request",
  "ask id": "request",
  "owner add chat": chatNames,
  "owner remove chat": chatNames,
  "agents remove name": "peer",
  "agents rename old": "peer",
  "agents rename new": null,
  "agents address name": "peer",
  "agents address address": ["auto"],
  "agents pause name": "peer",
  "agents pause duration": ["30m", "2h", "1d"],
  "agents resume name": "peer",
  "agents clear name": null,
  "send name": "peer",
  "send text": null,
  "reply id": "message",
  "reply text": null,
  "cancel id": "queued",
  "inbox read id": "waiting",
  "inbox drop id": "waiting",
  "inbox release id": "waiting",
  "log name": "peer",
  "doctor name": "peer",
  "setup program": agentProgramNames,
  "completions shell": shellNames,
  "hook event": null,
  "demo-agent answer": null,
}

/** By the option, whichever command has it. */
export const optionKinds: Readonly<Record<string, Kind>> = {
  "--agent": "own",
  "--agent-user": null,
  "--as": null,
  "--grep": null,
  "--lines": null,
  "--listen": ["network", "all", "127.0.0.1"],
  "--name": null,
  "--port": null,
  "--profile": profileNames,
  "--reply-to": "message",
  "--session": null,
  "--since": ["30m", "2h", "1d"],
  "--thread": "message",
  "--tmux-socket": "file",
  "--token-file": "file",
  "--user": null,
  "--wait": null,
}
