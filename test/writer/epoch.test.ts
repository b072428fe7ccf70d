import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openStore, type Store } from '../../index'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { elasticsearchUrl } from '../support/elasticsearch'
import { createDatabase, describeWithPgvector, pgvectorUrl, type TestDatabase } from '../support/postgres'
import { startQdrantDouble } from '../support/qdrant-double'
import { saveRows, setRowsBack } from '../support/set-back'

const checkMs = 50
const within = { timeout: 40_000, interval: 100 }

interface Stage {
  readonly database: TestDatabase
  readonly qdrant: string
  readonly elasticsearch: { readonly connection: ElasticsearchConnection; readonly prefix: string } | undefined
  open(writer?: { sweepMs?: number; markMs?: number }): Promise<Store>
}

const variants = [
  ['Qdrant and Postgres', false],
  ['Qdrant and Elasticsearch', true],
] as const

describeWithPgvector('indexes and databases that are not what they were', () => {
  describe.each(variants)('on %s', (_name, full) => {
    if (full && !elasticsearchUrl) {
      it.skip('needs Elasticsearch', () => undefined)
      return
    }
    let stage: Stage
    const closing: (() => Promise<unknown>)[] = []

    beforeEach(async () => {
      const database = await createDatabase(pgvectorUrl()!)
      const double = await startQdrantDouble()
      closing.push(
        () => database.drop(),
        () => double.close(),
      )
      let elasticsearch: Stage['elasticsearch']
      if (full) {
        const connection = new ElasticsearchConnection({ url: elasticsearchUrl! })
        const prefix = stagePrefix()
        closing.push(
          () => connection.close(),
          () => sweepAway(connection, prefix),
        )
        elasticsearch = { connection, prefix }
      }
      const text = elasticsearch && {
        elasticsearch: {
          url: elasticsearchUrl!,
          prefix: elasticsearch.prefix,
          texts: { analysis: 'library' as const },
        },
      }
      stage = {
        database,
        qdrant: double.url,
        elasticsearch,
        open: async (writer = {}) => {
          const store = await openStore({
            postgres: { url: database.url },
            qdrant: { url: double.url },
            ...text,
            embedder: { hashing: { dimensions: 64 } },
            writer: { checkMs, pollMs: 20, ...writer },
          })
          closing.push(() => store.close())
          return store
        },
      }
    })
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close()
    })

    it('a wiped collection is filled again', async () => {
      const store = await stage.open()
      await fill(store)
      const name = await live(store, 'vector')
      const { config } = (await qdrant('GET', `/collections/${name}`)) as { config: { params: object } }
      await qdrant('DELETE', `/collections/${name}`)
      await qdrant('PUT', `/collections/${name}`, config.params)
      await mended(store, 'vector', 30)
      expect(await aliasesOf(name)).toEqual([expect.stringMatching(/_documents\.live$/)])
    })

    it('indexes that were deleted are made again and filled, though other jobs wait', async () => {
      const store = await stage.open()
      await fill(store)
      await qdrant('DELETE', `/collections/${await live(store, 'vector')}`)
      await dropText(store)
      await store.forTenant('acme').documents.put({ id: 'd3', text: 'apple changed after the loss' })
      await mended(store, 'vector', 30)
      await mended(store, 'text', 30)
    })

    it.each([
      ['its marker', { markMs: 700 }],
      ['its turn', { sweepMs: 400 }],
    ])('an index that was set back to an old snapshot is found by %s', async (_by, writer) => {
      const store = await stage.open(writer)
      await fill(store)
      const name = await live(store, 'vector')
      const old = await snapshot(name)
      const acme = store.forTenant('acme')
      await acme.documents.put({ id: 'd1', text: 'apple number one, in its second edition' })
      await acme.documents.delete('d2')
      await acme.documents.put({ id: 'new', text: 'apple that came later' })
      await vi.waitFor(async () => {
        const marker = (await snapshot(name)).marker as { fence: number }
        if ('markMs' in writer) expect(marker.fence).toBeGreaterThan((old.marker as { fence: number }).fence)
      }, within)
      await restore(name, old)
      await mended(store, 'vector', 30)
      await vi.waitFor(async () => expect(await idsIn(name)).toHaveLength(30), within)
    })

    it('a Postgres restored from a copy is noticed at the next opening', async () => {
      const first = await stage.open()
      await fill(first)
      const name = await live(first, 'vector')
      await first.close()
      const saved = `${stage.database.name}_saved`
      await onServer(`CREATE DATABASE ${saved} TEMPLATE ${stage.database.name}`)
      const second = await stage.open()
      const lost = await live1(second)
      await second.close()
      await onServer(`DROP DATABASE ${stage.database.name} WITH (FORCE)`)
      await onServer(`ALTER DATABASE ${saved} RENAME TO ${stage.database.name}`)

      const third = await stage.open()
      await expect(third.forTenant('acme').waitFor(lost)).rejects.toMatchObject({ code: 'HW_EPOCH_CHANGED' })
      await mended(third, 'vector', 30)
      await mended(third, 'text', 30)
      await vi.waitFor(async () => expect(await idsIn(name)).toHaveLength(30), within)
      const written = await third.forTenant('acme').documents.put({ id: 'd1', text: 'apple of the new life' })
      expect(written.epoch).toBe(2)
      await third.forTenant('acme').waitFor(written)
    })

    it('a Postgres whose rows are set back under an open store is noticed by the markers', async () => {
      const store = await stage.open({ markMs: 1 })
      await fill(store)
      const name = await live(store, 'vector')
      await saveRows(stage.database)
      const lost = await live1(store)
      await vi.waitFor(async () => {
        const { rows } = await stage.database.admin(markedSince)
        expect(rows[0]).toEqual({ marked: true })
      }, within)
      await setRowsBack(stage.database)
      await vi.waitFor(async () => {
        const { rows } = await stage.database.admin("SELECT value FROM headwater.registry WHERE name = 'epoch'")
        expect(Number(rows[0].value)).toBeGreaterThan(1)
      }, within)
      await expect(store.forTenant('acme').waitFor(lost)).rejects.toMatchObject({ code: 'HW_EPOCH_CHANGED' })
      await mended(store, 'vector', 30)
      await mended(store, 'text', 30)
      await vi.waitFor(async () => expect(await idsIn(name)).toHaveLength(30), within)
    })

    it('an announced restore begins an epoch, and what nobody touched keeps its receipts', async () => {
      const store = await stage.open()
      await fill(store)
      const acme = store.forTenant('acme')
      const before = await acme.documents.put({ id: 'd1', text: 'apple of the old life' })
      expect(await store.restored()).toEqual({ epoch: 2 })
      expect((await store.health()).degraded.map(({ what }) => what)).toContain(await live(store, 'vector'))
      await acme.waitFor(before)
      const after = await acme.documents.put({ id: 'd1', text: 'apple of the new life' })
      expect(after.epoch).toBe(2)
      await expect(acme.waitFor(before)).rejects.toMatchObject({ code: 'HW_EPOCH_CHANGED' })
      await mended(store, 'vector', 30)
      await mended(store, 'text', 30)
    })

    it('an alias that was moved is led back', async () => {
      const store = await stage.open()
      await fill(store)
      const name = await live(store, 'vector')
      const [alias] = await aliasesOf(name)
      await qdrant('POST', '/collections/aliases', { actions: [{ delete_alias: { alias_name: alias } }] })
      await vi.waitFor(async () => expect(await aliasesOf(name)).toEqual([alias]), within)
      if (!stage.elasticsearch) return
      const { connection, prefix } = stage.elasticsearch
      const text = await live(store, 'text')
      const holders = async (): Promise<string[]> => {
        const request = { method: 'GET', path: `/${prefix}*/_alias` }
        const all = (await connection.request(request, { idempotent: true })) as Record<string, { aliases: object }>
        return Object.keys(all).filter((index) => Object.keys(all[index]!.aliases).some((one) => /\.live$/.test(one)))
      }
      expect((await holders())[0]).toContain(text)
      const [index] = await holders()
      await connection.request({ method: 'DELETE', path: `/${index}/_alias/*.live` }, { idempotent: true })
      await vi.waitFor(async () => expect(await holders()).toEqual([index]), within)
    })

    /** 30 documents that all say `apple`. */
    async function fill(store: Store): Promise<void> {
      const documents = Array.from({ length: 30 }, (_, at) => ({ id: `d${at}`, text: `apple number ${at}` }))
      const { receipt } = await store.forTenant('acme').documents.putMany(documents)
      await store.forTenant('acme').waitFor(receipt)
    }

    /** What a restore to the state of `fill` loses: a change, a deletion and a new document. */
    async function live1(store: Store) {
      const acme = store.forTenant('acme')
      await acme.documents.delete('d2')
      await acme.documents.put({ id: 'later', text: 'apple that came later' })
      const receipt = await acme.documents.put({ id: 'd1', text: 'apple number one, in its second edition' })
      await acme.waitFor(receipt)
      return receipt
    }

    /** Until a search by this leg finds every document; each answer on the way must be what Postgres says. */
    async function mended(store: Store, mode: 'vector' | 'text', count: number): Promise<void> {
      const acme = store.forTenant('acme')
      await vi.waitFor(async () => {
        const { hits } = await acme.search({ query: 'apple', mode, limit: 100 })
        for (const { documentId, text } of hits) expect((await acme.documents.get(documentId))?.text).toBe(text)
        expect(hits).toHaveLength(count)
      }, within)
    }

    async function live(store: Store, target: 'vector' | 'text'): Promise<string> {
      return (await store.generations()).find((one) => one.target === target && one.state === 'live')!.name
    }

    async function dropText(store: Store): Promise<void> {
      const name = await live(store, 'text')
      if (!stage.elasticsearch) {
        await stage.database.admin(
          `DROP TABLE headwater.${name}, headwater.${name}_segments, headwater.${name}_postings`,
        )
        await stage.database.admin(`DROP SEQUENCE headwater.${name}_numbers`)
        return
      }
      const { connection, prefix } = stage.elasticsearch
      const request = { method: 'GET', path: `/${prefix}*/_alias` }
      const [index] = Object.keys((await connection.request(request, { idempotent: true })) as object)
      await connection.request({ method: 'DELETE', path: `/${index}` }, { idempotent: true })
    }

    async function qdrant(method: string, path: string, body?: object): Promise<unknown> {
      const answer = await fetch(`${stage.qdrant}${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      })
      expect(answer.status).toBe(200)
      return ((await answer.json()) as { result: unknown }).result
    }

    async function aliasesOf(name: string): Promise<string[]> {
      const { aliases } = (await qdrant('GET', '/aliases')) as {
        aliases: { alias_name: string; collection_name: string }[]
      }
      return aliases.filter((one) => one.collection_name === name).map((one) => one.alias_name)
    }

    async function snapshot(name: string): Promise<{ points: { id: string }[]; marker: unknown }> {
      const info = (await qdrant('GET', `/collections/${name}`)) as { config: { metadata?: { headwater?: unknown } } }
      const scroll = { limit: 1_000, with_payload: true, with_vector: true }
      const { points } = (await qdrant('POST', `/collections/${name}/points/scroll`, scroll)) as {
        points: { id: string }[]
      }
      return { points, marker: info.config.metadata?.headwater }
    }

    async function restore(name: string, { points, marker }: Awaited<ReturnType<typeof snapshot>>): Promise<void> {
      await qdrant('POST', `/collections/${name}/points/delete?wait=true`, { points: await idsIn(name) })
      await qdrant('PUT', `/collections/${name}/points?wait=true`, { points })
      await qdrant('PATCH', `/collections/${name}`, { metadata: { headwater: marker } })
    }

    async function idsIn(name: string): Promise<string[]> {
      return (await snapshot(name)).points.map(({ id }) => id)
    }
  })
})

function stagePrefix(): string {
  return `hwe${process.pid}${randomBytes(4).toString('hex')}`
}

async function sweepAway(connection: ElasticsearchConnection, prefix: string): Promise<void> {
  const request = { method: 'GET', path: `/${prefix}_*/_alias` }
  for (const index of Object.keys((await connection.request(request, { idempotent: true })) as object)) {
    await connection.request({ method: 'DELETE', path: `/${index}` }, { idempotent: true })
  }
  await connection.request({ method: 'DELETE', path: `/_index_template/${prefix}_*` }, { idempotent: true })
}

async function onServer(text: string): Promise<void> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: pgvectorUrl()! })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

const markedSince = `SELECT bool_and(now.value #>> '{mark,fence}' <> was.value #>> '{mark,fence}') AS marked
  FROM headwater.registry now JOIN saved.registry was USING (name) WHERE name LIKE 'index:%'`
