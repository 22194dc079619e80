import { join } from "node:path"
import { type Entry, ownFile, ownJsonFile } from "../parts.ts"
import { hookSeconds, hooksOf, type ProgramSetup, placeOf, projectPlace, type Scope } from "../scope.ts"
import { manifest, mcpServer, skill } from "../texts.ts"

/** The hooks that tell of a turn. */
export const claudeEvents = [
  "UserPromptSubmit",
  "PermissionRequest",
  "Stop",
  "StopFailure",
  "SessionEnd",
] as const

/**
 * A plugin folder below `skills/` is loaded without any entry in a settings file, as `sento@skills-dir`, in a
 * project once its directory is trusted (Claude Code 2.1.197 and 2.1.330; both know all five hooks).
 */
export function claude({ sento, project, environment }: Scope): ProgramSetup {
  const place =
    project === null ? placeOf(environment, "CLAUDE_CONFIG_DIR", ".claude") : projectPlace(project, ".claude")
  const folder = join(place.folder, "skills", "sento")
  const plugin = join(folder, ".claude-plugin", "plugin.json")
  const server: Entry = {
    path: ["mcpServers"],
    key: "sento",
    value: { type: "stdio", ...mcpServer(sento) },
  }
  return {
    root: place.root,
    parts: [
      ownJsonFile("claude", plugin, { ...manifest("claude"), author: { name: "Sentō" } }, []),
      ownJsonFile("claude", join(folder, ".mcp.json"), {}, [server], plugin),
      ownJsonFile(
        "claude",
        join(folder, "hooks/hooks.json"),
        {},
        hooksOf(sento, claudeEvents, hookSeconds),
        plugin,
      ),
      ownFile("claude", join(folder, "skills/sento/SKILL.md"), skill("claude"), plugin),
    ],
    next:
      project === null
        ? "start Claude Code anew, or run /reload-plugins in it"
        : "start Claude Code anew in this directory, trust it, and say yes to its MCP server",
  }
}
