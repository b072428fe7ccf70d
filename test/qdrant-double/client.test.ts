import { QdrantClient } from '@qdrant/js-client-rest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'

describe('the official client over the Qdrant double', () => {
  let double: QdrantDouble
  let client: QdrantClient
  beforeAll(async () => {
    double = await startQdrantDouble({ apiKey: 'key' })
    client = new QdrantClient({ url: double.url, apiKey: 'key', checkCompatibility: false })
    await client.createCollection('docs', {
      vectors: { space: { size: 2, distance: 'Cosine' } },
      quantization_config: { scalar: { type: 'int8', quantile: 0.99, always_ram: true } },
    })
  })
  afterAll(() => double.close())

  it('writes, finds, pages, counts and deletes', async () => {
    await client.createPayloadIndex('docs', { field_name: 'tenant', field_schema: 'keyword', wait: true })
    await client.upsert('docs', {
      wait: true,
      points: Array.from({ length: 5 }, (_, id) => ({ id, vector: { space: [1, id] }, payload: { tenant: 't', id } })),
    })
    const found = await client.query('docs', { query: [1, 0], using: 'space', limit: 2, with_payload: true })
    expect(found.points.map((point) => [point.id, point.payload])).toEqual([
      [0, { tenant: 't', id: 0 }],
      [1, { tenant: 't', id: 1 }],
    ])
    const [first] = await client.search('docs', { vector: { name: 'space', vector: [0, 1] }, limit: 1 })
    expect(first).toMatchObject({ id: 4, score: expect.closeTo(4 / Math.sqrt(17), 5) })
    const page = await client.scroll('docs', { limit: 3 })
    expect(page.next_page_offset).toBe(3)
    await client.delete('docs', { wait: true, filter: { must: [{ key: 'id', range: { gte: 3 } }] } })
    expect((await client.count('docs', { exact: true })).count).toBe(3)
    expect((await client.getCollection('docs')).payload_schema['tenant']).toMatchObject({ points: 3 })
    await client.deletePayloadIndex('docs', 'tenant')
    expect((await client.getCollection('docs')).payload_schema).toEqual({})
  })

  it('restores a snapshot over later changes, named vectors and indexes included', async () => {
    await client.createPayloadIndex('docs', { field_name: 'body', field_schema: { type: 'text' }, wait: true })
    await client.upsert('docs', {
      wait: true,
      points: [{ id: 90, vector: { space: [1, 1] }, payload: { body: 'Zwei' } }],
    })
    const snapshot = await client.createSnapshot('docs')
    await client.delete('docs', { wait: true, points: [90] })
    await client.recoverSnapshot('docs', { location: `file:///qdrant/snapshots/docs/${snapshot!.name}` })
    const found = await client.scroll('docs', {
      filter: { must: [{ key: 'body', match: { text: 'zwei' } }] },
      with_vector: true,
    })
    expect(found.points).toEqual([{ id: 90, payload: { body: 'Zwei' }, vector: { space: [0.70710677, 0.70710677] } }])
    expect(await client.listSnapshots('docs')).toHaveLength(1)
    await client.deleteSnapshot('docs', snapshot!.name)
    expect(await client.listSnapshots('docs')).toEqual([])
  })

  it('switches aliases one by one, without taking back what was done before a failure', async () => {
    await client.createCollection('other', { vectors: { size: 1, distance: 'Dot' } })
    const actions = [
      { create_alias: { collection_name: 'other', alias_name: 'live' } },
      { create_alias: { collection_name: 'missing', alias_name: 'never' } },
    ]
    await expect(client.updateCollectionAliases({ actions })).rejects.toThrow()
    expect((await client.getAliases()).aliases).toEqual([{ alias_name: 'live', collection_name: 'other' }])
  })

  it('merges a payload, takes keys away by null, and misses points that are not there', async () => {
    await client.setPayload('docs', { wait: true, payload: { extra: 1, tenant: null }, points: [0] })
    expect((await client.retrieve('docs', { ids: [0], with_payload: true }))[0]!.payload).toEqual({ extra: 1, id: 0 })
    await expect(client.setPayload('docs', { wait: true, payload: { x: 1 }, points: [777] })).rejects.toMatchObject({
      status: 404,
    })
    await expect(client.upsert('docs', { points: [{ id: 1, vector: { wrong: [1, 1] } }] })).rejects.toMatchObject({
      status: 400,
    })
  })
})
