import { describe, expect, it } from 'vitest'
import { PostgresTextRepository } from '../../src/repositories/bm25/texts'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { wordGroups } from '../../src/testing/contracts/word-cases'
import { wordsContract } from '../../src/testing/contracts/words'
import { type IndexBackend, usePglite, usePgvectorServer } from '../repositories/index-backends'
import { describeWithPgvector } from '../support/postgres'

const runner = { describe, it, expect }

it('asks at least 150 queries in fifteen languages', () => {
  expect(wordGroups.flatMap((group) => group.cases).length).toBeGreaterThanOrEqual(150)
  expect(new Set(wordGroups.map(({ name }) => name)).size).toBeGreaterThanOrEqual(17)
})

describe('in memory', () => {
  wordsContract(runner, async () => ({ texts: new MemoryTextRepository(), dispose: async () => {} }))
})

function postgres(backend: () => IndexBackend): void {
  wordsContract(runner, async () => {
    const { schema, dispose } = await backend().schema()
    return { texts: new PostgresTextRepository(backend().connection, { schema }), dispose }
  })
}

describe('on PGlite', () => {
  postgres(usePglite())
})

describeWithPgvector('on a server', () => {
  postgres(usePgvectorServer())
})
