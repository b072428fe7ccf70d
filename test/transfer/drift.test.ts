import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type DriftReportOptions, reportDrift, reportErased } from 'headwater/transfer'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPlace } from '../../src/transfer/backup/place'
import { cli } from '../cli/harness'
import { describeWithElasticsearch, once } from '../support/elasticsearch'
import { describeWithS3 } from '../support/minio'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'
import { useTemporaryFolder } from './fixtures'

interface Document {
  readonly id: string
  hash: string
  tenant: string
  blob: string | null
}

const documentsOf = (count: number): Document[] =>
  Array.from({ length: count }, (_, at) => ({
    id: `doc-${at}`,
    hash: `hash-${at}`,
    tenant: at % 2 ? 'acme' : 'other',
    blob: at % 10 === 0 ? `files/${at}.pdf` : null,
  }))

const kindsIn = (report: Awaited<ReturnType<typeof reportDrift>>) =>
  Object.fromEntries(report.findings.map(({ leg, kind, count }) => [`${leg}: ${kind}`, count]))

async function sendTo(url: string, method: string, place: string, body: object | string): Promise<void> {
  const type = typeof body === 'string' ? 'application/x-ndjson' : 'application/json'
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(`${url}${place}`, { method, headers: { 'content-type': type }, body: text })
  if (!answer.ok) throw new Error(`${place}: ${await answer.text()}`)
}

/** The truth in Postgres and blobs in a folder, equal to `documents`. */
function useTruth(count: number) {
  const database = useDatabase(() => pgvectorUrl()!)
  const folder = useTemporaryFolder()
  const documents = documentsOf(count)
  beforeAll(async () => {
    await database().admin(
      'CREATE TABLE docs (id text, hash text, tenant text, blob text, updated_at timestamptz DEFAULT now())',
    )
    const columns = [
      documents.map(({ id }) => id),
      documents.map(({ hash }) => hash),
      documents.map(({ tenant }) => tenant),
    ]
    await database().admin(
      `INSERT INTO docs (id, hash, tenant, blob) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])`,
      [...columns, documents.map(({ blob }) => blob)],
    )
    await mkdir(path.join(folder(), 'blobs', 'files'), { recursive: true })
    await mkdir(path.join(folder(), 'temporary'))
    for (const { blob } of documents) if (blob) await writeFile(path.join(folder(), 'blobs', blob), 'x')
  })
  const truth = (): DriftReportOptions['truth'] => ({
    source: { postgres: { url: database().url, sql: 'SELECT id, hash, tenant, blob FROM docs' } },
    fields: { stamp: 'hash', tenant: 'tenant', blob: 'blob' },
  })
  return { database, folder, documents, truth, blobs: () => ({ path: path.join(folder(), 'blobs') }) }
}

