import { applyImport, inspectImport, verifyImport } from 'headwater/transfer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Store } from '../../index'
import type { JsonObject } from '../../src/core/json'
import { createTestStore } from '../../src/testing/test-store'
import { postgresSource } from '../../src/transfer/import/sources/postgres'
import { qdrantSource } from '../../src/transfer/import/sources/qdrant'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'
import { rowsOf } from './fixtures'

type AnyStore = Store<Record<string, JsonObject>>

describeWithPgvector('Postgres as a source', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const url = () => database().url
  beforeAll(async () => {
    // As LangChain (Python, and JavaScript) and LlamaIndex make them.
    await database().admin(`
      CREATE EXTENSION vector;
      CREATE TABLE langchain_pg_collection (uuid uuid PRIMARY KEY, name varchar UNIQUE NOT NULL, cmetadata json);
      CREATE TABLE langchain_pg_embedding (id varchar PRIMARY KEY,
        collection_id uuid REFERENCES langchain_pg_collection (uuid) ON DELETE CASCADE,
        embedding vector, document varchar, cmetadata jsonb);
      INSERT INTO langchain_pg_collection VALUES ('00000000-0000-4000-8000-000000000001', 'laws', '{}'),
        ('00000000-0000-4000-8000-000000000002', 'Our wiki', '{}');
      INSERT INTO langchain_pg_embedding SELECT 'law-' || n, '00000000-0000-4000-8000-000000000001',
        ARRAY[n, 1, 0.5]::vector, 'Law number ' || n, jsonb_build_object('source', 'laws.pdf', 'page', n)
        FROM generate_series(1, 1200) n;
      INSERT INTO langchain_pg_embedding VALUES ('w1', '00000000-0000-4000-8000-000000000002', '[1,2,3]', 'Wiki.', NULL);
      CREATE TABLE data_llama (id bigserial PRIMARY KEY, text varchar NOT NULL, metadata_ json, node_id varchar,
        embedding vector(4));
      INSERT INTO data_llama (text, metadata_, node_id, embedding) VALUES
        ('Node one.', '{"file_name": "a.md", "_node_type": "TextNode"}', 'node-1', '[1,0,0,0]'),
        ('Node two.', '{"file_name": "b.md", "deep": {"a.b": 1}}', 'node-2', '[0,1,0,2]');
      CREATE INDEX ON data_llama USING hnsw (embedding vector_l2_ops);
      CREATE SCHEMA shop;
      CREATE TABLE shop.items (sku bigint PRIMARY KEY, name text, body text, price numeric, sold timestamptz, tags text[]);
      INSERT INTO shop.items VALUES (9007199254740993, 'Chair', 'A chair.', 12.50, '2026-01-02T03:04:05Z', '{a,b}'),
        (2, 'Table', 'A table.', NULL, NULL, NULL)`)
  })

  it('has ready mappings for the tables of LangChain and LlamaIndex', async () => {
    const source = { postgres: { url: url() } }
    const { plan, parts } = await inspectImport(source, { space: 'ada', name: 'pg' })
    expect(plan.parts).toMatchObject([
      {
        part: 'data_llama',
        collection: 'data_llama',
        fields: { id: 'node_id', text: 'text' },
        space: { distance: 'euclid' },
      },
      { part: 'Our wiki', collection: 'Our-wiki', fields: { id: 'id', text: 'document' }, space: { dimensions: 3 } },
      { part: 'laws', fields: { vector: 'embedding', metadata: ['cmetadata'] }, space: { name: 'ada', dimensions: 3 } },
    ])
    expect(parts.map(({ rows, documents }) => [rows, documents])).toEqual([
      [2, 2],
      [1, 1],
      [1_200, 1_200],
    ])
    const collections = Object.fromEntries(
      plan.parts.map(({ collection, space }) => [
        collection,
        { embedder: { own: { name: 'ada', dimensions: space!.dimensions } } },
      ]),
    )
    await using store = (await createTestStore({ collections })) as AnyStore
    await applyImport(store, source, plan)
    expect(await verifyImport(store, source, plan)).toMatchObject({ ok: true })
    const laws = store.forTenant('default').collection('laws')
    expect(await laws.documents.get('law-7')).toMatchObject({
      text: 'Law number 7',
      metadata: { source: 'laws.pdf', page: 7 },
    })
    const llama = store.forTenant('default').collection('data_llama')
    expect((await llama.documents.get('node-2'))!.metadata).toMatchObject({ file_name: 'b.md' })
    // A row is changed, another one goes.
    await database().admin(`UPDATE langchain_pg_embedding SET embedding = '[9,9,9]' WHERE id = 'law-8'`)
    await database().admin(`DELETE FROM langchain_pg_embedding WHERE id = 'law-9'`)
    const again = await applyImport(store, source, plan, { prune: true })
    expect(again.parts[2]).toMatchObject({ written: 1, unchanged: 1_198, pruned: { deleted: 1 } })
  })

  it('takes any query, with numbers, times and lists as they are, and goes on behind any row', async () => {
    const source = { postgres: { url: url(), sql: 'SELECT * FROM shop.items;' } }
    const { plan } = await inspectImport(source)
    const part = {
      ...plan.parts[0]!,
      fields: { id: 'sku', text: 'body', title: 'name', metadata: ['price', 'sold', 'tags'] },
    }
    await using store = (await createTestStore({ embedder: { hashing: { dimensions: 16 } } })) as unknown as AnyStore
    await applyImport(store, source, { ...plan, parts: [part] })
    const { documents } = store.forTenant('default').collection('documents')
    expect(await documents.get('9007199254740993')).toMatchObject({
      title: 'Chair',
      metadata: { price: '12.50', sold: '2026-01-02T03:04:05.000Z', tags: ['a', 'b'] },
    })
    const opened = postgresSource(source.postgres)
    const rows = await rowsOf(opened, 'query', { key: 'sku' })
    expect(rows.map(({ cursor }) => cursor)).toEqual(['2', '9007199254740993'])
    expect(await rowsOf(opened, 'query', { key: 'sku', after: '2' })).toEqual(rows.slice(1))
    await opened.close()
  })

  it('writes nothing, whatever the query says', async () => {
    for (const sql of [
      'DELETE FROM shop.items RETURNING *',
      'WITH gone AS (DELETE FROM shop.items RETURNING *) SELECT * FROM gone',
    ]) {
      await expect(inspectImport({ postgres: { url: url(), sql } })).rejects.toMatchObject({
        code: expect.stringMatching(/^HW_/),
      })
    }
    const nextval = { postgres: { url: url(), sql: `SELECT nextval('data_llama_id_seq') AS id, 'x' AS text` } }
    await expect(inspectImport(nextval)).rejects.toThrow('read-only transaction')
    expect((await database().admin('SELECT count(*)::int AS n FROM shop.items')).rows).toEqual([{ n: 2 }])
  })

  it('is HW_UNAVAILABLE or HW_NOT_FOUND where it is not there', async () => {
    const away = { postgres: { url: 'postgres://nobody@127.0.0.1:9/none', connectionTimeoutMs: 500 } }
    await expect(inspectImport(away)).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
    const none = { postgres: { url: url(), table: 'nowhere' } }
    await expect(inspectImport(none)).rejects.toMatchObject({ code: 'HW_NOT_FOUND', path: 'table' })
  })

  it('is HW_UNAVAILABLE when it goes in the middle', async () => {
    const opened = postgresSource({ url: url(), table: 'langchain_pg_embedding', applicationName: 'cut off' })
    let read = 0
    const work = async () => {
      for await (const _ of opened.rows('laws', { key: 'id' })) {
        if (++read !== 100) continue
        const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut off'`
        await database().admin(cut)
      }
    }
    await expect(work()).rejects.toMatchObject({ code: 'HW_UNAVAILABLE' })
    expect(read).toBeLessThan(1_200)
    await opened.close()
  })
})

