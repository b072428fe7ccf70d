/**
 * A service and its unit tests over the store in memory: no database, no mock of the store, faults by a switch.
 * The tests run with node:test; any other runner does as well.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineMetadata, isHeadwaterError, type MetadataOf, type Store } from 'headwater'
import { createTestStore } from 'headwater/testing'

const policy = defineMetadata({ section: 'keyword', year: 'integer' })

interface Collections {
  documents: MetadataOf<typeof policy>
}

/** The code under test: it takes a store and does not care which. */
class PolicyService {
  readonly #store: Store<Collections>

  constructor(store: Store<Collections>) {
    this.#store = store
  }

  async publish(company: string, id: string, text: string, section: string): Promise<number> {
    const { version } = await this.#store.forTenant(company).documents.put({ id, text, metadata: { section } })
    return version
  }

  async answer(company: string, question: string): Promise<{ ids: string[]; complete: boolean }> {
    const page = await this.#store.forTenant(company).search({ query: question, groupBy: 'document' })
    return { ids: page.hits.map((hit) => hit.documentId), complete: page.degraded.length === 0 }
  }
}

function open() {
  return createTestStore<Collections>({ seed: 7, collections: { documents: { metadata: policy } } })
}

test('finds what was published, for the company that published it', async () => {
  const store = await open()
  try {
    const service = new PolicyService(store)
    assert.equal(await service.publish('acme', 'leave', 'Parental leave is sixteen weeks.', 'hr'), 1)
    assert.deepEqual(await service.answer('acme', 'parental leave'), { ids: ['leave'], complete: true })
    assert.deepEqual(await service.answer('globex', 'parental leave'), { ids: [], complete: true })
  } finally {
    await store.close()
  }
})

test('answers from the words alone while the vectors are down, and catches up', async () => {
  const store = await open()
  try {
    const service = new PolicyService(store)
    store.faults.down('vector')
    await service.publish('acme', 'leave', 'Parental leave is sixteen weeks.', 'hr')
    assert.deepEqual(await service.answer('acme', 'parental leave'), { ids: ['leave'], complete: false })
    const acme = store.forTenant('acme')
    await assert.rejects(acme.search({ query: 'parental leave', mode: 'vector' }), (error) =>
      isHeadwaterError(error, 'HW_UNAVAILABLE'),
    )

    store.faults.up('vector')
    await store.relay.drain()
    const { hits } = await acme.search({ query: 'parental leave', mode: 'vector' })
    assert.equal(hits[0]?.documentId, 'leave')
  } finally {
    await store.close()
  }
})
