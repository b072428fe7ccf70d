import { afterAll, beforeAll } from 'vitest'
import type { StoreOptions } from '../../src/store/store-options'
import { describeWithElasticsearch } from './elasticsearch'
import { describeWithPgvector, pgvectorUrl, type TestDatabase, useDatabase } from './postgres'
import { startQdrantDouble } from './qdrant-double'

/** One Postgres with pgvector, and the options of processes that have it alone, or Qdrant and Elasticsearch too. */
export interface BothEngines {
  database(): TestDatabase
  narrow(): Pick<StoreOptions, 'postgres'>
  wide(): Pick<StoreOptions, 'postgres' | 'qdrant' | 'elasticsearch'>
}

/** The engine of each target that a wide process has beside Postgres. */
export const beside = { vector: 'qdrant', text: 'elasticsearch' } as const

/** A suite over real Postgres and Elasticsearch, and over Qdrant or its double. Skipped, loudly, where one is missing. */
export function describeBothEngines(name: string, suite: (place: BothEngines) => void): void {
  describeWithPgvector(name, () => {
    describeWithElasticsearch('and Elasticsearch', (elasticsearch) => {
      const database = useDatabase(() => pgvectorUrl()!)
      let qdrant = process.env['QDRANT_URL'] ?? ''
      let close: (() => Promise<void>) | undefined
      beforeAll(async () => {
        if (qdrant) return
        const double = await startQdrantDouble()
        qdrant = double.url
        close = () => double.close()
      })
      afterAll(() => close?.())
      const narrow = () => ({ postgres: { url: database().url } })
      suite({
        database,
        narrow,
        wide: () => ({ ...narrow(), qdrant: { url: qdrant }, elasticsearch: { url: elasticsearch } }),
      })
    })
  })
}
