/** What was asked for happens, and whatever follows of it without a timer or another process. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 60; i += 1) await Promise.resolve()
}
