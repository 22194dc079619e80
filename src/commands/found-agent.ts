/** What a search for the agent that is meant comes to. */
import type { AgentSource } from "../protocol/names.ts"
import type { Paths } from "../store/paths.ts"
import type { Registered } from "../store/registry.ts"
import type { SharedServerSigns } from "../tmux/profile.ts"

export type Found =
  | { readonly kind: "found"; readonly paths: Paths; readonly stray: Stray | null }
  /** Several, and nothing says which. */
  | { readonly kind: "open"; readonly agents: readonly Registered[]; readonly shared: Shared | null }

/** This process works for a program's server that several panes share; `named` is whom something names all the same. */
export type Shared = { readonly server: SharedServerSigns; readonly named: Paths | null }

/** This process sits in one agent's pane, and something names another. */
export type Stray = { readonly pane: Registered; readonly named: string; readonly source: AgentSource }
