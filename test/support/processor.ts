/** How long work takes, whatever else the machine does. */

/**
 * The processor's time of this process for some work, in milliseconds: the least of three tries, as one may pay for a
 * collection of garbage or a compilation; of fewer where one was quick enough.
 */
export function processorMilliseconds(work: () => void, enough: number): number {
  const once = (): number => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  let least = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 3 && least >= enough; tries += 1) least = Math.min(least, once())
  return least
}
