import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keys } from '../../../src/repositories/qdrant/payload'
import { leafKeyOf, payloadKey } from '../../../src/repositories/qdrant/payload-key'

const path = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((text) => text.isWellFormed())
const type = fc.constantFrom('s' as const, 'n' as const, 'b' as const, 'd' as const)

describe('payloadKey', () => {
  it('gives letters, digits and underscores alone, and the very path back', () => {
    fc.assert(
      fc.property(type, path, (of, text) => {
        const key = payloadKey(of, text)
        expect(key).toMatch(/^[snbd]_[A-Za-z0-9_]+$/)
        expect(leafKeyOf(key)).toBe(`${of}:${text}`)
      }),
    )
  })

  it('reads well where it can', () => {
    expect(payloadKey('s', 'section')).toBe('s_section')
    expect(payloadKey('n', 'author.age')).toBe('n_author_2eage')
    expect(payloadKey('s', 'z[0]')).toBe('s_z_5b0_5d')
    expect(payloadKey('s', 'a_2e')).toBe('s_a_5f2e')
  })

  it('no fixed key is taken for a leaf', () => {
    for (const key of Object.values(keys)) expect(leafKeyOf(key)).toBe(undefined)
  })
})
