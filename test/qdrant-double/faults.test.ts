import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clearFaults, type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'

describe('faults of the Qdrant double', () => {
  let double: QdrantDouble
  beforeEach(async () => {
    double = await startQdrantDouble()
    await call('PUT', '', { vectors: { size: 2, distance: 'Dot' } })
  })
  afterEach(() => double.close())

  const call = async (method: string, path: string, body?: unknown) => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${double.url}/collections/c${path}`, { method, ...sent })
    return {
      status: response.status,
      headers: response.headers,
      json: (await response.json()) as { result: { status: string } },
    }
  }
  const put = (id: number, payload = {}, rest = {}) =>
    call('PUT', '/points?wait=true', { points: [{ id, vector: [1, 0], payload }], ...rest })
  const held = (): unknown[] => [...double.collections().get('c')!.ordered()].map((point) => point.id)

  it('refuses until it is told to stop', async () => {
    double.faults.refuse = true
    await expect(put(1)).rejects.toThrow()
    clearFaults(double.faults)
    expect((await put(1)).status).toBe(200)
  })

  it('answers with a status and does nothing, for so many requests of a kind', async () => {
    double.faults.status = { code: 503, retryAfter: 2 }
    double.faults.only = ({ method }) => method === 'PUT'
    double.faults.times = 1
    expect((await call('GET', '')).status).toBe(200)
    const refused = await put(1)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2'])
    expect(held()).toEqual([])
    expect((await put(1)).status).toBe(200)
    double.faults.status = { code: 429 }
    delete double.faults.times
    expect((await put(2)).headers.get('retry-after')).toBeNull()
  })

  it('loses an answer after doing what was asked', async () => {
    double.faults.loseAnswer = true
    await expect(put(1)).rejects.toThrow()
    expect(held()).toEqual([1])
  })

  it('applies writes late, also those whose client heard nothing', async () => {
    double.faults.lateApply = true
    expect((await put(1)).json.result.status).toBe('wait_timeout')
    double.faults.loseAnswer = true
    await expect(put(2)).rejects.toThrow()
    clearFaults(double.faults)
    expect((await put(3)).json.result.status).toBe('completed')
    expect(held()).toEqual([3])
    expect(double.applyLate()).toBe(2)
    expect(held()).toEqual([1, 2, 3])
  })

  it('as an older version passes conditions over in silence', async () => {
    const older = { update_filter: { must: [{ key: 'v', range: { lt: 1 } }] } }
    await put(1, { v: 5 })
    await put(1, { v: 1 }, older)
    expect(double.collections().get('c')!.get(1)!.payload).toEqual({ v: 5 })
    double.faults.forgetVersion = '1.15.0'
    expect(await (await fetch(double.url)).json()).toMatchObject({ version: '1.15.0' })
    await put(1, { v: 1 }, older)
    expect(double.collections().get('c')!.get(1)!.payload).toEqual({ v: 1 })
  })

  it('takes its time', async () => {
    double.faults.delayMs = 30
    const begun = performance.now()
    await call('GET', '')
    expect(performance.now() - begun).toBeGreaterThan(25)
  })

  it('says that it is still optimizing', async () => {
    double.faults.optimizing = true
    expect((await call('GET', '')).json.result.status).toBe('yellow')
  })
})
