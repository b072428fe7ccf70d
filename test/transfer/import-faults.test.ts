import { appendFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { applyImport, type ImportPlan, type ImportSource, verifyImport } from 'headwater/transfer'
import { describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../index'
import { startChild } from '../support/child'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { useTemporaryFolder, writeLines } from './fixtures'

const space = { name: 'mine.v1', dimensions: 4 }
const own = { collections: { documents: { embedder: { own: space } } } } as const
const rows = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    id: `doc-${at}`,
    text: `Text number ${at}.`,
    metadata: { page: at },
    embedding: [Math.cos(at), Math.sin(at), at / 10, 1],
  }))
const planOf = (part: string): ImportPlan => ({
  format: 1,
  name: 'faults',
  parts: [
    {
      part,
      tenant: 'acme',
      collection: 'documents',
      fields: { id: 'id', text: 'text', vector: 'embedding', metadata: ['metadata'] },
      space,
    },
  ],
})

describeWithPgvector('an import that is hindered', () => {
  const folder = useTemporaryFolder()
  const database = useDatabase(() => pgvectorUrl()!)
  let schemas = 0
  const where = () => ({ ...own, postgres: { url: database().url, schema: `faults_${++schemas}` } })

  const resumed = {
    'at the beginning': 0,
    'while reading': 2_000,
    'before the cursor': 2_000,
    'after the cursor': 4_000,
    'before the end': 5_000,
    'while pruning': 0,
  }
  it.each(Object.keys(resumed) as (keyof typeof resumed)[])('killed %s, goes on and misses nothing', async (step) => {
    const options = where()
    await (await openStore(options)).close()
    const file = await writeLines(path.join(folder(), `${step.replaceAll(' ', '-')}.jsonl`), rows(5_000))
    const plan = planOf(path.parse(file).name)
    const child = startChild('transfer/children/import.ts', JSON.stringify(options), JSON.stringify(plan), file, step)
    await child.line(() => true)
    child.process.kill('SIGKILL')
    await child.ended
    await using store = (await openStore(options)) as Store
    const source = { jsonl: { path: file } }
    const [part] = (await applyImport(store, source, plan)).parts
    expect(part!.resumedAfter).toBeGreaterThanOrEqual(resumed[step])
    expect(part!.resumedAfter + part!.read).toBe(5_000)
    expect(await verifyImport(store, source, plan)).toMatchObject({
      ok: true,
      parts: [{ rows: 5_000, documents: 5_000 }],
    })
  })

  it('of a file that grows meanwhile brings the rest the next time', async () => {
    await using store = (await openStore(where())) as Store
    const file = await writeLines(path.join(folder(), 'growing.jsonl'), rows(3_000))
    const plan = planOf('growing')
    const source = { jsonl: { path: file } }
    let grown = false
    await applyImport(store, source, plan, {
      onProgress: () => {
        if (grown) return
        grown = true
        void appendFile(file, `\n${JSON.stringify({ ...rows(3_001)[3_000] })}\nrubb`)
      },
    })
    const [part] = (await applyImport(store, source, plan)).parts
    expect(part).toMatchObject({ read: 3_002, refused: 1 })
    expect(part!.written + part!.unchanged).toBe(3_001)
    expect(await verifyImport(store, source, plan)).toMatchObject({ ok: true })
  })

  it('of a file that is gone is HW_STORAGE, and prunes nothing', async () => {
    await using store = (await openStore(where())) as Store
    const file = await writeLines(path.join(folder(), 'gone.jsonl'), rows(10))
    const plan = planOf('gone')
    await applyImport(store, { jsonl: { path: file } }, plan)
    await rm(file)
    const work = applyImport(store, { jsonl: { path: file } }, plan, { prune: true, mostPruned: 1 })
    await expect(work).rejects.toMatchObject({ code: 'HW_STORAGE', path: file })
    expect(await store.forTenant('acme').documents.count()).toBe(10)
  })

  it('into a store that takes no more says so, and goes on when it does again', async () => {
    const options = where()
    await using store = (await openStore(options)) as Store
    const file = await writeLines(path.join(folder(), 'full.jsonl'), rows(5_000))
    const plan = planOf('full')
    const source = { jsonl: { path: file } }
    const { schema } = options.postgres
    await database().admin(`
      CREATE FUNCTION ${schema}.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.id = 'doc-3000' THEN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END IF;
        RETURN NEW; END $$;
      CREATE TRIGGER full_disk BEFORE INSERT ON ${schema}.documents FOR EACH ROW EXECUTE FUNCTION ${schema}.full_disk()`)
    await expect(applyImport(store, source, plan)).rejects.toMatchObject({ code: 'HW_STORAGE' })
    await database().admin(`DROP TRIGGER full_disk ON ${schema}.documents`)
    const [part] = (await applyImport(store, source, plan)).parts
    expect(part).toMatchObject({ resumedAfter: 2_000, read: 3_000, refused: 0 })
    expect(await verifyImport(store, source, plan)).toMatchObject({ ok: true })
  })

  it('into a store that is away is HW_UNAVAILABLE, and leaves the cursor where it was', async () => {
    const options = where()
    const store = (await openStore(options)) as Store
    const file = await writeLines(path.join(folder(), 'away.jsonl'), rows(6_000))
    const plan = planOf('away')
    const source = { jsonl: { path: file } }
    let windows = 0
    const login = `away_${process.pid}`
    await database().admin(`CREATE ROLE ${login} LOGIN SUPERUSER PASSWORD 'pw'`)
    const other = { ...options, postgres: { ...options.postgres, url: database().urlAs(login, 'pw') } }
    await store.close()
    const doomed = (await openStore(other)) as Store
    const cut = async (): Promise<void> => {
      await database().admin(`ALTER ROLE ${login} NOLOGIN`)
      await database().admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, [login])
    }
    let cutting: Promise<void> = Promise.resolve()
    const work = applyImport(doomed, source, plan, {
      timeoutMs: 20_000,
      onProgress: () => {
        if (++windows === 2) cutting = cut()
      },
    })
    await expect(work).rejects.toMatchObject({
      code: expect.stringMatching(
        /^HW_(UNAUTHORIZED|UNAVAILABLE|TIMEOUT|CIRCUIT_OPEN|COMMIT_UNKNOWN|TRANSACTION_ABORTED)$/,
      ),
    })
    await cutting
    await doomed.close()
    await database().admin(`DROP ROLE ${login}`)
    await using again = (await openStore(options)) as Store
    const [part] = (await applyImport(again, source, plan)).parts
    expect(part!.resumedAfter).toBeGreaterThanOrEqual(2_000)
    expect(await verifyImport(again, source, plan)).toMatchObject({ ok: true })
  })

  it('can be aborted, and goes on', async () => {
    await using store = (await openStore(where())) as Store
    const file = await writeLines(path.join(folder(), 'aborted.jsonl'), rows(6_000))
    const plan = planOf('aborted')
    const source = { jsonl: { path: file } }
    const stop = new AbortController()
    const work = applyImport(store, source, plan, { signal: stop.signal, onProgress: () => stop.abort() })
    await expect(work).rejects.toMatchObject({ code: 'HW_ABORTED' })
    await applyImport(store, source, plan)
    expect(await verifyImport(store, source, plan)).toMatchObject({ ok: true })
  })

  it('of a source that answers rubbish writes the rest', async () => {
    await using store = (await openStore(where())) as Store
    const rubbish: unknown[] = [{}, { id: 1 }, { id: [], text: {} }, { id: 'a', text: ['x'] }]
    const source: ImportSource = {
      kind: 'rubbish',
      parts: async () => [{ name: 'rubbish', rows: null }],
      async *rows() {
        for (const values of rubbish) yield { values: values as Record<string, unknown>, cursor: null }
        yield { values: {}, cursor: { deep: ['cursor'] }, problem: 'unreadable' }
        yield { values: rows(1)[0]!, cursor: 'end' }
      },
      stamp: async () => '',
      close: async () => {},
    }
    const [part] = (await applyImport(store, source, planOf('rubbish'))).parts
    expect(part).toMatchObject({ read: 6, written: 1, refused: 5 })
  })
})

describe('nothing', () => {
  it('is imported of a part that the source has not', async () => {
    const folder = path.join(process.cwd(), 'nowhere.jsonl')
    await using store = (await openStore({ ...own, embedded: { path: ':memory:' } })) as Store
    const work = applyImport(store, { jsonl: { path: folder } }, planOf('nowhere'))
    await expect(work).rejects.toMatchObject({ code: 'HW_STORAGE' })
  })
})
