import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { difference, settled } from './compare'
import { permutation } from './permutation'
import { replay } from './replay'
import { type Exchange, readTranscript } from './transcript'

const transcript = readTranscript()

async function differences(exchanges: readonly Exchange[]): Promise<string[]> {
  const found: string[] = []
  let replayed = 0
  await replay(exchanges, (exchange, answered, index) => {
    replayed++
    const where = `${index + 1} ${exchange.method} ${exchange.path} (${exchange.note ?? exchange.section})`
    if (answered.status !== exchange.status) {
      found.push(`${where}: status ${exchange.status}, not ${answered.status} ${JSON.stringify(answered.response)}`)
    } else if (exchange.status !== 'connection error') {
      const fused = JSON.stringify(exchange.body ?? null).includes('"prefetch"')
      const differs = difference(settled(exchange.response, fused), settled(answered.response, fused))
      if (differs) found.push(`${where}: ${differs}`)
    }
  })
  expect(replayed).toBe(241)
  return found
}

describe.skipIf(!transcript)('the Qdrant double', () => {
  it('answers the whole transcript as the real server did', async () => {
    expect(await differences(transcript!)).toEqual([])
  })

  it('answers it with names, keys, ids and vectors permuted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const permuted = transcript!.map(permutation(seed))
        const changed = permuted.filter((each, at) => JSON.stringify(each) !== JSON.stringify(transcript![at]))
        expect(changed.length).toBeGreaterThan(220)
        expect(await differences(permuted)).toEqual([])
      }),
      { numRuns: 3 },
    )
  })

  it('is found out by an answer that was changed', async () => {
    const changed = transcript!.map((exchange, index): Exchange => {
      if (index === 140) return { ...exchange, status: 500 }
      if (exchange.note !== 'range gt') return exchange
      return JSON.parse(JSON.stringify(exchange).replace('"count":3', '"count":4'))
    })
    expect(await differences(changed)).toHaveLength(2)
  })
})
