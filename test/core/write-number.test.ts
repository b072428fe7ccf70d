import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/random'
import { mostFloatBytes, writeFloat32 } from '../../src/core/write-number'

const bytes = Buffer.alloc(64)
const one = new Float32Array(1)
const bits = new Uint32Array(one.buffer)

function textOf(value: number): string {
  const end = writeFloat32(value, bytes, 3)
  expect(end - 3).toBeLessThanOrEqual(mostFloatBytes)
  return bytes.toString('latin1', 3, end)
}

function expectSame(pattern: number): void {
  bits[0] = pattern
  const value = one[0]!
  if (!Number.isFinite(value)) return
  const text = textOf(value)
  // A reader that goes by way of a double, as JSON.parse does and Qdrant too.
  expect(Math.fround(JSON.parse(text) as number), `${value} as ${text}`).toBe(value + 0)
}

describe('a float32 as JSON', () => {
  it('is short, and plain between -1 and 1', () => {
    const values = [0, -0, 1, -2, 0.5, -0.25, Math.fround(0.1), Math.fround(-0.051031038), Math.fround(0.000012345678)]
    const texts = ['0', '0', '1', '-2', '0.5', '-0.25', '0.100000001', '-0.0510310382', '0.0000123456784']
    expect(values.map(textOf)).toEqual(texts)
  })

  it('is read back as the same, around each power of ten and two and at its ends', () => {
    const edges = [1, 0x7fffff, 0x800000, 0x7f7fffff]
    for (let power = -45; power <= 38; power++) {
      one[0] = 10 ** power
      edges.push(bits[0]!)
    }
    for (let power = -149; power <= 127; power++) {
      one[0] = 2 ** power
      edges.push(bits[0]!)
    }
    for (const edge of edges) {
      for (let beside = -3; beside <= 3; beside++) {
        expectSame((edge + beside) >>> 0)
        expectSame((edge + beside + 0x80000000) >>> 0)
      }
    }
  })

  it('is read back as the same, whatever it is', () => {
    const random = seededRandom(5)
    for (let run = 0; run < 20_000; run++) {
      expectSame(Math.floor(random.next() * 2 ** 32))
      one[0] = random.next() - 0.5
      expectSame(bits[0]!)
    }
  })
})
