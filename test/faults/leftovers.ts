/** Sockets and timers that keep this process alive; those of the test's own servers count too, so compare. */
export function leftovers(): { readonly sockets: number; readonly timers: number } {
  const kinds = process.getActiveResourcesInfo()
  const count = (pattern: RegExp): number => kinds.filter((kind) => pattern.test(kind)).length
  return { sockets: count(/^(TCPSocketWrap|TCPWrap|TLSWrap|TCPConnectWrap)$/), timers: count(/^Timeout$/) }
}

/** Resolves once nothing is left of what came after `before`; rejects when something stays. */
export async function noneLeft(before: ReturnType<typeof leftovers>, sockets: () => number): Promise<void> {
  await settled(() => {
    const now = leftovers()
    const left = { open: sockets(), sockets: now.sockets - before.sockets, timers: now.timers - before.timers }
    if (left.open > 0 || left.sockets > 0 || left.timers > 0) throw new Error(`left open: ${JSON.stringify(left)}`)
  })
}

/** Resolves once `check` passes, without a timer of its own while it looks; rejects with its last failure. */
export async function settled(check: () => void | Promise<void>, withinMs = 5_000): Promise<void> {
  const until = performance.now() + withinMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > until) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
