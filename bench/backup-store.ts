/** What backups and moves are measured with. */
import type { Embedder, Store } from '../index'
import { HashingEmbedder } from '../src/embeddings/hashing'
import { note } from './report'

let calls = 0

export function counting(dimensions: number): Embedder {
  const inner = new HashingEmbedder({ dimensions })
  return {
    fingerprint: inner.fingerprint,
    dimensions,
    maxTokens: Number.POSITIVE_INFINITY,
    embed(texts, options) {
      calls += texts.length
      return inner.embed(texts, options)
    },
  }
}

const words = Array.from({ length: 4_000 }, (_, at) => `word${at.toString(36)}`)
export const text = (seed: number): string =>
  Array.from({ length: 90 }, (_, at) => words[(seed * 7_919 + at * 104_729 + ((seed * at) % 613)) % words.length]).join(
    ' ',
  )

/** Four tenants with a chunk a document, some of which own a blob. */
export async function fill(store: Store, chunks: number, blobs: number): Promise<void> {
  for (let tenant = 0; tenant < 4; tenant++) {
    const share = chunks / 4
    await store.forTenant(`tenant-${tenant}`).documents.putMany(
      (function* () {
        for (let at = 0; at < share; at++) {
          const owns = at < blobs / 4 && { blob: { data: `blob ${tenant} ${at} `.repeat(500) } }
          yield { id: `document-${at}`, text: text(tenant * share + at), metadata: { year: 2000 + (at % 30) }, ...owns }
        }
      })(),
    )
  }
  await store.relay.drain({ timeoutMs: 3_600_000 })
}

/** Time, and memory above what the process took before, MiB. */
export async function measured<T>(name: string, work: () => Promise<T>): Promise<T> {
  globalThis.gc?.()
  const idle = process.memoryUsage().rss
  let peak = idle
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 50)
  const startedAt = performance.now()
  const embeddedBefore = calls
  try {
    return await work()
  } finally {
    clearInterval(watch)
    const seconds = (performance.now() - startedAt) / 1_000
    const memory = Math.round((peak - idle) / 2 ** 20)
    note(name, `${seconds.toFixed(1)} s, ${memory} MiB above idle, ${calls - embeddedBefore} texts embedded`)
  }
}
