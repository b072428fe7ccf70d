import type { JobKey, JobRow } from '../jobs'
import type { Changes, StoredClaim, Tables } from './tables'

/** The document's id comes last, so that no two keys run together. */
export function jobKey({ target, tenant, collection, document }: JobKey): string {
  return `${target}/${tenant}/${collection}/${document}`
}

/** What claims hold, by key; of two claims of one document, the one with the higher fence. */
export function claimedJobs(claims: { entries(): Iterable<[string, StoredClaim]> }): Map<string, JobRow> {
  const found = new Map<string, JobRow>()
  for (const [, { jobs }] of claims.entries()) {
    for (const job of jobs) {
      const key = jobKey(job)
      const other = found.get(key)
      if (!other || other.fence < job.fence) found.set(key, job)
    }
  }
  return found
}

/** What is in the queue and what is claimed. */
export function* everyJob(changes: Pick<Changes, 'jobs' | 'claims'>): IterableIterator<JobRow> {
  for (const [, job] of changes.jobs.entries()) yield job
  for (const [, claim] of changes.claims.entries()) yield* claim.jobs
}

/** What is in the queue or claimed, by key; of several of one document, the one with the highest fence. @internal */
export function outstandingJobs({ jobs, claims }: Pick<Tables, 'jobs' | 'claims'>): Map<string, JobRow> {
  const found = claimedJobs({ entries: () => claims.rows })
  for (const [key, job] of jobs.rows) {
    const other = found.get(key)
    if (!other || other.fence < job.fence) found.set(key, job)
  }
  return found
}
