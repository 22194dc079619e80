/** The least that brings a text into a pane and sends it off: one call of tmux with three commands. */

/** @param target - a pane's; the text has no line breaks */
export const tmuxCall = (target: string, text: string): readonly string[] => [
  ...["set-buffer", "-b", "reference", "--", text, ";"],
  ...["paste-buffer", "-d", "-b", "reference", "-t", target, ";"],
  ...["send-keys", "-t", target, "Enter"],
]
