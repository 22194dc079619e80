import { join } from "node:path"
import { type Entry, jsonFile, ownFile, ownJsonFile } from "../parts.ts"
import { hookSeconds, hooksOf, type ProgramSetup, placeOf, type Scope, toolSeconds } from "../scope.ts"
import { context, manifest, mcpServer, skill } from "../texts.ts"

/** The hooks that tell of a turn. */
export const geminiEvents = ["BeforeAgent", "AfterAgent"] as const

/** Extensions are the user's alone (Gemini CLI 0.61.0); in a project, its settings file takes the same entries. */
export function gemini({ sento, project, environment }: Scope): ProgramSetup {
  const server: Entry = {
    path: ["mcpServers"],
    key: "sento",
    value: { ...mcpServer(sento), timeout: toolSeconds * 1000 },
  }
  const hooks = hooksOf(sento, geminiEvents, hookSeconds * 1000)
  if (project !== null) {
    return {
      root: project,
      parts: [
        jsonFile(join(project, ".gemini", "settings.json"), [server, ...hooks]),
        ownFile("gemini", join(project, ".gemini", "skills", "sento", "SKILL.md"), skill("gemini")),
      ],
      next: "start Gemini CLI anew in this directory, and trust it",
    }
  }
  const place = placeOf(environment, "GEMINI_CLI_HOME")
  const folder = join(place.folder, ".gemini", "extensions", "sento")
  const extension = join(folder, "gemini-extension.json")
  return {
    root: place.root,
    parts: [
      ownJsonFile("gemini", extension, { ...manifest("gemini"), contextFileName: "GEMINI.md" }, [server]),
      ownJsonFile("gemini", join(folder, "hooks/hooks.json"), {}, hooks, extension),
      ownFile("gemini", join(folder, "GEMINI.md"), context("gemini"), extension),
    ],
    next: "start Gemini CLI anew",
  }
}
