import { describe, expect, it } from 'vitest'
import { Hedge, type HedgeOptions } from '../../src/resilience/hedge'
import { FakeClock } from '../../src/testing/fake-clock'

/** Answers when told; each request has a turn. */
function setUp(options: HedgeOptions) {
  const clock = new FakeClock()
  const hedge = new Hedge(clock, options)
  const requests: { signal: AbortSignal; resolve(value: string): void; reject(error: Error): void }[] = []
  const caller = new AbortController()
  const run = () =>
    hedge.run(
      (signal) => new Promise<string>((resolve, reject) => requests.push({ signal, resolve, reject })),
      caller.signal,
    )
  return { clock, hedge, requests, caller, run }
}

describe('hedge', () => {
  it('asks a second time after the delay; the first answer counts, the other request is aborted', async () => {
    const { clock, requests, run } = setUp({ afterMs: 50 })
    const answer = run()
    await clock.advance(49)
    expect(requests).toHaveLength(1)
    await clock.advance(1)
    expect(requests).toHaveLength(2)
    requests[1]!.resolve('second')
    expect(await answer).toBe('second')
    expect(requests.map(({ signal }) => signal.aborted)).toEqual([true, false])
    requests[0]!.reject(new Error('aborted'))
    await clock.advance(1_000)
    expect(requests).toHaveLength(2)
  })

  it('an answer in time is asked for once, and leaves no timer', async () => {
    const { clock, requests, run } = setUp({ afterMs: 50 })
    const answer = run()
    requests[0]!.resolve('first')
    expect(await answer).toBe('first')
    await clock.advance(1_000)
    expect(requests).toHaveLength(1)
  })

  it('a failure before the delay is one; after it, the other request may still answer', async () => {
    const { clock, requests, run } = setUp({ afterMs: 50, budget: 1 })
    const failing = run()
    requests[0]!.reject(new Error('refused'))
    await expect(failing).rejects.toThrow('refused')
    const late = run()
    await clock.advance(50)
    requests[1]!.reject(new Error('cut'))
    requests[2]!.resolve('still')
    expect(await late).toBe('still')
    const both = run()
    await clock.advance(50)
    requests[3]!.reject(new Error('one'))
    requests[4]!.reject(new Error('two'))
    await expect(both).rejects.toThrow('one')
  })

  it('the caller’s abort ends both, and nothing is asked afterwards', async () => {
    const { clock, requests, caller, run } = setUp({ afterMs: 50 })
    const answer = run()
    await clock.advance(50)
    for (const { signal, reject } of requests) signal.addEventListener('abort', () => reject(new Error('aborted')))
    caller.abort()
    await expect(answer).rejects.toThrow('aborted')
    await clock.advance(1_000)
    expect(requests).toHaveLength(2)
    expect(requests.every(({ signal }) => signal.aborted)).toBe(true)
  })

  it('keeps to its budget however slow the server is', async () => {
    const { clock, requests, run } = setUp({ afterMs: 10, budget: 0.05 })
    for (let call = 0; call < 400; call++) {
      const answer = run()
      await clock.advance(10)
      for (const { resolve } of requests.slice(-2)) resolve('slow')
      await answer
    }
    expect(requests.length - 400).toBeGreaterThan(10)
    expect(requests.length - 400).toBeLessThanOrEqual(21)
  })

  it('by percentile: not before it knows enough, then after what is unusual', async () => {
    const { clock, requests, run } = setUp({ percentile: 0.9 })
    for (let call = 1; call <= 20; call++) {
      const answer = run()
      await clock.advance(call)
      requests.at(-1)!.resolve('known')
      await answer
    }
    expect(requests).toHaveLength(20)
    const slow = run()
    await clock.advance(18)
    expect(requests).toHaveLength(21)
    await clock.advance(1)
    expect(requests).toHaveLength(22)
    requests[21]!.resolve('hedged')
    expect(await slow).toBe('hedged')
  })
})
