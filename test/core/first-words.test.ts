import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stem, terms, words } from '../../src/core/words/first-words'

const found = (text: string): string[] => words(text).map((word) => word.term)

describe('words', () => {
  it('finds runs of letters, digits and underscores with offsets into the given text', () => {
    expect(words('The snake_case id: v2!')).toEqual([
      { term: 'the', start: 0, end: 3 },
      { term: 'snake_case', start: 4, end: 14 },
      { term: 'id', start: 15, end: 17 },
      { term: 'v2', start: 19, end: 21 },
    ])
    expect(words(' \n\t.,;')).toEqual([])
  })

  it('folds width, ligatures and composition, and still points at what was written', () => {
    const text = 'Ｆｕｌｌ ﬁnd cafe\u0301 X² ½'
    expect(words(text).map(({ term, start, end }) => [term, text.slice(start, end)])).toEqual([
      ['full', 'Ｆｕｌｌ'],
      ['find', 'ﬁnd'],
      ['café', 'cafe\u0301'],
      ['x2', 'X²'],
      ['1', '½'],
      ['2', '½'],
    ])
  })

  it('gives one term a character where words have no spaces', () => {
    expect(found('東京tower')).toEqual(['東', '京', 'tower'])
    expect(found('カナ한국')).toEqual(['カ', 'ナ', '한', '국'])
    expect(found('กี่')).toEqual(['กี่'])
    expect(words('a\u{20000}b')).toEqual([
      { term: 'a', start: 0, end: 1 },
      { term: '\u{20000}', start: 1, end: 3 },
      { term: 'b', start: 3, end: 4 },
    ])
  })

  it('reads composed and decomposed spellings alike', () => {
    for (const text of ['Ærøskøbing Ångström', 'ガラス', '한국어', 'Việt Nam']) {
      expect(found(text.normalize('NFD'))).toEqual(found(text.normalize('NFC')))
    }
  })

  it('keeps offsets in order, inside the text and on no half of a surrogate pair', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        let last = 0
        for (const { term, start, end } of words(text)) {
          expect(term).not.toBe('')
          expect(end).toBeGreaterThan(start)
          expect(start).toBeGreaterThanOrEqual(last)
          expect(end).toBeLessThanOrEqual(text.length)
          expect(/[\udc00-\udfff]/.test(text[start]!) && /[\ud800-\udbff]/.test(text[start - 1] ?? '')).toBe(false)
          last = start
        }
      }),
      { numRuns: 500 },
    )
  })

  it('survives one endless word', () => {
    expect(words('a'.repeat(1 << 20)).every((word) => word.term.length <= 255)).toBe(true)
    expect(words('\u0301'.repeat(1 << 20)).length).toBeGreaterThan(1)
  })
})

describe('terms', () => {
  it('stems English and leaves its function words out', () => {
    expect(terms('The relays were draining the queues')).toEqual(['relai', 'drain', 'queue'])
    expect(terms('Drains drained')).toEqual(['drain', 'drain'])
  })

  it('only folds other languages', () => {
    expect(terms('Die Häuser WAREN', 'german')).toEqual(['die', 'häuser', 'waren'])
  })

  it('stems nothing but plain words', () => {
    expect(stem('running')).toBe('run')
    expect(stem('naïves')).toBe('naïves')
    expect(stem('v2s')).toBe('v2s')
    expect(stem('s'.repeat(60))).toBe('s'.repeat(60))
  })
})
