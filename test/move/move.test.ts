import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type MoveReport, moveStore } from 'headwater/backup'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Filled, fill, hashing, open, seen } from '../backup/filled'
import { startChild } from '../support/child'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'

const refusing = {
  embedder: {
    fingerprint: 'never',
    dimensions: 8,
    maxTokens: 8,
    embed: async () => {
      throw new Error('a move embeds nothing')
    },
  },
}

const digests = ({ tables }: MoveReport) => Object.fromEntries(tables.map(({ name, digest }) => [name, digest]))

describeWithPgvector('a move', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  let folder = ''
  let before: unknown
  const at = (name: string): string => path.join(folder, name)
  const from = () => ({ embedded: { path: at('store') } })
  const server = (name: string) => ({
    postgres: { url: database().url, schema: name.replaceAll(/\W/g, '_') },
    blobs: { path: at(`blobs of ${name}`) },
  })
  const opened = async <T>(where: Parameters<typeof open>[0], work: (store: Filled) => Promise<T>): Promise<T> => {
    const store = await open(where)
    try {
      return await work(store)
    } finally {
      await store.close()
    }
  }
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-move-'))
    before = await opened(from(), async (store) => {
      await fill(store)
      return seen(store)
    })
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('from embedded to a server, to another schema and back keeps all, and calls no embedder', async () => {
    const there = await moveStore(from(), { ...server('first'), ...refusing })
    expect(there).toMatchObject({ before: { made: false }, kept: 0, epoch: 2, waiting: [] })
    expect(there.blobs).toMatchObject({ count: 4, written: 4, missingCount: 0 })
    expect(there.indexes.map(({ equal }) => equal)).toEqual([true, true])
    expect(await opened(server('first'), seen)).toEqual(before)
    const beside = await moveStore(server('first'), server('second'))
    const back = await moveStore(server('second'), { embedded: { path: at('back') }, ...refusing })
    expect(await opened({ embedded: { path: at('back') } }, seen)).toEqual(before)
    for (const report of [beside, back]) {
      const { registry: _, ...others } = digests(report)
      expect(others).toEqual(expect.objectContaining({ documents: digests(there)['documents'] }))
      expect({ ...others, queue: null }).toEqual({ ...digests(there), registry: undefined, queue: null })
    }
    // Versions go on, and the source is as it was.
    const put = await opened({ embedded: { path: at('back') } }, (store) =>
      store.forTenant('acme').documents.put({ id: 'doc 0 x', text: 'Other words.' }),
    )
    expect(put).toMatchObject({ version: 2 })
    expect(await opened(from(), seen)).toEqual(before)
  })

  it('reads all and changes nothing in a dry run', async () => {
    const dry = await moveStore(from(), server('dry'), { dryRun: true })
    expect(dry).toMatchObject({ epoch: null, indexes: [], blobs: { count: 4, written: 0 }, before: { made: false } })
    const { rows } = await database().admin(`SELECT nspname FROM pg_namespace WHERE nspname ~ 'dry|move'`)
    expect(rows).toEqual([])
    const real = await moveStore(from(), server('dry'))
    expect(real.tables).toEqual(dry.tables)
  })

  it('refuses a target that is not empty, the source itself, a place that holds no store', async () => {
    await moveStore(from(), server('taken'))
    await expect(moveStore(from(), server('taken'))).rejects.toMatchObject({
      code: 'HW_RESTORE_REFUSED',
      path: 'confirm',
    })
    const again = await moveStore(from(), server('taken'), { confirm: database().name })
    expect(again).toMatchObject({ epoch: 3, before: { documents: 38 } })
    const itself = { code: 'HW_INVALID_OPTIONS', path: 'to' }
    const confirmed = { confirm: database().name, force: true }
    await expect(moveStore(server('taken'), server('taken'), confirmed)).rejects.toMatchObject(itself)
    await expect(moveStore(from(), from(), confirmed)).rejects.toMatchObject(itself)
    const nowhere = { embedded: { path: at('nowhere') } }
    await expect(moveStore(nowhere, server('x'))).rejects.toMatchObject({ code: 'HW_MIGRATION_NEEDED' })
    const { blobs: _, ...blobless } = server('blobless')
    await expect(moveStore(from(), blobless)).rejects.toMatchObject({ path: 'to.blobs.path' })
    await opened(from(), async () => {
      await expect(moveStore(from(), server('y'))).rejects.toMatchObject({ code: 'HW_EMBEDDED_LOCKED' })
    })
  })

  it.each(['scratch schema', 'rows', 'comparing', 'blobs', 'new epoch', 'switch'])(
    'killed at: %s, goes on from there, also when the source has changed since',
    async (step) => {
      const to = server(`killed ${step}`)
      const child = startChild('move/children/move.ts', JSON.stringify(from()), JSON.stringify(to), step)
      await child.line(() => true)
      child.process.kill('SIGKILL')
      await child.ended
      // Nothing is at the target yet, and all is at the source.
      const { rows } = await database().admin(`SELECT 1 FROM pg_namespace WHERE nspname = $1`, [to.postgres.schema])
      expect(rows).toEqual([])
      const now = await opened(from(), async (store) => {
        const { documents } = store.forTenant('acme')
        await documents.put({ id: `at ${step}`, text: `Written at ${step}.` })
        await documents.delete(`at ${step}`)
        await documents.patch('doc 2 "quoted"x', { metadata: { step } })
        await store.relay.drain({ timeoutMs: 30_000 })
        return seen(store)
      })
      const report = await moveStore(from(), to)
      if (step === 'scratch schema') expect(report.kept).toBe(0)
      else expect(report.kept).toBeGreaterThan(0)
      expect(report.kept).toBeLessThan(report.rows)
      expect(report.indexes.map(({ equal }) => equal)).toEqual([true, true])
      expect(await opened(to, seen)).toEqual(now)
      before = now
    },
  )

  it('killed after the switch is a store whose indexes workers build', async () => {
    const to = server('switched')
    const child = startChild('move/children/move.ts', JSON.stringify(from()), JSON.stringify(to), 'indexes')
    await child.line(() => true)
    child.process.kill('SIGKILL')
    await child.ended
    await opened(to, async (store) => {
      const stop = new AbortController()
      const running = store.relay.run({ signal: stop.signal })
      await expect.poll(() => seen(store).catch(({ code }) => code), { timeout: 30_000, interval: 500 }).toEqual(before)
      stop.abort()
      await running
    })
  })

  it('of an embedded target that is not empty takes force', async () => {
    const to = { embedded: { path: at('forced') }, ...hashing }
    await moveStore(from(), to)
    await expect(moveStore(from(), to)).rejects.toMatchObject({ code: 'HW_RESTORE_REFUSED', path: 'force' })
    expect(await moveStore(from(), to, { force: true })).toMatchObject({ epoch: 3 })
  })

  it('tells blobs that the source has lost', async () => {
    const lossy = { embedded: { path: at('lossy') } }
    await moveStore(from(), lossy)
    await rm(path.join(at('lossy'), 'blobs'), { recursive: true })
    const { blobs } = await moveStore(lossy, server('lossy'))
    expect(blobs).toMatchObject({ count: 4, written: 0, missingCount: 4, missing: [{ reason: 'absent' }, {}, {}, {}] })
  })
})
