/**
 * Points at which a test build can be made to die, as if the machine had lost power there. In a release the
 * build flag is the empty string, so nothing of this is compiled in.
 */
export type FaultPoint =
  | "before-try-is-taken"
  | "after-try-is-taken"
  | "before-request-is-kept"
  | "after-request-is-kept"
  | "before-config-is-renamed"
  | "before-peer-is-stored"
  | "after-peer-is-stored"
  | "after-request-is-settled"
  | "after-revocation-is-kept"
  | "before-message-is-kept"
  | "after-message-is-kept"
  | "before-typing-is-noted"
  | "after-typing-is-noted"
  | "after-paste-is-allowed"
  | "after-text-is-typed"
  | "after-delivery-is-noted"
  | "before-outgoing-is-kept"
  | "after-outgoing-is-kept"
  | "before-attempt"
  | "after-attempt"
  | "after-settle"
  | "after-hand-over"
  | "before-carried-answer"
  | "after-carried-answer"
  | "after-fetching"
  | "after-answer-is-kept"
  | "after-answer-is-brought"

/** Kills this process with SIGKILL when a test asked for it at this point. */
export function faultPoint(point: FaultPoint): void {
  if (process.env.SENTO_BUILD_FAULTS !== "on") return
  if (process.env.SENTO_FAULT === point) process.kill(process.pid, "SIGKILL")
}

/** Whether a test lifted the limits of messages and collects a minute, so that thousands can be sent: in a test build alone. */
export function areLimitsLifted(): boolean {
  return process.env.SENTO_BUILD_FAULTS === "on" && process.env.SENTO_LIMITS === "off"
}

/** This process's clock, in milliseconds since the epoch; a test build's can be wrong by `SENTO_CLOCK_OFFSET` seconds. */
export function systemClock(): () => number {
  if (process.env.SENTO_BUILD_FAULTS !== "on") return Date.now
  const offsetMilliseconds = Number(process.env.SENTO_CLOCK_OFFSET ?? 0) * 1000
  return () => Date.now() + offsetMilliseconds
}

/** Whether each step of a machine is a line in guardian.log: in a test build alone. */
export function areStepsTraced(): boolean {
  return process.env.SENTO_BUILD_FAULTS === "on" && process.env.SENTO_TRACE === "on"
}
