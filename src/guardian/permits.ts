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
