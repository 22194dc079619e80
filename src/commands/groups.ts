/** The commands by what they are for, as `sento` alone and `sento --help` list them. */
export const groups = {
  "Set up": ["init", "setup", "pair", "owner", "completions", "uninstall"],
  Talk: ["send", "reply", "cancel", "log"],
  "Say yes or no": ["approve", "deny"],
  "See and keep": ["watch", "status", "inbox", "agents", "doctor", "guard"],
  "For programs": ["mcp", "hook", "hands"],
  "Try it": ["demo"],
} as const satisfies Readonly<Record<string, readonly string[]>>

/** The group of a command; one that is in none is for the program's own use. */
export const groupOf = (name: string): string =>
  Object.entries(groups).find(([, names]: [string, readonly string[]]) => names.includes(name))?.[0] ??
  "For its own use"
