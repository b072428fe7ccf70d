import type { Clock } from './clock'

/** What is done again and again until it is stopped. */
export interface Renewal {
  /** Nothing begins any more; waits for what is under way. */
  stop(): Promise<void>
}

/** Calls `renew` every `ms`, once at a time. One that fails is followed by the next. Keeps no process alive. */
export function renewEvery(clock: Clock, ms: number, renew: () => Promise<unknown>): Renewal {
  let isStopped = false
  let running: Promise<unknown> = Promise.resolve()
  let cancel = (): void => undefined
  const schedule = (): void => {
    const fire = (): void => {
      running = renew().catch(() => undefined)
      void running.then(() => isStopped || schedule())
    }
    cancel = clock.timer(ms, fire, { background: true })
  }
  schedule()
  return {
    stop: async () => {
      isStopped = true
      cancel()
      await running
    },
  }
}
