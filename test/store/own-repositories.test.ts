import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openStore, type StoreOptions } from '../../index'
import { MemoryBlobRepository } from '../../src/repositories/memory/blobs'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'

const base: StoreOptions = { embedder: { hashing: {} } }

describe('repositories of the user’s own', () => {
  it('serve a store, and are recorded by their names', async () => {
    const path = await mkdtemp(join(tmpdir(), 'headwater-own-'))
    onTestFinished(() => rm(path, { recursive: true, force: true }))
    const vectors = Object.assign(new MemoryVectorRepository(), { engine: 'mine' })
    const repositories = { vectors, texts: new MemoryTextRepository(), blobs: new MemoryBlobRepository() }
    const store = await openStore({ ...base, embedded: { path }, repositories })
    try {
      const acme = store.forTenant('acme')
      await acme.waitFor(await acme.documents.put({ id: 'a', text: 'Parental leave', blob: { data: 'bytes' } }))
      expect((await acme.search({ query: 'parental', mode: 'text' })).hits[0]?.documentId).toBe('a')
      expect((await acme.search({ query: 'parental', mode: 'vector' })).hits[0]?.documentId).toBe('a')
    } finally {
      await store.close()
    }
    await expect(openStore({ ...base, embedded: { path } })).rejects.toMatchObject({
      code: 'HW_TOPOLOGY_MISMATCH',
      path: 'topology',
      message: expect.stringContaining('`repositories.vectors` named "mine"'),
      details: { recorded: 'mine', configured: ['postgres'] },
    })
  })

  it.each([
    ['repositories.vectors', { repositories: { vectors: {} } }],
    ['repositories.texts', { repositories: { texts: 'lucene' } }],
    ['repositories.lexicon', { repositories: { lexicon: {} } }],
    ['repositories.blobs', { repositories: { blobs: new MemoryBlobRepository() }, blobs: { path: '/tmp/x' } }],
    [
      'repositories.vectors.engine',
      { repositories: { vectors: Object.assign(new MemoryVectorRepository(), { engine: 'qdrant' }) } },
    ],
  ])('%s is refused where it cannot serve', async (path, options) => {
    await expect(
      openStore({ ...base, embedded: { path: ':memory:' }, ...options } as StoreOptions),
    ).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path })
  })
})
