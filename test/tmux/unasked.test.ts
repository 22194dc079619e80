import { expect, test } from "bun:test"
import { parseScreen } from "../../src/tmux/screen.ts"
import { actsUnasked } from "../../src/tmux/unasked.ts"

test.each([
  ["claude", ["--dangerously-skip-permissions"], "", "--dangerously-skip-permissions"],
  ["claude", ["--permission-mode", "bypassPermissions"], "", "--permission-mode bypassPermissions"],
  ["claude", ["--permission-mode=auto"], "", "--permission-mode auto"],
  ["claude", ["--permission-mode", "plan"], "", null],
  ["claude", ["-p", "--dangerously-skip-permissions-not"], "", null],
  ["claude", [], "  ⏵⏵ bypass permissions on (shift+tab to cycle)", "bypass permissions on"],
  ["claude", [], "  ⏵⏵ auto mode on (shift+tab to cycle) · ← for agents", "auto mode on"],
  ["claude", [], "  ⏸ manual mode on · ? for shortcuts", null],
  ["claude", [], "❯ turn bypass permissions on, please", null],
  ["codex", ["--yolo"], "", "--yolo"],
  ["codex", ["resume", "-a", "never"], "", "-a never"],
  ["codex", ["-a", "on-request"], "", null],
  ["codex", ["-c", 'approval_policy="never"'], "", "-c approval_policy=never"],
  ["gemini", ["-y"], "", "-y"],
  ["gemini", ["--approval-mode=yolo"], "", "--approval-mode yolo"],
  ["gemini", [], " *   Type your message or @path/to/file", "YOLO mode"],
  ["gemini", [], " >   Type your message or @path/to/file", null],
  ["opencode", ["--auto"], "", "--auto"],
  ["opencode", [], "", null],
] as const)("%s %j with %j: %s", (name, options, screen, want) => {
  expect(actsUnasked(name, options, parseScreen(screen))).toBe(want)
})

test.each([
  ["the first option of several", "codex", ["-a", "never", "--yolo"], "", "--yolo"],
  ["an option before the screen", "gemini", ["-y"], " *   Type your message", "-y"],
  ["the first line of several", "claude", [], "  ⏵⏵ auto mode on\n  ⏵⏵ don't ask on", "auto mode on"],
  [
    "an option behind others",
    "claude",
    ["-p", "x", "--permission-mode", "auto"],
    "",
    "--permission-mode auto",
  ],
  ["no option without its value", "claude", ["auto", "--permission-mode"], "", null],
  ["no option whose name only ends so", "codex", ["-ca", "never", "x-a=never"], "", null],
  ["no option whose value begins so", "codex", ["-a=nevermore"], "", null],
] as const)("of what says so, %s", (_, name, options, screen, want) => {
  expect(actsUnasked(name, options, parseScreen(screen))).toBe(want)
})
