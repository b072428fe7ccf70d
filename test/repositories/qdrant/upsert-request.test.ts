import { describe, expect, it } from 'vitest'
import { tenantId } from '../../../src/core/ids'
import { type EncodedPoint, upsertRequest } from '../../../src/repositories/qdrant/upsert-request'
import type { VectorPoint } from '../../../src/repositories/vectors'

function encoded(id: string, values: readonly number[], stored: object): EncodedPoint<VectorPoint> {
  const leaves = {}
  const payload = { tenant: tenantId('t'), document: 'd', source: null, createdAt: 0, updatedAt: 0, version: 1, leaves }
  const point = { id, fence: 1, stamp: 's', payload, vector: Float32Array.from(values) }
  return { point, payload: { ...stored }, json: JSON.stringify(stored) }
}

describe('an upsert', () => {
  it('is written out as what a client of the user is given', () => {
    const points = [
      encoded('a"b', [0.1, -0.2, 3e-9, 0], { text: 'ü漢😀"\\' }),
      encoded('c', [1e30, -1.5, 1e-30, 7], {}),
      // More than is reckoned with for a number.
      ...Array.from({ length: 40 }, (_, at) => encoded(`e${at}`, Array(300).fill(-1.2345678e-30), { at })),
    ]
    const { body, written } = upsertRequest('of "quotes"', points, { must: [{ has_id: ['ä'] }] })
    const sent = JSON.parse(Buffer.from(written!()).toString('utf8'), (_, value) =>
      typeof value === 'number' ? Math.fround(value) : value,
    )
    expect(sent).toEqual((body as () => object)())
  })
})
