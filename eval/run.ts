import type { Store } from '../index'
import type { Dataset } from './dataset'
import { measure, type Quality } from './metrics'

export const modes = ['text', 'vector', 'hybrid'] as const
export type Mode = (typeof modes)[number]

/** Of one profile. Times in ms. */
export interface Evaluation {
  readonly documents: number
  readonly ingestMs: number
  readonly queries: number
  readonly quality: Readonly<Record<Mode, Quality & { readonly p50Ms: number; readonly p95Ms: number }>>
}

/** Called with what is being done, how far it is and of how many (0: not known). */
export type OnProgress = (what: string, done: number, total: number) => void

const depth = 100
const atOnce = 4
const batch = 250

/** Puts the corpus into a tenant of its own, asks every judged query in each mode, and measures the documents found. */
export async function evaluate(store: Store, dataset: Dataset, onProgress: OnProgress): Promise<Evaluation> {
  const tenant = store.forTenant('eval')
  let documents = 0
  const counted = async function* () {
    for await (const document of dataset.corpus()) {
      yield document
      if (++documents % batch === 0) onProgress('ingest', documents, 0)
    }
  }
  const started = performance.now()
  const result = await tenant.documents.putMany(counted())
  if (result.failed.length > 0) {
    const { id, error } = result.failed[0]!
    throw new Error(`${result.failed.length} documents were refused, ${id} first: ${error.message}`, { cause: error })
  }
  await tenant.waitFor(result, { timeoutMs: 3_600_000 })
  const ingestMs = performance.now() - started

  const quality = {} as Record<Mode, Quality & { p50Ms: number; p95Ms: number }>
  let queries = 0
  for (const mode of modes) {
    const ranked = new Map<string, string[]>()
    const times: number[] = []
    const waiting = [...dataset.queries]
    const ask = async (): Promise<void> => {
      for (let next = waiting.pop(); next; next = waiting.pop()) {
        const [id, query] = next
        const at = performance.now()
        const page = await tenant.search({ query, mode, limit: depth, groupBy: 'document', highlight: false })
        times.push(performance.now() - at)
        if (page.degraded.length > 0) throw new Error(`${mode}: ${JSON.stringify(page.degraded)}`)
        ranked.set(
          id,
          page.hits.map((hit) => hit.documentId),
        )
        onProgress(mode, ranked.size, dataset.queries.size)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, ask))
    times.sort((a, b) => a - b)
    const { queries: judged, ...measured } = measure(dataset.judged, ranked)
    queries = judged
    const time = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
    quality[mode] = { ...measured, p50Ms: time(0.5), p95Ms: time(0.95) }
  }
  return { documents, ingestMs, queries, quality }
}