once(describeWithPgvector)('drift of a Qdrant collection and of blobs', () => {
  const { database, folder, documents, truth, blobs } = useTruth(1_000)
  let double: QdrantDouble
  const points = (list: readonly Document[], change: object = {}, vector = [0.6, 0.8, 0], from = 1) =>
    sendTo(double.url, 'PUT', '/collections/c/points?wait=true', {
      points: list.map(({ id, hash, tenant }, at) => ({
        id: from + at,
        vector,
        payload: { doc_id: id, hash, tenant, ...change },
      })),
    })
  const fields = { id: 'payload.doc_id', stamp: 'payload.hash', tenant: 'payload.tenant', vector: 'vector' }
  const options = (): DriftReportOptions => ({
    truth: truth(),
    indexes: [{ source: { qdrant: { url: double.url, collection: 'c' } }, fields }],
    blobs: blobs(),
    graceMs: 0,
    temporary: path.join(folder(), 'temporary'),
  })
  beforeAll(async () => {
    double = await startQdrantDouble()
    await sendTo(double.url, 'PUT', '/collections/c', { vectors: { size: 3, distance: 'Dot' } })
    await points(documents)
  })
  afterAll(() => double?.close())

  it('finds none where there is none, and leaves nothing behind', async () => {
    const estimates: unknown[] = []
    const report = await reportDrift({ ...options(), onEstimate: (estimate) => estimates.push(estimate) })
    expect(report).toMatchObject({ ok: true, findings: [], rows: { truth: 1_000, qdrant: 1_000 }, unchecked: [] })
    expect(estimates).toEqual([{ rows: 2_000, bytes: 240_000, folder: path.join(folder(), 'temporary') }])
    expect(await readdir(path.join(folder(), 'temporary'))).toEqual([])
  })

  it('says what it cannot compare', async () => {
    const { indexes } = options()
    const report = await reportDrift({
      ...options(),
      blobs: undefined,
      indexes: [{ ...indexes![0]!, fields: { id: fields.id } }],
    })
    expect(report.unchecked.map((what) => what.split(',')[0])).toEqual([
      'qdrant: stale',
      'qdrant: foreign tenant',
      'qdrant: another model',
      'blobs: without a blob',
    ])
  })

  it('finds each class, with examples, causes and remedies, and nothing else', async () => {
    await sendTo(double.url, 'POST', '/collections/c/points/delete?wait=true', { points: [1, 2, 3] })
    const gone = [{ id: 'gone-1', hash: 'x', tenant: 'acme', blob: null }]
    await points(gone, {}, undefined, 2_001)
    await points(documents.slice(10, 15), { hash: 'old' }, undefined, 11)
    await points(documents.slice(20, 24), {}, undefined, 2_100)
    await points(documents.slice(30, 33), { tenant: 'stranger' }, undefined, 31)
    await points(documents.slice(40, 46), {}, [3, 4, 0], 41)
    await points([{ id: 'x', hash: 'x', tenant: 'x', blob: null }], { doc_id: null }, undefined, 3_000)
    await writeFile(path.join(folder(), 'blobs', 'files', 'orphan.pdf'), 'x')
    await database().admin(`UPDATE docs SET blob = 'files/lost.pdf' WHERE id = 'doc-7'`)
    await database().admin(`INSERT INTO docs SELECT id, hash, tenant, NULL, now() FROM docs WHERE id = 'doc-9'`)
    const report = await reportDrift(options())
    expect(report.ok).toBe(false)
    expect(kindsIn(report)).toEqual({
      'qdrant: missing': 3,
      'qdrant: orphaned': 2,
      'qdrant: stale': 5,
      'qdrant: duplicate': 4,
      'qdrant: foreign tenant': 3,
      'qdrant: another model': 6,
      'blobs: orphaned': 1,
      'blobs: without a blob': 1,
      'truth: duplicate': 1,
    })
    const found = (leg: string, kind: string) => report.findings.find((one) => one.leg === leg && one.kind === kind)!
    expect(
      found('qdrant', 'missing')
        .examples.map(({ id }) => id)
        .sort(),
    ).toEqual(['doc-0', 'doc-1', 'doc-2'])
    expect(found('qdrant', 'stale').examples[0]).toMatchObject({ detail: 'old' })
    expect(found('qdrant', 'another model').examples[0]).toMatchObject({ detail: '3 free' })
    expect(
      found('qdrant', 'orphaned')
        .examples.map(({ id }) => id)
        .sort(),
    ).toEqual(['(without payload.doc_id) 3000', 'gone-1'])
    expect(found('blobs', 'without a blob').examples).toEqual([{ id: 'doc-7', detail: 'files/lost.pdf' }])
    for (const { cause, remedy } of report.findings) expect([cause, remedy]).not.toContain('')
    const short = await reportDrift({ ...options(), shortenIds: true, examples: 1 })
    for (const { examples } of short.findings) {
      expect(examples).toHaveLength(1)
      expect(examples[0]!.id.length).toBeLessThanOrEqual(5)
    }
    // With the name of the chunk, a document may be there several times.
    const chunked = { ...options().indexes![0]!, fields: { ...fields, chunk: 'id' } }
    expect(kindsIn(await reportDrift({ ...options(), indexes: [chunked] }))).not.toHaveProperty('qdrant: duplicate')
  })

  it('proves whether anything of an id is left', async () => {
    const erased = { truth: options().truth, indexes: options().indexes, blobs: blobs() }
    expect(await reportErased({ ...erased, id: 'gone-1' })).toMatchObject({
      erased: false,
      legs: [
        { leg: 'truth', read: 1_001, found: 0 },
        { leg: 'qdrant', found: 1, examples: ['2001'] },
        { leg: 'blobs', read: 101, found: 0 },
      ],
    })
    expect(await reportErased({ ...erased, id: 'never' })).toMatchObject({ erased: true })
    expect(await reportErased({ ...erased, id: 'orphan' })).toMatchObject({ erased: false })
  })

  it('on the command line: a table, JSON, exit codes', async () => {
    const args = (...more: string[]) => [
      ...['drift', '--postgres', database().url, '--sql', 'SELECT id, hash, tenant, blob FROM docs'],
      ...['--qdrant', double.url, '--collection', 'c', '--grace', '0', '--blobs', './blobs'],
      ...['--map', 'id=payload.doc_id', 'stamp=payload.hash', 'stamp=hash', 'blob=blob', ...more],
    ]
    const cwd = folder()
    const shown = await cli(args(), { cwd })
    expect([shown.code, shown.stderr]).toEqual([1, expect.stringContaining('Reads 2004 rows twice')])
    expect(shown.stdout).toMatch(/qdrant .* stale .* 5 .* doc-1\d \(old\)/)
    expect(shown.stdout).toContain('Index these documents again')
    expect(shown.stdout).toContain('Not compared: qdrant: foreign tenant')
    const json = await cli(args('--json'), { cwd })
    expect([json.code, json.json()]).toMatchObject([1, { ok: false, rows: { truth: 1_001 } }])
    const left = await cli(args('--erased', 'gone-1'), { cwd })
    expect([left.code, left.stdout]).toEqual([1, expect.stringContaining('gone-1 is STILL THERE')])
    const gone = await cli(args('--erased', 'never'), { cwd })
    expect([gone.code, gone.stdout]).toEqual([0, expect.stringContaining('Nothing of never is left')])
    const wrong = async (...given: string[]) => {
      const result = await cli(['drift', '--postgres', database().url, ...given, '--json'], { cwd })
      return [result.code, result.json().error.path]
    }
    expect(await wrong('--qdrant', double.url)).toEqual([2, '--sql'])
    expect(await wrong('--table', 'docs')).toEqual([2, '--qdrant'])
    expect(await wrong('--table', 'docs', '--qdrant', double.url)).toEqual([2, '--collection'])
    expect(await wrong('--table', 'docs', '--elasticsearch', 'http://x')).toEqual([2, '--index'])
    expect(await wrong('--table', 'docs', '--blobs', '.', '--map', 'what=x')).toEqual([2, '--map'])
  })

  it('is an error, and no drift, where a leg does not answer', async () => {
    const away = { source: { qdrant: { url: 'http://127.0.0.1:9', collection: 'c', timeoutMs: 500 } } }
    await expect(reportDrift({ ...options(), indexes: [away] })).rejects.toMatchObject({
      code: expect.stringMatching(/^HW_(UNAVAILABLE|TIMEOUT)$/),
    })
    await expect(reportDrift({ ...options(), temporary: path.join(folder(), 'none') })).rejects.toMatchObject({
      code: 'HW_STORAGE',
    })
    const stop = AbortSignal.timeout(100)
    await expect(reportDrift({ ...options(), graceMs: 60_000, signal: stop })).rejects.toMatchObject({
      code: 'HW_TIMEOUT',
    })
    expect(await readdir(path.join(folder(), 'temporary'))).toEqual([])
  })

  it.each<[object, string]>([
    [{ truth: undefined }, 'truth.source'],
    [{ truth: {} }, 'truth.source'],
    [{ indexes: [{ source: { what: {} } }] }, 'source.what'],
    [{ indexes: [{ source: { jsonl: { path: 'x' } }, fields: { ids: 'x' } }] }, 'indexes[0].fields.ids'],
    [{ blobs: 'ftp://x' }, 'blobs'],
    [{ graceMs: -1 }, 'graceMs'],
  ])('%j is refused at %s', async (given, at) => {
    const work = async () => reportDrift({ ...options(), ...given })
    await expect(work()).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path: at })
  })
})

