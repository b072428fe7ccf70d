import { expectTypeOf, it } from 'vitest'
import { defineMetadata, openStore, type Store, type StoredDocument } from '../../index'

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
    await acme.collection('questions').documents.put({ id: 'q', text: 'x', metadata: { anything: 1 } })
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
