import type { FailureCounter } from './breaker'

export interface CounterOptions {
  /** Share of the last `window` calls that must fail for the circuit to open, above 0 and below 1. */
  readonly threshold: number
  /** How many calls are looked back on. */
  readonly window: number
  /** No opening before this many calls. */
  readonly minimumCalls: number
}

/**
 * cockatiel's CountBreaker behind our port. It counts calls and reads no clock, which its SamplingBreaker does; the
 * package is loaded here, on first use, so that importing headwater loads none of it.
 */
export async function loadCounter(options: CounterOptions): Promise<FailureCounter> {
  const { CircuitState, CountBreaker } = await import('cockatiel')
  const counter = new CountBreaker({
    threshold: options.threshold,
    size: options.window,
    minimumNumberOfCalls: options.minimumCalls,
  })
  const states = { closed: CircuitState.Closed, 'half-open': CircuitState.HalfOpen } as const
  return {
    success: (state) => counter.success(states[state]),
    failure: (state) => counter.failure(states[state]),
  }
}
