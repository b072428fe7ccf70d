import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diversify, diversityPool } from '../../src/search/diversity'

const candidate = (id: string, score: number) => ({ id, document: id, score, legs: {} })
const vectors = (entries: Record<string, readonly number[]>) =>
  new Map(Object.entries(entries).map(([id, numbers]) => [id, Float32Array.from(numbers)]))
const order = (found: readonly { readonly id: string }[]) => found.map(({ id }) => id)

describe('diversity', () => {
  const three = [candidate('a', 1), candidate('twin', 0.99), candidate('other', 0.5)]
  const known = vectors({ a: [1, 0], twin: [2, 0.01], other: [0, 1] })

  it('puts a twin of a better hit behind what is different', () => {
    expect(order(diversify(three, known, 0.5))).toEqual(['a', 'other', 'twin'])
    expect(order(diversify(three, known, 0))).toEqual(['a', 'twin', 'other'])
    expect(order(diversify(three, known, 0.05))).toEqual(['a', 'twin', 'other'])
  })

  it('keeps scores and tells the penalty; what has no vector is like nothing', () => {
    const found = diversify([...three, candidate('new', 0.4)], known, 0.5)
    expect(found.find(({ id }) => id === 'twin')).toMatchObject({ score: 0.99, penalty: expect.closeTo(0.5, 3) })
    expect(found.find(({ id }) => id === 'new')).toMatchObject({ penalty: 0 })
    expect(order(diversify(three, new Map(), 1))).toEqual(['a', 'twin', 'other'])
    expect(diversify([], known, 1)).toEqual([])
  })

  it('loses nobody, begins with the best, is the same each time, and leaves the order behind the pool', () => {
    const numbers = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(
        fc.array(numbers, { minLength: 1, maxLength: 150 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (list, lambda) => {
          const candidates = list.map((_, at) => candidate(`c${at}`, 1 / (at + 1)))
          const held = vectors(Object.fromEntries(list.map((vector, at) => [`c${at}`, vector])))
          const found = diversify(candidates, held, lambda)
          expect(order(found).sort()).toEqual(order(candidates).sort())
          expect(found[0]!.id).toBe('c0')
          expect(order(diversify(candidates, held, lambda))).toEqual(order(found))
          expect(found.slice(diversityPool)).toEqual(candidates.slice(diversityPool))
        },
      ),
      { numRuns: 100 },
    )
  })
})
