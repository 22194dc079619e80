/** Waits, or less where the signal is aborted. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  const { promise, resolve } = Promise.withResolvers<void>()
  const end = (): void => resolve()
  const timer = setTimeout(end, milliseconds)
  signal.addEventListener("abort", end, { once: true })
  return promise.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener("abort", end)
  })
}
