/** The user's crontab, where there is no systemd of the user's. */
import { SentoError } from "../../protocol/errors.ts"
import { amendCrontab } from "./unit.ts"

export const hasCron = (): boolean => Bun.which("crontab") !== null

/** Puts a home's line there, in place of the one that it has; null takes that away. @returns whether anything changed */
export async function setCronLine(home: string, line: string | null): Promise<boolean> {
  const before = await readCrontab()
  const after = amendCrontab(before, asLatin1(home), line === null ? null : asLatin1(line))
  if (after === before) return false
  await writeCrontab(after)
  return true
}

/** UTF-8 as the bytes that it is. */
const asLatin1 = (text: string): string => Buffer.from(text).toString("latin1")

/**
 * As bytes in latin1, for lines of the owner's may be in any encoding.
 * @throws failed where cron does not say: what it has must not be taken for nothing, and written over
 */
export async function readCrontab(): Promise<string> {
  const child = Bun.spawn(["crontab", "-l"], { stdio: ["ignore", "pipe", "pipe"], env: plainWords() })
  const [bytes, words, status] = await Promise.all([child.stdout.bytes(), child.stderr.text(), child.exited])
  if (status === 0) return Buffer.from(bytes).toString("latin1")
  // cronie, Vixie cron, dcron and BusyBox say so of a user who has none.
  if (/no crontab for|can't open|no such file/i.test(words)) return ""
  throw new SentoError("failed", `crontab -l: ${words.trim()}`, "see `crontab -l`; nothing was changed")
}

async function writeCrontab(text: string): Promise<void> {
  const command = text === "" ? ["crontab", "-r"] : ["crontab", "-"]
  const child = Bun.spawn(command, { stdio: [Buffer.from(text, "latin1"), "ignore", "pipe"] })
  const [words, status] = await Promise.all([child.stderr.text(), child.exited])
  if (status !== 0)
    throw new SentoError("failed", `crontab: ${words.trim()}`, "see `crontab -l`, which is as it was")
}

/** In English. */
const plainWords = (): Record<string, string | undefined> => ({ ...process.env, LC_ALL: "C" })
