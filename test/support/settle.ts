// The test's own clock, where there is one, has none of this.
const turn = setImmediate

/**
 * What was asked for happens, and whatever follows of it without a timer, another process or the network: commits too.
 * A rest of some milliseconds would not do: a process that did not run meanwhile finds it over before anything else.
 */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise<void>(resolve => turn(resolve))
}
