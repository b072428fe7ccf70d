import { describe, expect, it } from 'vitest'
import { Deadline } from '../../src/core/deadline'
import { HeadwaterError } from '../../src/core/errors'
import { seededRandom } from '../../src/core/random'
import { backoffMs } from '../../src/resilience/backoff'
import { RetryBudget } from '../../src/resilience/budget'
import { retry } from '../../src/resilience/retry'
import { FakeClock } from '../../src/testing/fake-clock'

const always = { next: () => 0.999999, bytes: () => new Uint8Array() }
const down = (retryAfterMs?: number) => new HeadwaterError('HW_UNAVAILABLE', 'down', { retryAfterMs })

function setup(options: { timeoutMs?: number; signal?: AbortSignal; attempts?: number; capacity?: number } = {}) {
  const clock = new FakeClock()
  const budget = new RetryBudget(clock, { ratio: 0.1, minimumPerSecond: 0, capacity: options.capacity ?? 100 })
  const deadline = new Deadline(clock, { timeoutMs: options.timeoutMs, signal: options.signal })
  const calls: number[] = []
  const run = (call: (attempt: number) => Promise<unknown>, repeatable = true) =>
    retry(
      (attempt) => {
        calls.push(clock.monotonic())
        return call(attempt)
      },
      {
        clock,
        random: always,
        budget,
        signal: deadline.signal,
        remaining: () => deadline.remaining(),
        mayRetry: (error) => error.retryable && repeatable,
        maxAttempts: options.attempts ?? 4,
        baseMs: 100,
        maxMs: 1_000,
      },
    )
  return { clock, budget, calls, run, deadline }
}

/** The rejection, observed from the start so that it is never unhandled. */
function rejection(promise: Promise<unknown>): Promise<HeadwaterError> {
  return promise.then(
    () => expect.unreachable('it resolved'),
    (error: HeadwaterError) => error,
  )
}

describe('backoff', () => {
  it('draws from 0 up to a doubling ceiling, never below what the server asked for', () => {
    const random = seededRandom(1)
    const options = { baseMs: 100, maxMs: 1_000 }
    for (let n = 0; n < 1_000; n++) {
      const wait = backoffMs(n % 8, options, random)
      expect(wait).toBeGreaterThanOrEqual(0)
      expect(wait).toBeLessThan(Math.min(1_000, 100 * 2 ** (n % 8)))
      expect(backoffMs(0, options, random, 700)).toBe(700)
    }
    const waits = Array.from({ length: 200 }, () => backoffMs(10, options, random))
    expect(Math.min(...waits)).toBeLessThan(100)
    expect(Math.max(...waits)).toBeGreaterThan(900)
  })
})

describe('retry', () => {
  it('calls again after growing waits until it works', async () => {
    const { clock, calls, run } = setup()
    const result = run(async (attempt) => {
      if (attempt < 4) throw down()
      return 'ok'
    })
    await clock.advance(5_000)
    await expect(result).resolves.toBe('ok')
    expect(calls.map(Math.round)).toEqual([0, 100, 300, 700])
  })

  it('never calls again when aborted while waiting, and ends at once', async () => {
    const controller = new AbortController()
    const { clock, calls, run } = setup({ signal: controller.signal })
    const error = rejection(
      run(async () => {
        throw down(60_000)
      }),
    )
    await clock.advance(10)
    controller.abort()
    const seen = await error
    expect(seen.code).toBe('HW_ABORTED')
    expect(seen.cause).toMatchObject({ code: 'HW_UNAVAILABLE' })
    await clock.advance(600_000)
    expect(calls).toEqual([0])
    expect(clock.pending).toBe(0)
  })

  it('waits at least Retry-After', async () => {
    const { clock, calls, run } = setup()
    const result = run(async (attempt) => {
      if (attempt === 1) throw down(2_500)
    })
    await clock.advance(2_499)
    expect(calls).toEqual([0])
    await clock.advance(1)
    await result
    expect(calls).toEqual([0, 2_500])
  })

  it('gives up at once when the wait would outlive the deadline', async () => {
    const { calls, run } = setup({ timeoutMs: 1_000 })
    const error = await rejection(
      run(async () => {
        throw down(1_500)
      }),
    )
    expect(error.code).toBe('HW_UNAVAILABLE')
    expect(calls).toEqual([0])
  })

  it('stops when the budget is spent, and calls earn it back', async () => {
    const { clock, calls, run, budget } = setup({ attempts: 100, capacity: 3, timeoutMs: 1e9 })
    const error = rejection(
      run(async () => {
        throw down()
      }),
    )
    await clock.advance(100_000)
    expect((await error).code).toBe('HW_UNAVAILABLE')
    expect(calls).toHaveLength(4)
    expect(budget.available).toBe(0)
    for (let n = 0; n < 11; n++) budget.earn()
    expect(budget.available).toBe(1)
  })

  it.each([
    ['not retryable', new HeadwaterError('HW_INVALID_ARGUMENT', 'no'), true],
    ['not repeatable', down(), false],
    ['not one of ours', new TypeError('defect'), true],
  ])('calls once when the failure is %s', async (_, failure, repeatable) => {
    const { calls, run } = setup()
    const error = await rejection(run(() => Promise.reject(failure), repeatable))
    expect(error).toBe(failure)
    expect(calls).toHaveLength(1)
  })
})

describe('budget', () => {
  it('refills by time up to its capacity, so that a quiet store can recover', async () => {
    const clock = new FakeClock()
    const budget = new RetryBudget(clock, { ratio: 0.1, minimumPerSecond: 1, capacity: 2 })
    expect([budget.spend(), budget.spend(), budget.spend()]).toEqual([true, true, false])
    await clock.advance(999)
    expect(budget.spend()).toBe(false)
    await clock.advance(1)
    expect(budget.spend()).toBe(true)
    await clock.advance(60_000)
    expect(budget.available).toBe(2)
  })
})