once(describeWithPgvector)('drift while others write', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  const folder = useTemporaryFolder()

  it('tells what is wrong, and nothing that is only late', async () => {
    const seeded = 20
    await database().admin(`
      CREATE TABLE truth AS SELECT 'doc-' || n AS id, 'hash-' || n AS hash, 'acme' AS tenant FROM generate_series(1, 20000) n;
      CREATE TABLE entries AS SELECT row_number() OVER () AS id, t.id AS doc, hash, tenant FROM truth t;
      ALTER TABLE truth ADD PRIMARY KEY (id);
      CREATE INDEX ON entries (doc);
      DELETE FROM entries WHERE id <= ${seeded};
      DELETE FROM truth WHERE id IN (SELECT doc FROM entries WHERE id BETWEEN 101 AND ${100 + seeded});
      UPDATE entries SET hash = 'old' WHERE id BETWEEN 201 AND ${200 + seeded};
      UPDATE entries SET tenant = 'other' WHERE id BETWEEN 301 AND ${300 + seeded};
      INSERT INTO entries SELECT id + 100000, doc, hash, tenant FROM entries WHERE id BETWEEN 401 AND ${400 + seeded}`)
    const stop = new AbortController()
    let writes = 0
    const writer = async (mine: number): Promise<void> => {
      const client = new pg.Client(database().url)
      await client.connect()
      for (let at = 0; !stop.signal.aborted; at++) {
        const id = `doc-${1_000 + (((at * 4 + mine) * 37) % 15_000)}`
        const hash = `hash-${mine}-${at}`
        // The truth first, the index a moment later, as without an outbox.
        if (at % 5 === 0) await client.query('DELETE FROM truth WHERE id = $1', [id])
        else {
          const put = `INSERT INTO truth VALUES ($1, $2, 'acme') ON CONFLICT (id) DO UPDATE SET hash = excluded.hash`
          await client.query(put, [id, hash])
        }
        await delay(5)
        await client.query('DELETE FROM entries WHERE doc = $1', [id])
        if (at % 5 !== 0) {
          const add = `INSERT INTO entries VALUES ($1, $2, $3, 'acme')`
          await client.query(add, [200_000 + mine * 100_000 + at, id, hash])
        }
        writes++
      }
      await client.end()
    }
    const writers = [0, 1, 2, 3].map(writer)
    const { url } = { url: database().url }
    const report = await reportDrift({
      truth: { source: { postgres: { url, table: 'truth' } }, fields: { stamp: 'hash', tenant: 'tenant' } },
      indexes: [
        {
          name: 'entries',
          source: { postgres: { url, table: 'entries' } },
          fields: { id: 'doc', stamp: 'hash', tenant: 'tenant' },
        },
      ],
      graceMs: 1_500,
      examples: 100,
      temporary: folder(),
    }).finally(() => stop.abort())
    await Promise.all(writers)
    expect(writes).toBeGreaterThan(100)
    expect(kindsIn(report)).toEqual({
      'entries: missing': seeded,
      'entries: orphaned': seeded,
      'entries: stale': seeded,
      'entries: foreign tenant': seeded,
      'entries: duplicate': seeded,
    })
  })
})

