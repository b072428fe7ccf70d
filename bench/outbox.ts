/** Claims as a worker makes them, of jobs that nothing is done about. */
import { collectionName } from '../src/core/ids'
import type { JobTarget } from '../src/repositories/jobs'
import type { PostgresTruth } from '../src/repositories/postgres/truth'

/** One batch from claim to its end; the time of the claim alone, ms. */
export async function timedClaim(truth: PostgresTruth, target: JobTarget, limit: number): Promise<number> {
  const { jobs } = truth.session({ worker: true })
  const token = `token ${Math.random()}`
  const at = performance.now()
  await jobs.claim({ targets: [target], limit, token, leaseMs: 30_000 })
  const took = performance.now() - at
  const done = await jobs.settle([token], collectionName('documents'))
  if (done !== limit) throw new Error(`${done} of ${limit} jobs were completed`)
  return took
}
