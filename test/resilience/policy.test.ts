import { describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { Policy, type PolicyOptions, policyDefaults } from '../../src/resilience/policy'
import { FakeClock } from '../../src/testing/fake-clock'

const random = { next: () => 0.5, bytes: () => new Uint8Array() }
const fail = (code: 'HW_UNAVAILABLE' | 'HW_DATABASE' | 'HW_UNAUTHORIZED' | 'HW_TIMEOUT') => () =>
  Promise.reject(new HeadwaterError(code, code))
const once = { idempotent: false }
const hang = () => new Promise<never>(() => {})

async function setup(options: PolicyOptions = {}) {
  const clock = new FakeClock()
  const policy = await Policy.create('qdrant', options, { clock, random })
  return { clock, policy }
}

async function open(policy: Policy): Promise<void> {
  for (let n = 0; n < policyDefaults.breaker.minimumCalls; n++) {
    await policy.run(fail('HW_UNAVAILABLE'), once).catch(() => {})
  }
  expect(policy.breaker.state).toBe('open')
}

describe('circuit breaker in a policy', () => {
  it('opens after failures, rejects at once with the time left, and closes after a good trial', async () => {
    const { clock, policy } = await setup()
    await open(policy)
    const refused = await policy.run(async () => 1, once).catch((error) => error)
    expect(refused).toMatchObject({ code: 'HW_CIRCUIT_OPEN', retryAfterMs: 1_000 })
    await clock.advance(1_000)
    await expect(policy.run(async () => 'up', once)).resolves.toBe('up')
    expect(policy.breaker.state).toBe('closed')
  })

  it('rejects every other caller at once while a trial hangs, and ends the trial by its own timeout', async () => {
    const { clock, policy } = await setup()
    await open(policy)
    await clock.advance(1_000)
    let trialSignal: AbortSignal | undefined
    const trial = policy
      .run((signal) => {
        trialSignal = signal
        return hang()
      }, once)
      .catch((error) => error)
    await clock.settle()
    expect(policy.breaker.state).toBe('half-open')
    let called = 0
    for (let n = 0; n < 10; n++) {
      await expect(policy.run(async () => called++, { idempotent: true })).rejects.toMatchObject({
        code: 'HW_CIRCUIT_OPEN',
      })
    }
    expect(called).toBe(0)
    await clock.advance(policyDefaults.breaker.probeTimeoutMs)
    expect(await trial).toMatchObject({ code: 'HW_TIMEOUT' })
    expect(trialSignal?.aborted).toBe(true)
    expect(policy.breaker.state).toBe('open')
    await clock.advance(1_999)
    await expect(policy.run(async () => 1, once)).rejects.toMatchObject({ code: 'HW_CIRCUIT_OPEN' })
    await clock.advance(1)
    await expect(policy.run(async () => 1, once)).resolves.toBe(1)
  })

  it('a trial whose caller aborts tells nothing: the next caller may try at once', async () => {
    const { clock, policy } = await setup()
    await open(policy)
    await clock.advance(1_000)
    const controller = new AbortController()
    const trial = policy.run(hang, { ...once, signal: controller.signal }).catch((error) => error)
    await clock.settle()
    controller.abort()
    expect(await trial).toMatchObject({ code: 'HW_ABORTED' })
    await expect(policy.run(async () => 1, once)).resolves.toBe(1)
    expect(policy.breaker.state).toBe('closed')
  })

  it.each(['HW_DATABASE', 'HW_UNAUTHORIZED', 'HW_TIMEOUT'] as const)('never opens by %s', async (code) => {
    const { policy } = await setup()
    for (let n = 0; n < 100; n++) await policy.run(fail(code), once).catch(() => {})
    expect(policy.breaker.state).toBe('closed')
  })

  it('opens by calls that time out after long enough to mean something', async () => {
    const { clock, policy } = await setup()
    const calls = Array.from({ length: 5 }, () => policy.run(hang, { ...once, timeoutMs: 1_000 }).catch(() => {}))
    await clock.advance(1_000)
    await Promise.all(calls)
    expect(policy.breaker.state).toBe('open')
  })

  it('drops what arrives from before it opened', async () => {
    const { clock, policy } = await setup()
    let answer = (_: string): void => {}
    const slow = policy.run(() => new Promise<string>((resolve) => (answer = resolve)), once)
    await clock.settle()
    await open(policy)
    answer('late')
    await expect(slow).resolves.toBe('late')
    expect(policy.breaker.state).toBe('open')
  })
})

describe('outcomes of calls that began before the circuit opened', () => {
  it('do not count after it has closed again', async () => {
    const { clock, policy } = await setup()
    const late: (() => void)[] = []
    const down = new HeadwaterError('HW_UNAVAILABLE', 'late')
    const slow = Array.from({ length: 10 }, () =>
      policy.run(() => new Promise<never>((_, reject) => late.push(() => reject(down))), once).catch(() => {}),
    )
    await clock.settle()
    await open(policy)
    await clock.advance(1_000)
    await policy.run(async () => 1, once)
    for (const end of late) end()
    await Promise.all(slow)
    expect(policy.breaker.state).toBe('closed')
  })
})

describe('policy', () => {
  it('repeats what is idempotent only', async () => {
    const { clock, policy } = await setup()
    let calls = 0
    const flaky = async () => {
      if (++calls < 3) throw new HeadwaterError('HW_UNAVAILABLE', 'down')
      return calls
    }
    await expect(policy.run(flaky, once)).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
    expect(calls).toBe(1)
    const result = policy.run(flaky, { idempotent: (error) => error.code === 'HW_UNAVAILABLE' })
    await clock.advance(10_000)
    await expect(result).resolves.toBe(3)
    expect(clock.pending).toBe(0)
  })

  it('the deadline is absolute over attempts and waits', async () => {
    const { clock, policy } = await setup({ retry: { maxAttempts: 50 }, budget: { capacity: 50 } })
    const starts: number[] = []
    const result = policy
      .run(
        async (signal) => {
          starts.push(clock.monotonic())
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        },
        { idempotent: true, timeoutMs: 3_000 },
      )
      .catch((error) => ({ error, at: clock.monotonic() }))
    await clock.advance(60_000)
    expect(await result).toMatchObject({ error: { code: 'HW_TIMEOUT' }, at: 3_000 })
    expect(starts).toEqual([0])

    const flapping = policy
      .run(fail('HW_UNAVAILABLE'), { idempotent: true, timeoutMs: 3_000 })
      .catch((error) => ({ error, at: clock.monotonic() }))
    await clock.advance(60_000)
    const { at } = (await flapping) as { at: number }
    expect(at - 60_000).toBeLessThanOrEqual(3_000)
  })

  it('a caller that goes away leaves the slot taken until the work has really ended', async () => {
    const { clock, policy } = await setup({ bulkhead: { concurrency: 1, queue: 1 } })
    let finish = (): void => {}
    const work = () => new Promise<void>((resolve) => (finish = resolve))
    const first = policy.run(work, { ...once, timeoutMs: 100 }).catch((error) => error)
    await clock.advance(100)
    expect(await first).toMatchObject({ code: 'HW_TIMEOUT' })
    expect(policy.bulkhead.active).toBe(1)
    finish()
    await clock.settle()
    expect(policy.bulkhead.active).toBe(0)
  })

  it('refusals of its own are not retried and never open the circuit', async () => {
    const { clock, policy } = await setup({ bulkhead: { concurrency: 1, queue: 0 } })
    const held = policy.run(hang, { ...once, timeoutMs: 900 }).catch(() => {})
    await clock.settle()
    for (let n = 0; n < 20; n++) {
      await expect(policy.run(async () => 1, { idempotent: true })).rejects.toMatchObject({ code: 'HW_OVERLOADED' })
    }
    expect(policy.breaker.state).toBe('closed')
    await clock.advance(900)
    await held
  })

  it('a failure that opened the circuit is what the caller gets, not the refusal of its retry', async () => {
    const { clock, policy } = await setup({ breaker: { minimumCalls: 1 } })
    const result = policy.run(fail('HW_UNAVAILABLE'), { idempotent: true }).catch((error) => error)
    await clock.advance(10_000)
    expect(await result).toMatchObject({ code: 'HW_UNAVAILABLE' })
  })

  it('has frozen defaults', () => {
    expect(Object.isFrozen(policyDefaults)).toBe(true)
    expect(Object.isFrozen(policyDefaults.breaker)).toBe(true)
  })
})
