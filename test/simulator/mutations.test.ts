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
    ['claim-token', 11, 2],
    ['overlap', 5, 25],
    ['completion-epoch', 11, 171],
    ['lease', 11, 1],
    ['expansion', 11, 1],
    ['idempotency', 12, 1],
    ['tombstone', 5, 1],
    ['errand-token', 11, 150],
    ['errand-lease', 11, 4],
    ['errand-epoch', 11, 416],
    ['upsert-fence', 10, 8],
    ['remove-fence', 5, 28],
    ['marker', 6, 33],
    ['switch-check', 13, 332],
    ['hydration', 9, 18],
    ['cache-lease', 15, 201],
    ['uncut', 2, 1],
    ['both-at-once', 14, 9],
    ['empty-cut', 2, 18],
    ['engine', 5, 188],
  ] as const)('%s violates invariant %i', { timeout: 300_000 }, async (withoutGuard, invariant, from) => {
    const report = await caught({ withoutGuard }, from)
    expect(report?.violations[0]?.invariant).toBe(invariant)
    const replay = await runSeed(report!.seed, { withoutGuard, trace: true })
    expect(replay.violations).toEqual(report!.violations)
    expect(replay.trace.at(-1)).toContain(`violated ${invariant}`)
  })
})
