import { join } from "node:path"

/**
 * The socket of a tmux server by its path. @param socket - null for tmux' own, where none is named (tmux(1), `-L`)
 */
export const socketPath = (
  socket: string | null,
  { TMUX_TMPDIR }: Readonly<Record<string, string | undefined>> = process.env,
): string => socket ?? join(TMUX_TMPDIR || "/tmp", `tmux-${process.getuid?.()}`, "default")
