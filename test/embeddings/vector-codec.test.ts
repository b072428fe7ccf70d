import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from '../../src/embeddings/fingerprint'
import {
  checkVector,
  vectorFromBytes,
  vectorFromLiteral,
  vectorToBytes,
  vectorToLiteral,
} from '../../src/embeddings/vector-codec'

const vectors = fc.float32Array({ noNaN: true, noDefaultInfinity: true, maxLength: 40 })

describe('vector codec', () => {
  it('keeps every bit through bytes and every value through the literal', () => {
    fc.assert(
      fc.property(vectors, (vector) => {
        expect(vectorFromBytes(vectorToBytes(vector))).toEqual(vector)
        expect(vectorFromLiteral(vectorToLiteral(vector))).toEqual(vector.map((value) => value + 0))
      }),
    )
  })

  it('writes little endian, also from the middle of a buffer, and reads unaligned bytes', () => {
    const whole = Float32Array.of(9, 1, -2)
    const bytes = vectorToBytes(whole.subarray(1))
    expect(bytes.toString('hex')).toBe('0000803f000000c0')
    const shifted = Buffer.concat([Buffer.of(0), bytes]).subarray(1)
    expect([...vectorFromBytes(shifted)]).toEqual([1, -2])
    expect(vectorToLiteral(whole)).toBe('[9,1,-2]')
  })

  it('refuses what is no vector', () => {
    expect(() => vectorFromBytes(Buffer.alloc(5))).toThrow(/5 bytes/)
    for (const literal of ['', '1,2', '["a"]', '{}']) {
      expect(() => vectorFromLiteral(literal)).toThrow(expect.objectContaining({ code: 'HW_INVALID_VECTOR' }))
    }
  })

  it('checks length and finiteness, and says where', () => {
    expect(checkVector([1, 2], 2)).toEqual(Float32Array.of(1, 2))
    expect(() => checkVector([1, 2], 3)).toThrow(/has 2 dimensions, not 3/)
    expect(() => checkVector([1, Number.NaN], 2, 'query')).toThrow(expect.objectContaining({ path: 'query[1]' }))
    // Finite as a double, not as a float32.
    expect(() => checkVector([1e39], 1)).toThrow(expect.objectContaining({ code: 'HW_INVALID_VECTOR' }))
    expect(() => checkVector('ab' as never, 2)).toThrow(/is string/)
    expect(() => checkVector(null as never, 2)).toThrow(/is null/)
  })
})

describe('fingerprintOf', () => {
  const space = {
    provider: 'OpenAI',
    model: 'BAAI/bge-small_en v1.5',
    revision: '5c38ec7',
    dimensions: 384,
    normalized: true,
  }

  it('is readable, safe as a name and stable', () => {
    expect(fingerprintOf(space)).toBe('openai-baai-bge-small-en-v1-5-384-2ab8b809')
    expect(fingerprintOf({ ...space, model: '模型'.repeat(50) })).toMatch(/^openai-384-[0-9a-f]{8}$/)
    expect(fingerprintOf({ ...space, model: 'x'.repeat(300) }).length).toBeLessThanOrEqual(63)
  })

  it('differs when anything that changes the vectors does', () => {
    const all = [
      space,
      { ...space, provider: 'openai' },
      { ...space, model: 'BAAI/bge-small_en v1-5' },
      { ...space, revision: '5c38ec8' },
      { ...space, dimensions: 385 },
      { ...space, normalized: false },
      { ...space, queryPrefix: 'query: ' },
      { ...space, passagePrefix: 'query: ' },
    ].map(fingerprintOf)
    expect(new Set(all).size).toBe(all.length)
    expect(fingerprintOf({ ...space, queryPrefix: undefined })).toBe(fingerprintOf({ ...space, queryPrefix: '' }))
  })
})
