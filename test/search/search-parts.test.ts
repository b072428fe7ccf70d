import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor } from '../../src/search/cursor'
import { fuse } from '../../src/search/fusion'
import { highlightDefaults, highlighter } from '../../src/search/highlight'

const hit = (id: string, score: number) => ({ id, document: id, score, fence: 1 })
const options = { k: 60, weights: { text: 1, vector: 1 }, legs: ['text', 'vector'] as const }

describe('fusion', () => {
  it('adds weight / (k + rank) of each leg', () => {
    const fused = fuse({ text: [hit('a', 9), hit('b', 8)], vector: [hit('b', 0.9), hit('c', 0.8)] }, options)
    expect(fused.map(({ id }) => id)).toEqual(['b', 'a', 'c'])
    expect(fused[0]!.score).toBeCloseTo(1 / 62 + 1 / 61, 12)
    expect(fused[0]!.legs).toEqual({ text: { rank: 2, score: 8 }, vector: { rank: 1, score: 0.9 } })
  })

  it('weighs legs, and orders ties by id', () => {
    const legs = { text: [hit('b', 1)], vector: [hit('a', 1)] }
    expect(fuse(legs, options).map(({ id }) => id)).toEqual(['a', 'b'])
    expect(fuse(legs, { ...options, weights: { text: 2, vector: 1 } }).map(({ id }) => id)).toEqual(['b', 'a'])
  })

  it('a leg asked alone keeps its scores; one left of two is still fused by rank', () => {
    expect(fuse({ text: [hit('a', 9)] }, { ...options, legs: ['text'] })[0]!.score).toBe(9)
    expect(fuse({ text: [hit('a', 9)] }, options)[0]!.score).toBeCloseTo(1 / 61, 12)
  })
})

describe('cursor', () => {
  const key = 'a'.repeat(32)
  const uuid = fc.uuid()

  it('carries ids and scores unchanged', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ id: uuid, score: fc.double({ noNaN: true }) }), { maxLength: 50 }), (list) => {
        const candidates = list.map(({ id, score }) => ({ id, score, document: '', legs: {} }))
        expect(decodeCursor(encodeCursor(key, candidates), key)).toEqual(list)
      }),
    )
  })

  it('refuses what was made for another request, damaged, or no cursor at all', () => {
    const cursor = encodeCursor(key, [{ id: '3e988952-d2ab-50b4-8329-aa5d070723b2', score: 1, document: '', legs: {} }])
    for (const bad of ['', 'x', cursor.slice(0, -3), `${cursor}AAAA`, `${cursor}=`, 7]) {
      expect(() => decodeCursor(bad as string, key)).toThrow(expect.objectContaining({ code: 'HW_INVALID_CURSOR' }))
    }
    expect(() => decodeCursor(cursor, 'b'.repeat(32))).toThrow(expect.objectContaining({ code: 'HW_INVALID_CURSOR' }))
  })
})

describe('highlight', () => {
  it('marks the words of a query by their stems, and no stop words', () => {
    const mark = highlighter('the leaves of parents', highlightDefaults)
    expect(mark('Every parent may leave the office.')).toEqual(['Every <em>parent</em> may <em>leave</em> the office.'])
    expect(mark('nothing of it')).toEqual([])
  })

  it('shows the passage with the most different words', () => {
    const filler = 'filler '.repeat(100)
    const text = `alpha ${filler} alpha beta gamma ${filler} beta`
    const [passage] = highlighter('alpha beta gamma', highlightDefaults)(text)
    expect(passage).toContain('<em>alpha</em> <em>beta</em> <em>gamma</em>')
    expect(passage!.length).toBeLessThan(400)
  })

  it('never breaks a text: without the marks every passage stands in it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 400 }),
        fc.string({ unit: 'grapheme', maxLength: 30 }),
        (text, query) => {
          for (const passage of highlighter(query, { ...highlightDefaults, before: '', after: '', length: 40 })(text)) {
            expect(passage.isWellFormed()).toBe(text.isWellFormed() || passage.isWellFormed())
            expect(text.replace(/\s+/g, ' ')).toContain(passage)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
