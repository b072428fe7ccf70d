import { describe, expect, it } from 'vitest'
import { batchesOf, distinctPoints, eachOf, sizeOf } from '../../../src/repositories/qdrant/batches'

const limits = { points: 3, bytes: 100 }

describe('batches', () => {
  it('are bounded by number and by bytes; what is too large alone goes alone', () => {
    const sizes = (items: number[]) => batchesOf(items, limits, (item) => item)
    expect(sizes([1, 1, 1, 1])).toEqual([[1, 1, 1], [1]])
    expect(sizes([60, 40, 1])).toEqual([[60, 40], [1]])
    expect(sizes([1, 500, 1])).toEqual([[1], [500], [1]])
    expect(sizes([])).toEqual([])
    expect(() => sizes([1, 33 * 2 ** 20])).toThrowError(expect.objectContaining({ code: 'HW_LIMIT_EXCEEDED' }))
  })

  it('a point’s size is never underestimated', () => {
    const vector = Float32Array.from({ length: 500 }, (_, i) => -Math.PI * 1.1 ** -i)
    const payload = { text: 'ü'.repeat(100) }
    const sent = JSON.stringify({ id: '0'.repeat(36), vector: { f: Array.from(vector) }, payload })
    expect(sizeOf(vector.length, JSON.stringify(payload))).toBeGreaterThanOrEqual(Buffer.byteLength(sent))
  })

  it('of equal ids the highest fence stays, and of equal fences the last', () => {
    const points = [
      { id: 'a', fence: 1, n: 1 },
      { id: 'b', fence: 3, n: 2 },
      { id: 'a', fence: 1, n: 3 },
      { id: 'b', fence: 2, n: 4 },
    ]
    expect(distinctPoints(points).map(({ n }) => n)).toEqual([3, 2])
  })

  it('two run at once; after a failure no more are begun, and the one that runs is waited for', async () => {
    const begun: number[] = []
    const ended: number[] = []
    const work = async (n: number): Promise<void> => {
      begun.push(n)
      expect(begun.length - ended.length).toBeLessThanOrEqual(2)
      await new Promise((resolve) => setImmediate(resolve))
      ended.push(n)
      if (n === 2) throw new TypeError('second')
    }
    await expect(eachOf([1, 2, 3, 4, 5, 6], work)).rejects.toThrow('second')
    expect(ended.length).toBe(begun.length)
    expect(begun.length).toBeLessThan(6)
  })
})
