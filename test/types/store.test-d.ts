import { expectTypeOf, it } from 'vitest'
import {
  type CacheLoadOptions,
  type DocumentPatch,
  defineMetadata,
  type FacetPath,
  type Filter,
  type Json,
  type JsonObject,
  type ListPage,
  openStore,
  parseFilter,
  type Reranker,
  type SearchHit,
  type SearchPage,
  type Store,
  type StoredDocument,
  type StoreOptions,
  storeOptionsFrom,
  type TenantHandle,
} from '../../index'
import { createTestStore, type TestStore } from '../../src/testing'

interface Article {
  section: string
  year?: number
  tags: string[]
  author: { name: string }
}

const inferred = () =>
  openStore({
    collections: {
      documents: { metadata: defineMetadata({ section: 'keyword', year: 'integer', tags: 'keyword[]' }) },
      questions: {},
    },
  })

const declared = () => openStore<{ documents: Article; questions: { topic: string } }>()

it('metadata types are inferred from defineMetadata', () => {
  const check = async (store: Awaited<ReturnType<typeof inferred>>) => {
    const acme = store.forTenant('acme')
    const document = await acme.documents.get('a')
    expectTypeOf(document!.metadata.year).toEqualTypeOf<number | undefined>()
    expectTypeOf(document!.metadata.tags).toEqualTypeOf<string[] | undefined>()
    await acme.documents.put({ id: 'a', text: 'x', title: undefined, metadata: { section: 'hr', year: undefined } })
    // @ts-expect-error year is a number
    await acme.documents.put({ id: 'a', text: 'x', metadata: { year: '2026' } })
    await acme.search({ query: 'x', filter: { section: 'hr', year: { gte: 2024 }, tags: { in: ['a'] } } })
    // @ts-expect-error there is no such field
    await acme.search({ query: 'x', filter: { nothing: 1 } })
    // @ts-expect-error not an operator of strings
    await acme.documents.list({ filter: { section: { gt: 'a' } } })
    const questions = acme.collection('questions')
    await questions.documents.put({ id: 'q', text: 'x', metadata: { anything: 1 } })
    expectTypeOf((await questions.documents.get('q'))!.metadata).toEqualTypeOf<JsonObject>()
    await questions.documents.patch('q', { metadata: { anything: null } })
    // @ts-expect-error a Date is no JSON, and nothing says that it is a time
    await questions.documents.put({ id: 'q', text: 'x', metadata: { at: new Date(0) } })
    await acme.transaction(async (tx) => {
      expectTypeOf((await tx.collection('questions').documents.get('q'))!.metadata).toEqualTypeOf<JsonObject>()
      await tx.documents.patch('a', { metadata: { year: null } })
      // @ts-expect-error year is a number
      await tx.documents.put({ id: 'a', text: 'x', metadata: { year: '2026' } })
    })
    const page = await acme.search({ query: 'x', facets: ['section', '$source', '$chunk.page'] })
    expectTypeOf(page.facets![0]!.path).toEqualTypeOf<FacetPath<{ section: string; year: number; tags: string[] }>>()
    await acme.similar('a', { facets: { paths: ['year', '$status'], limit: 5 } })
    await questions.search({ query: 'x', facets: ['any.path'] })
    // @ts-expect-error there is no such field
    await acme.search({ query: 'x', facets: ['sektion'] })
    // @ts-expect-error nothing is counted by version
    await acme.search({ query: 'x', facets: { paths: ['$version'] } })
    // @ts-expect-error it is not declared
    acme.collection('answers')
  }
  expectTypeOf(check).toBeFunction()
})

it("an interface of the user's own needs no index signature", () => {
  const check = async (store: Awaited<ReturnType<typeof declared>>) => {
    expectTypeOf(store).toEqualTypeOf<Store<{ documents: Article; questions: { topic: string } }>>()
    const acme = store.forTenant('acme')
    expectTypeOf(await acme.documents.get('a')).toEqualTypeOf<StoredDocument<Article> | null>()
    const article: Article = { section: 'hr', tags: [], author: { name: 'x' } }
    await acme.documents.put({ id: 'a', text: 'x', metadata: article })
    await acme.documents.patch('a', { metadata: { year: null, section: 'ops' } })
    const page = await acme.search({ query: 'x', filter: { 'author.name': { exists: true } } })
    expectTypeOf(page.hits[0]!.metadata.author.name).toEqualTypeOf<string>()
    const [many] = await acme.searchMany([{ query: ['x', 'y'], facets: ['section'] }])
    expectTypeOf(many!.hits[0]!.metadata).toEqualTypeOf<Article>()
    const near = await acme.similar('a', { filter: { section: 'hr' }, minScore: undefined })
    expectTypeOf(near.hits[0]!.metadata.tags).toEqualTypeOf<string[]>()
    await acme.search({
      query: 'x',
      weights: { text: undefined },
      rerank: { rank: (_, hits) => hits.map((hit) => hit.metadata.year ?? 0) },
    })
    // @ts-expect-error there is no such field
    await acme.similar('a', { filter: { nothing: 1 } })
    const { value } = await acme.transaction(async (tx) => {
      await tx.documents.put({ id: 'a', text: 'x', metadata: article })
      return (await tx.collection('questions').documents.get('q'))!.metadata.topic
    })
    expectTypeOf(value).toEqualTypeOf<string>()
    // @ts-expect-error section is missing
    await acme.documents.put({ id: 'a', text: 'x', metadata: { tags: [], author: { name: 'x' } } })
  }
  expectTypeOf(check).toBeFunction()
})

