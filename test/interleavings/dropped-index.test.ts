import { afterEach, describe, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import { QdrantConnection } from '../../src/connections/qdrant/connection'
import { indexTemplate } from '../../src/repositories/elasticsearch/index-definition'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { textIndexOf, vectorIndexOf } from '../../src/repositories/generations'
import { QdrantVectorRepository } from '../../src/repositories/qdrant/vectors'
import { codeOf } from '../../src/testing/runner'
import { writerDefaults } from '../../src/writer/ports'
import { liveGeneration } from '../../src/writer/rebuild/generations'
import { IndexWatch } from '../../src/writer/reconcile/index-watch'
import { describeWithElasticsearch } from '../support/elasticsearch'
import { freshPrefix } from '../support/index-prefix'
import { startQdrantDouble } from '../support/qdrant-double'
import { Stage, scope, trap, useStages } from './stage'
import { stepped } from './steps'

const never = new AbortController().signal

describe('an index that is dropped with deletes still on their way', () => {
  useStages()
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  /** Two documents in both indexes, and one of them just deleted. */
  async function deleting(stage: Stage): Promise<void> {
    const { writer } = stage.process()
    await writer.putMany(scope, [
      { id: 'gone', text: 'words to go' },
      { id: 'kept', text: 'words to keep' },
    ])
    await writer.relay.drain()
    await writer.delete(scope, 'gone')
  }

  trap(
    'Qdrant: somebody makes it anew, empty; the deletes come through, and the sweep fills it',
    'the marker',
    async (guarded) => {
      const double = await startQdrantDouble()
      const connection = new QdrantConnection({ url: double.url })
      closing.push(
        () => double.close(),
        () => connection.close(),
      )
      const stage = await Stage.open({ vectors: new QdrantVectorRepository(connection) })
      await deleting(stage)
      const index = vectorIndexOf(await liveGeneration(stage.process().ports, 'vector', scope.collection))
      const marker = await stage.vectors.marker(index)
      const path = `${double.url}/collections/${index.name}`
      const { result } = (await (await fetch(path)).json()) as { result: { config: { params: object } } }
      for (const request of [
        { method: 'DELETE' },
        {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(result.config.params),
        },
      ]) {
        expect((await fetch(path, request)).status).toBe(200)
      }
      const worker = stage.process({
        inVectors: async (call, _args, go) => (call === 'marker' && !guarded ? marker : go()),
      })
      await worker.writer.relay.drain()
      const before = { jobs: await stage.jobs(), vectors: await stage.vectored() }
      await new IndexWatch(worker.ports, writerDefaults, 'watch').round(never)
      await worker.writer.relay.drain()
      return { before, after: await stage.vectored() }
    },
    {
      safe: { before: { jobs: 0, vectors: [] }, after: ['kept'] },
      broken: { before: { jobs: 0, vectors: [] }, after: [] },
    },
  )

  it('Qdrant: nobody makes it anew but the round, which fills it and leads the alias to it', async () => {
    const double = await startQdrantDouble()
    const connection = new QdrantConnection({ url: double.url })
    closing.push(
      () => double.close(),
      () => connection.close(),
    )
    const vectors = new QdrantVectorRepository(connection)
    const stage = await Stage.open({ vectors })
    await deleting(stage)
    const { ports, writer } = stage.process()
    const live = vectorIndexOf(await liveGeneration(ports, 'vector', scope.collection))
    expect((await fetch(`${double.url}/collections/${live.name}`, { method: 'DELETE' })).status).toBe(200)
    expect(await codeOf(vectors.alias.set(scope.collection, live))).toBe('HW_GENERATION_MISSING')
    await new IndexWatch(ports, writerDefaults, 'watch').round(never)
    expect(await vectors.alias.leadsTo(scope.collection, live)).toBe(true)
    await writer.relay.drain()
    expect(await stage.vectored()).toEqual(['kept'])
  })

  describeWithElasticsearch('Elasticsearch', (url) => {
    trap(
      'a delete makes no index by itself; the sweep makes it, and fills it',
      'the alias that is required and the template that forbids it',
      async (guarded) => {
        const connection = new ElasticsearchConnection({ url })
        const { prefix, dispose } = freshPrefix(connection)
        closing.push(() => connection.close(), dispose)
        const careless = stepped(connection, (call, [request, ...rest], go) => {
          if (guarded || call !== 'request' || request.path !== '/_bulk') return go()
          const { require_alias: _, ...querystring } = request.querystring
          return go({ ...request, querystring }, ...rest)
        })
        const texts = new ElasticsearchTextRepository(careless, { prefix, analysis: 'library' })
        const stage = await Stage.open({ texts })
        await deleting(stage)
        const call = { idempotent: true }
        const indexes = async (): Promise<string[]> =>
          Object.keys((await connection.request({ method: 'GET', path: `/${prefix}*/_alias` }, call)) as object)
        for (const index of await indexes()) await connection.request({ method: 'DELETE', path: `/${index}` }, call)
        if (!guarded) {
          const body = { ...indexTemplate(prefix), allow_auto_create: true }
          await connection.request({ method: 'PUT', path: `/_index_template/${prefix}-guard`, body }, call)
        }
        await stage.serveOnce('text')
        const { rows } = await stage.database.admin(
          `SELECT count(*)::int AS jobs FROM headwater.queue WHERE target = 'text'`,
        )
        const before = { jobs: rows[0].jobs, indexes: (await indexes()).length }
        if (!guarded) return { before }
        const { ports, writer } = stage.process()
        // One round makes the index, fills it, and leads the alias to it, which had nowhere to lead before.
        const live = textIndexOf(await liveGeneration(ports, 'text', scope.collection))
        expect(await codeOf(texts.alias.set(scope.collection, live))).toBe('HW_GENERATION_MISSING')
        await new IndexWatch(ports, writerDefaults, 'watch').round(never)
        expect(await texts.alias.leadsTo(scope.collection, live)).toBe(true)
        await writer.relay.drain()
        return { before, after: await stage.texted() }
      },
      {
        safe: { before: { jobs: 1, indexes: 0 }, after: ['words to keep'] },
        // An index of nobody's making, in which nothing is mapped as it should be; and the job counts as done.
        broken: { before: { jobs: 0, indexes: 1 } },
      },
    )
  })
})
