/** Sleeps that end early when the run is over. */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, milliseconds)
  signal.addEventListener("abort", resolve as () => void, { once: true })
  await promise
  clearTimeout(timer)
  signal.removeEventListener("abort", resolve as () => void)
}
