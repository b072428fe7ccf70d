import { describe, expect, it } from 'vitest'
import { runSeed, type SimOptions, type SimReport } from '../../src/testing/simulator'

/** Seeds in which the loss of a guard must be noticed. */
const seeds = 2_000

/** The first run that is caught. */
async function caught(options: SimOptions, from: number): Promise<SimReport | undefined> {
  for (let seed = from; seed < from + seeds; seed++) {
    const report = await runSeed(seed, options)
    if (report.violations.length > 0) return report
    await new Promise((resolve) => setImmediate(resolve))
  }
  return undefined
}

describe('a run without one guard', () => {
  // The last number is the seed that docs/simulator.md names: those before it take their time and find nothing.
  it.each([
    ['claim-token', 11, 10],
    ['overlap', 5, 25],
    ['completion-epoch', 11, 66],
    ['lease', 11, 2],
    ['expansion', 11, 3],
    ['idempotency', 12, 1],
    ['tombstone', 5, 2],
    ['upsert-fence', 10, 6],
    ['remove-fence', 5, 25],
    ['marker', 6, 40],
    ['switch-check', 13, 18],
    ['hydration', 9, 25],
    ['cache-lease', 15, 25],
    ['uncut', 2, 18],
    ['both-at-once', 14, 23],
    ['empty-cut', 2, 23],
    ['engine', 5, 183],
  ] as const)('%s violates invariant %i', { timeout: 300_000 }, async (withoutGuard, invariant, from) => {
    const report = await caught({ withoutGuard }, from)
    expect(report?.violations[0]?.invariant).toBe(invariant)
    const replay = await runSeed(report!.seed, { withoutGuard, trace: true })
    expect(replay.violations).toEqual(report!.violations)
    expect(replay.trace.at(-1)).toContain(`violated ${invariant}`)
  })
})
