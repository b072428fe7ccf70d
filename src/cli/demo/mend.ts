import { HeadwaterError } from '../../core/errors'
import type { ReconcileReport } from '../../writer/reconcile/reconcile'
import { describeReport, driftOf } from '../commands/reconcile'
import type { CliContext, CliStore } from '../context'
import { changedHits, type Finding, searchAll } from './searches'

export interface Mended {
  /** Hits that were other ones while the vectors were gone. */
  readonly changedMeanwhile: number
  readonly found: ReconcileReport
  readonly repaired: number
}

/** Finds what is gone, repairs it, and proves that the hits are what they were; throws where one of that fails. */
export async function mend(
  context: CliContext,
  store: CliStore,
  before: readonly Finding[],
  deleted: readonly string[],
): Promise<Mended> {
  const { out, signal } = context
  const queries = before.map(({ query }) => query)
  const changedMeanwhile = changedHits(before, await searchAll(context, store, queries))
  const all = before.reduce((sum, { page }) => sum + page.hits.length, 0)
  out.line(`Meanwhile ${changedMeanwhile} of the ${all} hits are other ones, or rank otherwise`)

  const found = await store.reconcile({ signal })
  out.line(`Reconcile: ${describeReport(found)}`)
  const gone = new Set(deleted)
  const exact = found.missing === deleted.length && driftOf(found) === found.missing
  if (!exact || !found.differences.every(({ chunk, target }) => target === 'vector' && gone.has(chunk))) {
    throw failed(`reconcile should have found the ${deleted.length} deleted vectors and nothing else`, found)
  }
  out.line('  exactly what was deleted')

  const { repaired } = await store.reconcile({ repair: true, signal })
  await store.relay.drain({ signal })
  const left = await store.reconcile({ signal })
  if (driftOf(left) > 0) throw failed('something still differs after the repair', left)
  out.line(`Repaired ${repaired} documents; reconcile finds no difference any more`)

  const after = await searchAll(context, store, queries)
  const changed = changedHits(before, after)
  if (changed > 0) throw failed(`${changed} hits are not what they were`, left)
  out.line(`The same ${all} hits again, in the same order, with the same scores`)
  return { changedMeanwhile, found, repaired }
}

function failed(problem: string, { differences, ...counts }: ReconcileReport): HeadwaterError {
  return new HeadwaterError('HW_INTERNAL', `demo: ${problem}`, { details: counts })
}
