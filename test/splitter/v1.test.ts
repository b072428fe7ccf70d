import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutPieces, rankOf } from '../../src/splitter/cuts'
import { cutPieces as firstCutPieces } from './first-cuts'

/** Pieces of a few widths and gaps, with ranks that are often equal, and often in order. */
const pieces = fc
  .record({
    widths: fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 120 }),
    gap: fc.nat({ max: 2 }),
    worths: fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 5 }),
    hashes: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 7 }),
    sorted: fc.boolean(),
  })
  .map(({ widths, gap, worths, hashes, sorted }) => {
    const starts: number[] = []
    const ends: number[] = []
    let at = 0
    for (const width of widths) {
      starts.push(at)
      ends.push(at + width + 1)
      at += width + 1 + gap
    }
    const ranks = starts.map((_, i) => rankOf(worths[i % worths.length]!, hashes[i % hashes.length]!))
    if (sorted) ranks.sort((a, b) => a - b)
    return { starts, ends, ranks, widths }
  })

describe('cutting pieces', () => {
  it('cuts exactly where 0.1.0 cut, measured in characters and in tokens', () => {
    fc.assert(
      fc.property(pieces, fc.constantFrom(20, 60, 200), fc.boolean(), (of, target, tokens) => {
        const sums = [0]
        // Tokens of a piece may be none at all.
        for (const width of of.widths) sums.push(sums.at(-1)! + (width % 7))
        const measure = tokens
          ? (from: number, to: number) => sums[to]! - sums[from]!
          : (from: number, to: number) => of.ends[to - 1]! - of.starts[from]!
        const sizes = { target, max: Math.round(target * 1.6), min: Math.floor(target / 4), measure }
        const now: number[][] = []
        const then: number[][] = []
        cutPieces(of.ranks, sizes, (from, to) => now.push([from, to]))
        firstCutPieces(of, sizes, (from, to) => then.push([from, to]))
        expect(now).toEqual(then)
      }),
      { numRuns: 5_000 },
    )
  })
})
