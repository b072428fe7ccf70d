import { ByteReader, ByteWriter } from './bytes'
import { type BlockFormat, postingsOf, postingWidth } from './postings'

/**
 * Blocks as 0.1.0 made them, for indexes that it filled: no places, and all fields as one. Per term: bytes of the term,
 * count of postings, bytes of postings; numbers as differences.
 */
export const firstBlocks: BlockFormat = {
  encode(terms, _pool, out) {
    const body = new ByteWriter()
    for (const [term, postings] of terms) {
      body.clear()
      let last = 0
      for (let i = 0; i < postings.length; i += postingWidth) {
        body.number(postings[i]! - last)
        body.number(postings[i + 1]!)
        body.number(postings[i + 2]!)
        last = postings[i]!
      }
      out.text(term)
      out.number(postings.length / postingWidth)
      out.number(body.length)
      out.raw(body.view())
    }
  },

  decode(bytes, into, { all }) {
    const reader = new ByteReader(bytes)
    while (!reader.done) {
      const term = reader.text(reader.number())
      const count = reader.number()
      const end = reader.number() + reader.position
      const postings = postingsOf(into, term, all)
      if (postings) {
        let number = 0
        for (let i = 0; i < count; i++) {
          number += reader.number()
          postings.push(number, reader.number(), reader.number(), 0, 0)
        }
      }
      reader.position = end
    }
  },
}