describeWithPgvector('drift of an index of Elasticsearch', () => {
  describeWithElasticsearch('against Postgres', (url) => {
    const { documents, truth } = useTruth(2_500)
    const index = `hw-drift-${process.pid}`
    const bulk = (list: readonly Document[]) =>
      sendTo(
        url,
        'POST',
        `/${index}/_bulk?refresh=true`,
        list.map(({ id, ...rest }) => `${JSON.stringify({ index: { _id: id } })}\n${JSON.stringify(rest)}\n`).join(''),
      )
    afterAll(() => fetch(`${url}/${index}`, { method: 'DELETE' }))

    it('reads all of it, by pages, and compares', async () => {
      await bulk(documents)
      const where = {
        truth: truth(),
        indexes: [
          {
            source: { elasticsearch: { url, index } },
            fields: { stamp: '_source.hash', tenant: '_source.tenant' },
          },
        ],
        graceMs: 0,
      }
      expect(await reportDrift(where)).toMatchObject({ ok: true, rows: { truth: 2_500, elasticsearch: 2_500 } })
      await bulk([
        { ...documents[3]!, hash: 'old' },
        { id: 'gone', hash: 'x', tenant: 'acme', blob: null },
      ])
      await fetch(`${url}/${index}/_doc/doc-5?refresh=true`, { method: 'DELETE' })
      expect(kindsIn(await reportDrift(where))).toEqual({
        'elasticsearch: missing': 1,
        'elasticsearch: orphaned': 1,
        'elasticsearch: stale': 1,
      })
      const { truth: told, indexes } = where
      expect(await reportErased({ truth: told, indexes, id: 'gone' })).toMatchObject({ erased: false })
      const missing = { ...where, indexes: [{ source: { elasticsearch: { url, index: 'hw-nowhere' } } }] }
      await expect(reportDrift(missing)).rejects.toMatchObject({ code: 'HW_GENERATION_MISSING' })
    })
  })
})

