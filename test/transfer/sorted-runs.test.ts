import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { keyOf } from '../../src/transfer/id-keys'
import { SortedRuns } from '../../src/transfer/sorted-runs'
import { useTemporaryFolder } from './fixtures'

describe('sorted runs', () => {
  const folder = useTemporaryFolder()

  it.each([
    [0, 10],
    [1, 10],
    [1_000, 10],
    // Several runs, and payloads larger than what is read of one at once.
    [40_000, 3_000],
    [3, 65_535],
  ])('give %i entries of up to %i bytes back in the order of their keys, twice', async (count, most) => {
    const expected = new Map<string, number>()
    {
      await using runs = new SortedRuns(folder())
      for (let at = 0; at < count; at++) {
        const key = keyOf(`${at % Math.ceil(count * 0.7)}`)
        const payload = Buffer.alloc((at * 7_919) % most, at % 256)
        const line = `${key.toString('hex')} ${payload.length} ${payload[0]}`
        expected.set(line, (expected.get(line) ?? 0) + 1)
        await runs.add(key, payload)
      }
      for (let time = 0; time < 2; time++) {
        const found = new Map<string, number>()
        let last = Buffer.alloc(16)
        for await (const { key, payload } of runs.entries()) {
          expect(Buffer.compare(last, key)).toBeLessThanOrEqual(0)
          last = Buffer.from(key)
          const line = `${key.toString('hex')} ${payload.length} ${payload[0]}`
          found.set(line, (found.get(line) ?? 0) + 1)
          if (payload.length > 0) expect(payload.at(-1)).toBe(payload[0])
        }
        expect(found).toEqual(expected)
      }
      expect(runs.count).toBe(count)
      if (count === 40_000) expect((await readdir(folder())).length).toBe(1)
    }
    expect(await readdir(folder())).toEqual([])
  })

  it('are HW_STORAGE where the folder takes none', async () => {
    await using runs = new SortedRuns(path.join(folder(), 'nowhere'))
    const fill = async () => {
      for (let at = 0; at < 2_000; at++) await runs.add(keyOf(`${at}`), Buffer.alloc(30_000))
    }
    await expect(fill()).rejects.toMatchObject({ code: 'HW_STORAGE' })
  })
})
