import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { occurrencesOf } from '../../src/core/words/occurrences'
import { readingOf } from '../../src/core/words/reading'
import { decodeCursor, encodeCursor } from '../../src/search/cursor'
import { type HighlightOptions, highlight, highlightDefaults } from '../../src/search/highlight'

describe('cursor', () => {
  const key = 'a'.repeat(32)
  const uuid = fc.uuid()

  it('carries ids and scores unchanged', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ id: uuid, score: fc.double({ noNaN: true, noDefaultInfinity: true }) }), {
          maxLength: 50,
        }),
        (list) => {
          const candidates = list.map(({ id, score }) => ({ id, score, document: '', legs: {} }))
          expect(decodeCursor(encodeCursor(key, candidates), key)).toEqual(list)
        },
      ),
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

function highlighter(query: string, options: HighlightOptions, language = 'english'): (text: string) => string[] {
  const reading = readingOf(language)
  const clauses = reading.query(query)
  return (text) => highlight(text, occurrencesOf(reading.terms(text), clauses), options)
}

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
