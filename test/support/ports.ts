/** Ports of one test's own, beside all the others that run. */

/** Below the ports that the kernel hands out: no `port: 0` beside this test gets one of these. */
const firstPort = 12_000
/** The test processes that run beside each other, and the ports of each. */
const blocks = 8
const portsInBlock = 2500
const block = Number(process.env.BUN_TEST_WORKER_ID ?? 0) % blocks
/** A Guardian looks for a peer a few ports from where it was. */
const portStep = 37
/** Of the file before, a Guardian may still look for its peer. */
let portSteps = Math.floor(Math.random() * portsInBlock)

/**
 * A port at which nobody listens, and another one each time. What listens there, ends and listens again finds it free:
 * one that the kernel chose may be another process' by then, for a connection that it makes.
 */
export function freePort(): number {
  for (;;) {
    portSteps += 1
    const port = firstPort + block * portsInBlock + ((portSteps * portStep) % portsInBlock)
    if (isFree(port)) return port
  }
}

function isFree(port: number): boolean {
  try {
    Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response() }).stop(true)
    return true
  } catch {
    return false
  }
}
