import { describe, expect, it } from 'vitest'
import { runSeed, type SimOptions, type SimReport } from '../../src/testing/simulator'

/** Seeds in which the loss of a guard must be noticed. docs/simulator.md names the seeds that did. */
const seeds = 2_000

/** The first run that is caught. */
async function caught(options: SimOptions): Promise<SimReport | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const report = await runSeed(seed, options)
    if (report.violations.length > 0) return report
    await new Promise((resolve) => setImmediate(resolve))
  }
  return undefined
}

describe('a run without one guard', () => {
  it.each([
    ['claim-token', 11],
    ['completion-fence', 5],
    ['lease', 11],
    ['idempotency', 12],
    ['upsert-fence', 10],
    ['remove-fence', 5],
    ['completion-epoch', 11],
    ['marker', 5],
    ['switch-check', 13],
    ['tombstone', 5],
    ['hydration', 9],
    ['cache-lease', 15],
  ] as const)('%s violates invariant %i', { timeout: 300_000 }, async (withoutGuard, invariant) => {
    const report = await caught({ withoutGuard })
    expect(report?.violations[0]?.invariant).toBe(invariant)
    const replay = await runSeed(report!.seed, { withoutGuard, trace: true })
    expect(replay.violations).toEqual(report!.violations)
    expect(replay.trace.at(-1)).toContain(`violated ${invariant}`)
  })
})
