/** Set where a script runs again inside. */
const insideVariable = "SENTO_LAB_NAMESPACE"

/** Whether this script runs where no packet can leave. */
export const isInNamespace = (): boolean => process.env[insideVariable] !== undefined

/** Runs this script again in a network namespace that has a loopback interface and nothing else. @returns its exit */
export async function runInNamespace(): Promise<number> {
  const unshare = process.getuid?.() === 0 ? ["unshare", "-n"] : ["unshare", "-r", "-n"]
  const start = 'ip link set lo up && exec "$0" "$@"'
  const child = Bun.spawn([...unshare, "sh", "-c", start, process.execPath, ...process.argv.slice(1)], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, [insideVariable]: "1" },
  })
  return await child.exited
}
