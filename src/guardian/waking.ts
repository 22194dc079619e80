/** A machine that slept: timers stood still meanwhile (CLOCK_MONOTONIC, clock_gettime(2)), and the time of day did not. */
import type { Context } from "./context.ts"

/** What the two clocks may differ by while nobody sleeps: a clock that is set right, a look that came late. */
const usualMilliseconds = 30_000
/** A network is seldom there at once. */
const againMilliseconds = [0, 5000, 20_000] as const

/**
 * Calls `onWake` some times behind each sleep; a clock that was set ahead looks the same, and is as good a reason.
 * @returns what looks, to be called every 10 s or so
 */
export function watchForSleep(
  { now, elapsed, log, stopping }: Pick<Context, "now" | "elapsed" | "log" | "stopping">,
  onWake: () => void,
): () => void {
  const timers = new Set<ReturnType<typeof setTimeout>>()
  let apart = now() - elapsed()

  function look(): void {
    const slept = now() - elapsed() - apart
    apart += slept
    if (slept < usualMilliseconds) return
    log.write(`the machine slept for ${Math.round(slept / 1000)} s, or its clock was set ahead`)
    for (const wait of againMilliseconds) {
      const timer = setTimeout(() => {
        timers.delete(timer)
        onWake()
      }, wait)
      timers.add(timer)
    }
  }

  stopping.addEventListener("abort", () => {
    for (const timer of timers) clearTimeout(timer)
  })
  return look
}
