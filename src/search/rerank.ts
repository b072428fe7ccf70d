import { abortable } from '../core/abort'
import type { Clock } from '../core/clock'
import { type Deadline, withDeadline } from '../core/deadline'
import { asHeadwaterError } from '../core/errors'
import { isPlainObject } from '../core/json'
import type { PageFiller } from './page-filler'
import type { Ranked, SearchDegradation } from './query'
import type { ResolvedQuery } from './resolve-query'

/** Lets the query's reranker order the best hits. Whatever goes wrong with it leaves their order, and is told. */
export async function rerank(
  clock: Clock,
  query: ResolvedQuery,
  filler: PageFiller,
  deadline: Deadline,
): Promise<SearchDegradation | undefined> {
  const { rerank: reranker, words } = query
  if (!reranker) return undefined
  const hits = filler.best(reranker.top)
  if (hits.length < 2) return undefined
  const timeoutMs = Math.min(reranker.timeoutMs, deadline.remaining())
  try {
    const ranked = await withDeadline(clock, { signal: deadline, timeoutMs }, undefined, (own) =>
      // It may wait for something that no signal ends.
      abortable(
        Promise.resolve().then(() => reranker.rank(words, hits, { signal: own.signal })),
        own,
      ),
    )
    const { order, scores } = orderOf(ranked, hits.length)
    filler.reorder(order, scores)
    return undefined
  } catch (cause) {
    if (deadline.aborted) throw cause
    const reason = cause instanceof UnusableRanking ? cause.message : messageOf(cause)
    return { leg: 'rerank', reason: `the fused order stays: ${reason}` }
  }
}

/** What a reranker answered cannot be used; never seen by a caller. */
class UnusableRanking extends TypeError {}

/** Places best first; equal scores keep their order. */
export function orderOf(ranked: Ranked, count: number): { order: readonly number[]; scores?: readonly number[] } {
  if (isPlainObject(ranked) && 'order' in ranked) {
    const order: readonly number[] = Array.isArray(ranked.order) && ranked.order.length === count ? ranked.order : []
    const places = new Set(order)
    const whole = order.length === count && places.size === count && order.every((at) => at >= 0 && at < count)
    if (whole && order.every(Number.isInteger)) return { order }
    throw new UnusableRanking(`rerank gave an order that is none of ${count} hits`)
  }
  if (!Array.isArray(ranked)) throw new UnusableRanking('rerank gave neither scores nor { order }')
  if (ranked.length !== count || !ranked.every(Number.isFinite)) {
    throw new UnusableRanking(`rerank gave ${ranked.length} scores for ${count} hits, or some that are no numbers`)
  }
  return {
    order: [...ranked.keys()].sort((one, other) => ranked[other]! - ranked[one]! || one - other),
    scores: ranked,
  }
}

function messageOf(cause: unknown): string {
  const { code, message } = asHeadwaterError(cause)
  return `${code}: ${message}`
}
