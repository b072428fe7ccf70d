import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runSeed } from '../../src/testing/simulator'
import { breach } from './breach'

const from = Number(process.env['HW_SIM_FROM'] ?? 1)
const seeds = Number(process.env['HW_SIM_SEEDS'] ?? 120)
const { stackTraceLimit } = Error

// Stacks of the thousands of errors that are part of the play cost more than the play.
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

describe('simulator', () => {
  it(`finds no violation in ${seeds} seeds from ${from}`, { timeout: 600_000 }, async () => {
    const total = { events: 0, operations: 0 }
    for (let seed = from; seed < from + seeds; seed++) {
      const report = await runSeed(seed)
      if (report.violations.length > 0) expect.fail(await breach(seed))
      total.events += report.events
      total.operations += report.operations
      // Lets the runner talk to its parent.
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(total.events).toBeGreaterThan(seeds * 400)
    expect(total.operations).toBeGreaterThan(seeds * 6)
  })

  it('replays a seed to the letter', async () => {
    const first = await runSeed(from, { trace: true })
    const second = await runSeed(from, { trace: true })
    expect(first.trace.length).toBeGreaterThan(200)
    expect(second).toEqual(first)
  })

  it('plays the same with and without a trace', async () => {
    const { trace: _trace, ...traced } = await runSeed(from + 1, { trace: true })
    const { trace, ...untraced } = await runSeed(from + 1)
    expect(trace).toEqual([])
    expect(untraced).toEqual(traced)
  })

  it('reports a run that never ends, with what everybody was doing', async () => {
    const { violations } = await runSeed(from, { maxEvents: 300 })
    expect(violations).toHaveLength(1)
    expect(violations[0]!.message).toMatch(/^endless: c0: \w+; c1: \w+/)
  })
})
