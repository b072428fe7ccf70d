import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openStore, type Store } from '../../index'
import { hasModel, modelFolder } from '../embeddings/model'

if (!hasModel)
  console.warn(`\n  SKIPPED: test/store/onnx.test.ts needs the model in ${modelFolder}, and it is not there\n`)

describe.skipIf(!hasModel)('a store with an ONNX model', () => {
  const threads: Worker[] = []
  const onWorker = (worker: Worker): void => void threads.push(worker)
  let folder: string
  let store: Store | undefined

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'headwater-onnx-'))
    // Where the user's cache is, so that a developer's own is not looked into.
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'))
    process.on('worker', onWorker)
  })
  afterEach(async () => {
    await store?.close()
    store = undefined
    process.off('worker', onWorker)
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true, force: true })
  })

  it('finds by meaning, rebuilds into another pooling, and leaves no thread', async () => {
    store = await openStore({ embedded: { path: ':memory:' }, embedder: { onnx: { path: modelFolder } } })
    const { documents } = store.forTenant('acme')
    await documents.put({ id: 'dog', text: 'The puppy slept on the sofa all afternoon.' })
    await documents.put({ id: 'tax', text: 'The fiscal year ends in December.' })
    await store.relay.drain()
    const search = () => store!.forTenant('acme').search({ query: 'a sleepy young hound', mode: 'vector' })
    expect((await search()).hits[0]?.documentId).toBe('dog')
    await store.rebuild({ target: 'vector', embedder: { onnx: { path: modelFolder, pooling: 'cls' } } })
    expect((await search()).hits[0]?.documentId).toBe('dog')
    await store.close()
    const ended = threads.splice(0)
    expect(ended.length).toBeGreaterThanOrEqual(2)
    for (const thread of ended) expect(thread.threadId).toBe(-1)
  })

  it('takes the default model where the cache has it and none is named, and never mixes spaces', async () => {
    const options = { embedded: { path: join(folder, 'store') } }
    store = await openStore(options)
    expect((await store.health()).notices.join()).toContain('hashing embedder')
    await store.close()
    const models = join(folder, 'cache/headwater/models')
    await mkdir(models, { recursive: true })
    await symlink(modelFolder, join(models, 'all-MiniLM-L6-v2'))
    await expect(openStore(options)).rejects.toMatchObject({ code: 'HW_FINGERPRINT_MISMATCH' })
    store = await openStore({ embedded: { path: ':memory:' } })
    expect((await store.health()).notices.join()).not.toContain('hashing embedder')
    const [vectors] = (await store.generations()).filter(({ target }) => target === 'vector')
    expect(vectors?.fingerprint).toMatch(/^onnx-all-minilm-l6-v2-384-/)
  })
})
