import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/random'
import { readingOf } from '../../src/core/words/reading'

const words = [
  'node',
  'Do',
  'not',
  'don',
  'it',
  're',
  'c3',
  '20',
  '000',
  '2024',
  'infor',
  'mation',
  'JS',
  'qu',
  'x'.repeat(250),
]
const signs = [
  ...[
    '.',
    '@',
    '&',
    "'",
    '/',
    ':',
    ',',
    '-',
    '_',
    '__',
    '_'.repeat(8),
    '_'.repeat(9),
    '+',
    '++',
    '+++',
    '#',
    '##',
    ' ',
  ],
  ...[
    '-\n',
    '- \t\r\n  ',
    `-${' '.repeat(9)}\n`,
    `-\n${' '.repeat(9)}`,
    '-\r',
    ';',
    "n't ",
    '(',
    '. ',
    ', ',
    '- ',
    '-- ',
  ],
]

/** A soft hyphen in each word: nothing to see, but no ASCII. */
function hyphenated(text: string): string {
  return text.replace(/[0-9A-Za-z]{2,}/g, (word) => `${word[0]}\u00ad${word.slice(1)}`)
}

describe('words joined by signs', () => {
  it('are read in ASCII as in any other text', () => {
    const random = seededRandom(11)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!
    const reading = readingOf('english')
    const termsOf = (text: string) =>
      reading.terms(text).map(({ term, position, kind }) => ({ term: term.replaceAll('\u00ad', ''), position, kind }))
    for (let i = 0; i < 3_000; i++) {
      const text = Array.from({ length: 1 + Math.floor(random.next() * 24) }, () => pick(words) + pick(signs)).join('')
      expect(termsOf(text), JSON.stringify(text)).toEqual(termsOf(hyphenated(text)))
    }
  })
})