it('without a declaration metadata is JSON', () => {
  const check = async (store: Store) => {
    await store.forTenant('acme').documents.put({ id: 'a', text: 'x', metadata: { any: { depth: [1, 'two', null] } } })
    await store
      .forTenant('acme')
      .search({ query: 'x', filter: { 'any.depth': 'two', OR: [{ year: 1 }, { NOT: { b: 2 } }] } })
  }
  expectTypeOf(check).toBeFunction()
})

it('errands and units of work', () => {
  const check = async (store: TestStore<{ documents: Article }>) => {
    store.on<{ to: string }>('mail', async ({ payload, handle, createdAt, signal }) => {
      expectTypeOf(payload).toEqualTypeOf<{ to: string }>()
      expectTypeOf(handle).toEqualTypeOf<TenantHandle<{ documents: Article }>>()
      expectTypeOf(createdAt).toEqualTypeOf<Date>()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
    })
    store.on('any', ({ payload }) => expectTypeOf(payload).toEqualTypeOf<Json>(), { concurrency: 2 })
    // @ts-expect-error there is no such option
    store.on('any', () => 1, { retries: 2 })
    const { value } = await store.forTenant('acme').transaction(
      async (tx) => {
        expectTypeOf(await tx.afterCommit('mail', { to: 'a' })).toEqualTypeOf<{ readonly id: string }>()
        // @ts-expect-error a payload is JSON
        await tx.afterCommit('mail', new Map())
        return tx.savepoint(async (part) => (await part.documents.get('a'))?.metadata)
      },
      { isolation: 'serializable', readOnly: false, retries: 3 },
    )
    expectTypeOf(value).toEqualTypeOf<Article | undefined>()
    // @ts-expect-error there is no such isolation
    await store.forTenant('acme').transaction(async () => 1, { isolation: 'snapshot' })
  }
  expectTypeOf(check).toBeFunction()
})

it('what a store is made with and what it gives are of one type', () => {
  const check = async (acme: TenantHandle<{ documents: Article }>, store: TestStore<{ documents: Article }>) => {
    expectTypeOf(store.forTenant('acme')).toEqualTypeOf(acme)
    expectTypeOf(await createTestStore<{ documents: Article }>()).toEqualTypeOf(store)
    expectTypeOf(storeOptionsFrom<{ documents: Article }>).returns.toEqualTypeOf<StoreOptions<{ documents: Article }>>()
    expectTypeOf(await acme.documents.list({ filter: { section: 'hr' } })).toEqualTypeOf<ListPage<Article>>()
    expectTypeOf(await acme.search({ query: 'x' })).toEqualTypeOf<SearchPage<Article>>()
    expectTypeOf(await acme.documents.getMany(['a'])).toEqualTypeOf<(StoredDocument<Article> | null)[]>()
    const byYear: Reranker<Article> = {
      rank(_query, hits) {
        expectTypeOf(hits).toEqualTypeOf<readonly SearchHit<Article>[]>()
        return { order: hits.map((_, at) => at) }
      },
    }
    await acme.search({ query: 'x', rerank: byYear })
    // @ts-expect-error scores or an order
    await acme.search({ query: 'x', rerank: { rank: () => 'best first' } })
    expectTypeOf(await acme.cache.getOrLoad('key', async () => ({ a: 1 }))).toEqualTypeOf<{ a: number }>()
    expectTypeOf(await acme.cache.get<string>('key')).toEqualTypeOf<string | undefined>()
    // @ts-expect-error a cached value is JSON
    await acme.cache.getOrLoad('key', async () => new Map())
    const load: CacheLoadOptions = { documents: ['a', { collection: 'questions', id: 'q' }] }
    await acme.cache.getOrLoad('key', async () => 1, load)
    const filter: Filter<Article> = { 'author.name': 'x' }
    expectTypeOf(parseFilter(filter, defineMetadata({ at: 'datetime' })).kind).toBeString()
    await acme.documents.deleteWhere(filter)
    // @ts-expect-error there is no such field
    await acme.documents.count({ autor: 'x' })
    const patch: DocumentPatch<Article> = { metadata: { author: { name: 'y' } } }
    await acme.documents.patch('a', patch)
    const ready = await acme.documents.prepare({ id: 'a', text: 'x' })
    await acme.using({ query: async () => ({ rows: [], rowCount: 0 }) }).documents.put(ready)
    // @ts-expect-error what is prepared is made by prepare
    await acme.documents.put({ made: true })
    // @ts-expect-error there is no such collection
    acme.collection('questions')
  }
  expectTypeOf(check).toBeFunction()
})
