import { afterAll, beforeAll } from 'vitest'
import type { StoreOptions } from '../../src/store/store-options'
import { describeWithElasticsearch } from './elasticsearch'
import { describeWithS3 } from './minio'
import { type TestDatabase, useDatabase } from './postgres'
import { startQdrantDouble } from './qdrant-double'
import { describeWithRedis, freshPrefix } from './redis'

/** Where the five stores of a suite are; plain data, so that another process can be told. */
export type ProfileOptions = Required<Pick<StoreOptions, 'postgres' | 'qdrant' | 'elasticsearch' | 'redis' | 's3'>>

export interface FullProfile {
  database(): TestDatabase
  /** The same answer within a suite: two stores that are opened with it share everything. */
  options(): ProfileOptions
  readonly elasticsearchUrl: string
  qdrantUrl(): string
}

/**
 * A suite over Postgres (without pgvector: the truth needs none here), Elasticsearch, Redis and S3, all real, and Qdrant:
 * a real one where QDRANT_URL names it, else the double. Skipped, loudly, where a server is missing.
 */
export function describeFullProfile(name: string, suite: (profile: FullProfile) => void): void {
  describeWithElasticsearch(name, (elasticsearchUrl) => {
    describeWithRedis('with Redis', (redis) => {
      describeWithS3('with S3', (s3) => {
        const database = useDatabase()
        const prefix = freshPrefix()
        const given = process.env['QDRANT_URL']
        let close: (() => Promise<void>) | undefined
        let url = given
        beforeAll(async () => {
          if (given) return
          const double = await startQdrantDouble()
          url = double.url
          close = () => double.close()
        })
        afterAll(() => close?.())
        const qdrantUrl = (): string => {
          if (!url) throw new Error('describeFullProfile: there is no Qdrant before beforeAll')
          return url
        }
        suite({
          database,
          elasticsearchUrl,
          qdrantUrl,
          options: () => ({
            postgres: { url: database().url },
            qdrant: { url: qdrantUrl() },
            elasticsearch: { url: elasticsearchUrl },
            redis: { url: redis().url, cache: { prefix } },
            s3: { ...s3().options, bucketPrefix: prefix },
          }),
        })
      })
    })
  })
}
