import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/random'
import { unitsOf, visitUnits } from '../../src/core/words/lexer'
import { Reading } from '../../src/core/words/reading'
import { WordFormer } from '../../src/core/words/word-forms'

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

describe('words of a text, by where they stand', () => {
  it('have the forms that each has by itself, more of them than are kept, long ones, stop words', () => {
    const random = seededRandom(3)
    const below = (most: number): number => Math.floor(random.next() * most)
    const word = (): string =>
      Array.from({ length: 1 + below(below(10) === 0 ? 60 : 6) }, () => letters[below(62)]).join('')
    const words = Array.from({ length: 60_000 }, (_, at) => (at % 9 === 0 ? 'the' : word()))
    for (const language of ['english', 'simple']) {
      const reading = new Reading({ language, folding: true })
      const forms = new WordFormer(language, true)
      for (let from = 0; from < words.length; from += 3_000) {
        const some = words.slice(from, from + 3_000)
        const wanted = some.flatMap((one, position) => {
          const { terms, stop } = forms.of(one)
          return terms.map((term, at) => [term, position, at > 0 ? 'extra' : stop ? 'stop' : 'word'])
        })
        for (let again = 0; again < 2; again++) {
          const found = reading.terms(some.join(' ')).map(({ term, position, kind }) => [term, position, kind])
          expect(found).toEqual(wanted)
        }
      }
    }
  })

  it('are told right where another text is read between two of them, and in a long text', () => {
    const told: string[] = []
    const tell = (text: string, start: number, end: number): void => {
      told.push(text.slice(start, end))
      expect(unitsOf('another text')).toHaveLength(2)
    }
    visitUnits('one two three', {
      word: () => undefined,
      plain: (text, codes, start, end) => {
        tell(text, start, end)
        expect(String.fromCharCode(...codes.subarray(start, end))).toBe(text.slice(start, end))
      },
      other: () => undefined,
    })
    expect(told).toEqual(['one', 'two', 'three'])
    expect(unitsOf('word '.repeat(20_000))).toHaveLength(20_000)
  })
})
