/** Waiting: for time, and for one's turn. */

/** Waits that long, or less where the signal is aborted. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
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

/** At most so many tasks at once; the others wait their turn. */
export type Permits = { use<Value>(task: () => Promise<Value>): Promise<Value> }

export function createPermits(most: number): Permits {
  let free = most
  const waiting: (() => void)[] = []

  async function take(): Promise<void> {
    if (free > 0) free -= 1
    else await new Promise<void>(resolve => waiting.push(resolve))
  }

  function give(): void {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }

  return {
    async use(task) {
      await take()
      try {
        return await task()
      } finally {
        give()
      }
    },
  }
}