once(describeWithS3)('drift of blobs in a bucket', (s3) => {
  const { truth, documents } = useTruth(50)

  it('reads the names below a prefix, and makes no bucket', async () => {
    const bucket = `hw-drift-${process.pid}`
    const files = openPlace({ s3: s3().options, bucket, prefix: 'up' }, 'blobs')
    for (const { blob } of documents.slice(5)) if (blob) await files.put(blob, Buffer.from('x'))
    await files.put('files/orphan.pdf', Buffer.from('x'))
    await files.close()
    const blobs = { s3: s3().options, bucket, prefix: 'up' }
    expect(kindsIn(await reportDrift({ truth: truth(), blobs, graceMs: 0 }))).toEqual({
      'blobs: without a blob': 1,
      'blobs: orphaned': 1,
    })
    const nowhere = { ...blobs, bucket: `hw-none-${process.pid}` }
    for (let time = 0; time < 2; time++) {
      await expect(reportDrift({ truth: truth(), blobs: nowhere, graceMs: 0 })).rejects.toMatchObject({
        code: expect.stringMatching(/^HW_/),
      })
    }
  })
})

once(describe)('times', () => {
  it('are the same however they are told', async () => {
    const { entryOf } = await import('../../src/transfer/drift/legs')
    const stampOf = (at: unknown) => entryOf(0, { values: { id: 1, at } }, { id: 'id', stamp: 'at' })[2]
    const time = stampOf(new Date('2026-01-02T03:04:05.000Z'))
    for (const same of ['2026-01-02T03:04:05Z', '2026-01-02 03:04:05+00', '2026-01-02T05:04:05.000+02:00']) {
      expect(stampOf(same)).toBe(time)
    }
    expect(stampOf('2026-01-02T03:04:06Z')).not.toBe(time)
    expect([stampOf('v1'), stampOf(7), stampOf(7n), stampOf(null)]).toEqual(['v1', '7', '7', null])
  })
})
