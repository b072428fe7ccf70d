import { setTimeout as delay } from 'node:timers/promises'
import type { Store } from '../../../index'
import { isHeadwaterError } from '../../../src/core/errors'
import type { Random } from '../../../src/core/random'
import { marksOf, now, openJournal, type SearchLine, tenants, words } from '../journal'
import type { Order } from '../order'

const modes = ['hybrid', 'text', 'vector'] as const
const pauseMs = 15

/** Searches all the time and writes down what it was given. */
export async function search(store: Store, order: Order, random: Random, signal: AbortSignal): Promise<void> {
  const say = openJournal<SearchLine>(order.journal)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!
  while (!signal.aborted) {
    const tenant = pick(tenants)
    const mode = pick(modes)
    const from = now()
    try {
      const query = random.next() < 0.3 ? 'what stays as it is' : `sentence about ${pick(words)}`
      const page = await store.forTenant(tenant).search({ query, mode, limit: 20 }, { timeoutMs: 3_000 })
      const hits = page.hits.map(({ documentId, version, text, title }) => ({
        id: documentId,
        version,
        marks: marksOf(`${title} ${text}`),
      }))
      say({ line: 'search', from, to: now(), tenant, mode, degraded: page.degraded.length, hits })
    } catch (error) {
      if (!isHeadwaterError(error)) throw error
      say({ line: 'refused', at: now(), code: error.code })
    }
    await delay(pauseMs)
  }
}