describe('Qdrant as a source', () => {
  let double: QdrantDouble
  const send = async (method: string, path: string, body: object): Promise<void> => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${double.url}${path}`, { method, headers, body: JSON.stringify(body) })
    expect([path, answer.status, answer.ok || (await answer.text())]).toEqual([path, 200, true])
  }
  beforeAll(async () => {
    double = await startQdrantDouble()
    await send('PUT', '/collections/named', {
      vectors: { dense: { size: 3, distance: 'Cosine' }, image: { size: 2, distance: 'Dot' } },
    })
    await send('PUT', '/collections/named/points?wait=true', {
      points: Array.from({ length: 1_200 }, (_, at) => ({
        id: at % 2 ? at : `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
        vector: { dense: [at + 1, 1, 0.5], image: [1, at] },
        payload: { page_content: `Point ${at}.`, metadata: { at, lang: 'en' }, tag: 'x' },
      })),
    })
    await send('PUT', '/collections/plain', { vectors: { size: 3, distance: 'Euclid' } })
    await send('PUT', '/collections/plain/points?wait=true', {
      points: [{ id: 1, vector: [3, 4, 5], payload: { text: 'One.' } }],
    })
  })
  afterAll(() => double.close())

  it('brings points of named vectors, with texts and metadata of their payload', async () => {
    const source = { qdrant: { url: double.url, collection: 'named' } }
    const { plan, parts } = await inspectImport(source, { space: 'ada', tenant: 'acme' })
    expect(plan.parts).toMatchObject([
      {
        part: 'named',
        collection: 'documents',
        fields: { id: 'id', text: 'payload.page_content', vector: 'vectors.dense', metadata: ['payload'] },
        space: { name: 'ada', dimensions: 3, distance: 'cosine' },
      },
    ])
    expect(parts[0]!.lost.join()).toContain('Of 2 named vectors one is kept')
    expect(parts[0]).toMatchObject({ rows: 1_200, documents: 1_200, vectors: { normalized: 1_200 } })
    const own = { documents: { embedder: { own: { name: 'ada', dimensions: 3 } } } }
    await using store = await createTestStore({ collections: own })
    await applyImport(store, source, plan)
    expect(await verifyImport(store, source, plan)).toMatchObject({
      ok: true,
      parts: [{ rows: 1_200, searches: { queries: 20, least: expect.closeTo(1, 0) } }],
    })
    expect(await store.forTenant('acme').documents.get('7')).toMatchObject({
      text: 'Point 7.',
      metadata: { metadata: { at: 7, lang: 'en' }, tag: 'x' },
    })
  })

  it('knows the one vector that has no name, and goes on behind any point', async () => {
    const source = { qdrant: { url: double.url, collection: 'plain' } }
    const { plan, parts } = await inspectImport(source)
    expect(plan.parts[0]).toMatchObject({ fields: { vector: 'vector' }, space: { dimensions: 3, distance: 'euclid' } })
    expect(parts[0]!.lost.join()).toContain('compares by euclid')
    const opened = qdrantSource({ url: double.url, collection: 'named' })
    const rows = await rowsOf(opened, 'named')
    for (const at of [0, 499, 500, 1_199]) {
      expect(await rowsOf(opened, 'named', { after: rows[at]!.cursor })).toEqual(rows.slice(at + 1))
    }
    await opened.close()
  })

  it('is an error where it is away, or its answers are none', async () => {
    const missing = { qdrant: { url: double.url, collection: 'nowhere' } }
    await expect(inspectImport(missing)).rejects.toMatchObject({ code: 'HW_GENERATION_MISSING' })
    const away = { qdrant: { url: 'http://127.0.0.1:9', collection: 'named', timeoutMs: 500 } }
    await expect(inspectImport(away)).rejects.toMatchObject({
      code: expect.stringMatching(/^HW_(UNAVAILABLE|TIMEOUT)$/),
    })
  })
})
