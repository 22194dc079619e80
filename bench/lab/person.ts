import { join } from "node:path"
import { profiles } from "../../src/tmux/readiness.ts"
import { look } from "../../src/tmux/snapshot.ts"
import { runTmux } from "../../src/tmux/tmux.ts"
import type { LabSession } from "./session.ts"

/** A person at the session: a tmux client in a terminal of its own, whose keys tmux takes for a person's. */
export type Person = {
  /** Types letters one after the other, as fast as people do. */
  readonly type: (words: string) => Promise<void>
  readonly press: (key: "Enter" | "C-u" | "BSpace") => Promise<void>
  /** What the box shows, or null where there is none. */
  readonly box: () => Promise<string | null>
  /** Takes out whatever the box holds, by the program's own keys; false where it cannot be done. */
  readonly clear: () => Promise<boolean>
} & AsyncDisposable

export const between = (least: number, most: number): number => least + Math.random() * (most - least)

/** Attaches a client to the session, from a tmux server of its own, and waits until it is there. */
export async function attachPerson(session: LabSession): Promise<Person> {
  const inner = session.server.socket ?? ""
  const outer = { socket: join(inner, "../person"), mayStart: true } as const
  session.tmux("set-option", "-g", "status", "off")
  const [columns = "120", rows = "40"] = session
    .tmux("display-message", "-p", "-t", session.pinned.pane, "#{pane_width} #{pane_height}")
    .trim()
    .split(" ")
  const attach = ["env", "-u", "TMUX", "tmux", "-u", "-S", inner, "attach-session", "-t", "=lab"]
  const started = await runTmux(outer, [
    ...["-f", "/dev/null", "new-session", "-d", "-s", "person", "-x", columns, "-y", rows, ...attach],
    ...[";", "set-option", "-g", "status", "off"],
  ])
  const isAttached = async () => (await runTmux(session.server, ["list-clients"])).stdout !== ""
  await untilTrue(isAttached, 10_000, `no client is attached: ${started.stderr}`)
  const send = async (...words: string[]): Promise<void> => {
    await runTmux(outer, ["send-keys", "-t", "person", ...words])
  }
  const box = async () => {
    const seen = await look(session.server, session.pinned)
    return seen.kind === "seen"
      ? (profiles[session.program.name].read(seen.snapshot).box?.text ?? null)
      : null
  }
  return {
    async type(words) {
      for (const letter of words) {
        await send("-l", letter)
        await Bun.sleep(between(20, 120))
      }
    },
    press: key => send(key),
    box,
    async clear() {
      for (let tries = 0; tries < 60; tries++) {
        if ((await box()) === "") return true
        await send(tries % 2 === 1 && session.program.name === "gemini" ? "BSpace" : "C-u")
        await Bun.sleep(150)
      }
      return (await box()) === ""
    },
    [Symbol.asyncDispose]: async () => {
      await runTmux(outer, ["kill-server"])
    },
  }
}

/** Polls. @throws Error with the words, after the deadline */
export async function untilTrue(
  condition: () => boolean | Promise<boolean>,
  milliseconds: number,
  words: string,
): Promise<void> {
  const deadline = performance.now() + milliseconds
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(words)
    await Bun.sleep(50)
  }
}

/** A word of 3 to 12 letters that nobody else says. */
export function newWord(): string {
  const length = Math.round(between(3, 12))
  const letters = Array.from(
    crypto.getRandomValues(new Uint8Array(length)),
    byte => "abcdefghijklmnopqrstuvwxyz"[byte % 26],
  )
  return letters.join("")
}
