/**
 * The one error type for failures that are expected: a stable code, a message that names the input, and a
 * hint with the command to run. A bug stays an ordinary Error with its stack.
 */

/** Exit status of each code (sysexits.h where it has a number; 124 and 130 as timeout(1) and shells use them). */
export const exitStatus = {
  failed: 1,
  usage: 64,
  "unknown-agent": 64,
  "unknown-message": 64,
  "too-long": 64,
  unreachable: 69,
  "try-later": 75,
  refused: 77,
  /** An agent's process at the owner's door. */
  "not-owner": 77,
  "needs-pin": 77,
  config: 78,
  "no-session": 78,
  "no-tmux": 78,
  "timed-out": 124,
  interrupted: 130,
} as const

/** A stable name of what went wrong; `--json` prints it as `error.code`. */
export type ErrorCode = keyof typeof exitStatus

/** An expected failure, told to a person as `sento: error: …` and `sento: hint: …`. */
export class SentoError extends Error {
  readonly code: ErrorCode
  readonly hint: string | null

  constructor(code: ErrorCode, message: string, hint: string | null = null) {
    super(message)
    this.name = "SentoError"
    this.code = code
    this.hint = hint
  }
}

/** True for the codes above: tells an error that came over a local door from one this build does not know. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(exitStatus, code)
}
