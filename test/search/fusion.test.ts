import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atLeast, type FusionOptions, fuse, type LegList } from '../../src/search/fusion'

const hit = (id: string, score: number) => ({ id, document: id, score, fence: 1 })
const list = (leg: 'text' | 'vector', ...scores: readonly (readonly [string, number])[]): LegList => ({
  leg,
  hits: scores.map(([id, score]) => hit(id, score)),
})
const rrf: FusionOptions = { method: 'rrf', k: 60, weights: { text: 1, vector: 1 }, asked: { text: 1, vector: 1 } }
const weighted: FusionOptions = { ...rrf, method: 'weighted' }
const text = list('text', ['a', 9], ['b', 8])
const vector = list('vector', ['b', 0.9], ['c', 0.8])

describe('reciprocal rank fusion', () => {
  it('adds weight / (k + rank) of each leg', () => {
    const fused = fuse([text, vector], rrf)
    expect(fused.map(({ id }) => id)).toEqual(['b', 'a', 'c'])
    expect(fused[0]!.score).toBeCloseTo(1 / 62 + 1 / 61, 12)
    expect(fused[0]!.legs).toEqual({
      text: { rank: 2, score: 8, part: 1 / 62 },
      vector: { rank: 1, score: 0.9, part: 1 / 61 },
    })
  })

  it('weighs legs, and orders ties by id', () => {
    const legs = [list('text', ['b', 1]), list('vector', ['a', 1])]
    expect(fuse(legs, rrf).map(({ id }) => id)).toEqual(['a', 'b'])
    expect(fuse(legs, { ...rrf, weights: { text: 2, vector: 1 } }).map(({ id }) => id)).toEqual(['b', 'a'])
  })

  it('a list asked alone keeps its scores; one left of two is still fused by rank', () => {
    expect(fuse([text], { ...rrf, asked: { text: 1 } })[0]!.score).toBe(9)
    expect(fuse([text], rrf)[0]!.score).toBeCloseTo(1 / 61, 12)
  })

  it('several phrasings of a leg add up; the best rank and its score are shown', () => {
    const lists = [list('text', ['a', 9], ['b', 8]), list('text', ['c', 7], ['b', 6], ['a', 5])]
    const fused = fuse(lists, { ...rrf, asked: { text: 2 } })
    expect(fused.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect(fused[0]!.legs.text).toMatchObject({ rank: 1, score: 9 })
    expect(fused[0]!.score).toBeCloseTo(1 / 61 + 1 / 63, 12)
  })
})

describe('weighted fusion', () => {
  /** Of two vectors the last is taken for what has nothing to do with the query to one part in 25. */
  const second = (0.8 - 0.8 / 25) / (0.9 - 0.8 / 25)

  it('adds scores on one scale; what the vector leg lacks is worth its least', () => {
    const fused = fuse([text, vector], weighted)
    const scores = Object.fromEntries(fused.map(({ id, score }) => [id, score]))
    expect(scores['b']).toBeCloseTo(0.5 * (8 / 9) + 0.5, 12)
    expect(scores['a']).toBeCloseTo(0.5 + 0.5 * second, 12)
    expect(scores['c']).toBeCloseTo(0.5 * second, 12)
    expect(fused.map(({ id }) => id)).toEqual(['b', 'a', 'c'])
    expect(fused.find(({ id }) => id === 'b')!.legs.vector!.part).toBeCloseTo(0.5, 12)
  })

  it('what has a rare word comes before the likest that has none, and before no other for it', () => {
    const scores = Array.from({ length: 50 }, (_, i) => [`v${i}`, 0.4 - i * 0.005] as const)
    const fused = fuse([list('text', ['z', 3], ['v20', 2.9]), list('vector', ...scores)], weighted)
    // Both are best in one leg and nothing in the other.
    expect(fused.slice(0, 4).map(({ id }) => id)).toEqual(['v20', 'z', 'v0', 'v1'])
    expect(fused[1]!.score - fused[2]!.score).toBeLessThan(0.001)
  })

  it('takes weights as shares, and survives scores below 0, equal ones and empty legs', () => {
    const shares = fuse([text, vector], { ...weighted, weights: { text: 3, vector: 1 } })
    expect(shares.find(({ id }) => id === 'a')!.score).toBeCloseTo(0.75 + 0.25 * second, 12)
    const negative = fuse([list('vector', ['a', 0.5], ['b', -0.5])], weighted)
    expect(negative.map(({ score }) => score)).toEqual([0.5, 0])
    expect(fuse([list('vector', ['b', -0.1], ['a', -0.5])], weighted).map(({ score }) => score)).toEqual([0.5, 0])
    expect(fuse([list('vector', ['a', 0.2], ['b', 0.2])], weighted).map(({ score }) => score)).toEqual([0.5, 0.5])
    expect(fuse([list('text'), vector], weighted).map(({ id }) => id)).toEqual(['b', 'c'])
    const none = fuse([text, vector], { ...weighted, weights: { text: 0, vector: 0 } })
    expect(none.map(({ id, score }) => [id, score])).toEqual(['a', 'b', 'c'].map((id) => [id, 0]))
  })
})

describe('a long list of vectors', () => {
  it('counts from its last one, so that a model whose cosines lie close together is heard as any other', () => {
    const wide = Array.from({ length: 100 }, (_, at): [string, number] => [`v${at}`, 0.9 - at * 0.008])
    const narrow = wide.map(([id, score]): [string, number] => [id, 0.8 + score / 10])
    const scores = (hits: [string, number][]) => fuse([list('vector', ...hits)], weighted).map(({ score }) => score)
    for (const [at, score] of scores(wide).entries()) expect(scores(narrow)[at]).toBeCloseTo(score, 9)
    expect(scores(wide).at(-1)).toBe(0)
  })
})

describe('any fusion', () => {
  const scored = fc.uniqueArray(fc.tuple(fc.constantFrom(...'abcdefgh'), fc.double({ min: -1, max: 9, noNaN: true })), {
    selector: ([id]) => id,
  })
  const sorted = (leg: 'text' | 'vector', pairs: readonly (readonly [string, number])[]): LegList =>
    list(leg, ...[...pairs].sort((one, other) => other[1] - one[1]))
  const given = fc.record({
    method: fc.constantFrom('rrf' as const, 'weighted' as const),
    weights: fc.record({ text: fc.integer({ min: 0, max: 5 }), vector: fc.integer({ min: 0, max: 5 }) }),
    k: fc.integer({ min: 0, max: 100 }),
    texts: scored,
    vectors: scored,
  })

  it('keeps every candidate once, best first, ties by id, whatever the order of the lists; parts explain the score', () => {
    fc.assert(
      fc.property(given, ({ method, weights, k, texts, vectors }) => {
        const options = { method, weights, k, asked: { text: 1, vector: 1 } }
        const lists = [
          sorted(
            'text',
            texts.map(([id, s]) => [id, Math.abs(s)] as const),
          ),
          sorted('vector', vectors),
        ]
        const fused = fuse(lists, options)
        expect(fused.map(({ id }) => id).sort()).toEqual([...new Set([...texts, ...vectors].map(([id]) => id))].sort())
        for (const [at, { score, id, legs }] of fused.entries()) {
          expect(Number.isFinite(score)).toBe(true)
          const next = fused[at + 1]
          if (next) expect(score > next.score || (score === next.score && id < next.id)).toBe(true)
          if (legs.text && legs.vector) expect(score).toBeCloseTo(legs.text.part + legs.vector.part, 9)
          if (method === 'weighted') expect(score).toBeLessThanOrEqual(1 + 1e-9)
        }
        expect(
          fuse([...lists].reverse(), options)
            .map(({ id }) => id)
            .sort(),
        ).toEqual(fused.map(({ id }) => id).sort())
      }),
      { numRuns: 500 },
    )
  })
})

it('minScore counts in the leg’s own score', () => {
  expect(atLeast(text, { text: 8.5 }).hits.map(({ id }) => id)).toEqual(['a'])
  expect(atLeast(vector, { text: 8.5 })).toBe(vector)
})
