/** The user's crontab, where there is no systemd of the user's. */
import { SentoError } from "../../protocol/errors.ts"
import { amendCrontab } from "./unit.ts"

export const hasCron = (): boolean => Bun.which("crontab") !== null

/** Puts a home's line there, in place of the one that it has; null takes that away. @returns whether anything changed */
export async function setCronLine(home: string, line: string | null): Promise<boolean> {
  const before = await readCrontab()
  const after = amendCrontab(before, home, line)
  if (after === before) return false
  await writeCrontab(after)
  return true
}

/** `crontab -l` fails where there is none yet. */
export async function readCrontab(): Promise<string> {
  const child = Bun.spawn(["crontab", "-l"], { stdio: ["ignore", "pipe", "ignore"] })
  const [text, status] = await Promise.all([child.stdout.text(), child.exited])
  return status === 0 ? text : ""
}

async function writeCrontab(text: string): Promise<void> {
  const command = text === "" ? ["crontab", "-r"] : ["crontab", "-"]
  const child = Bun.spawn(command, { stdio: [new TextEncoder().encode(text), "ignore", "pipe"] })
  const [words, status] = await Promise.all([child.stderr.text(), child.exited])
  if (status !== 0)
    throw new SentoError("failed", `crontab: ${words.trim()}`, "see `crontab -l`, which is as it was")
}
