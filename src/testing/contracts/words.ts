import { tenantId } from '../../core/ids'
import type { TextIndex, TextRepository } from '../../repositories/texts'
import { type Fixture, fixtureTest, type TestRunner } from '../runner'
import { acme, textEntry } from './rows'
import { type WordCase, type WordGroup, wordGroups } from './word-cases'

export interface WordFixture extends Fixture {
  readonly texts: TextRepository
}

/** What a backend made of one case. */
export interface WordResult extends WordCase {
  readonly group: string
  readonly language: string
  readonly found: readonly string[]
  readonly right: boolean
}

let indexes = 0

/** Puts the texts of a group into an index of its language and asks for each case. */
export async function askWords(texts: TextRepository, group: WordGroup): Promise<WordResult[]> {
  const index: TextIndex = { name: `words_${++indexes}`, language: group.language }
  await texts.create(index)
  try {
    // Nothing of what others store counts.
    const entries = Object.entries(group.texts).flatMap(([id, text]) => [
      textEntry(id, 1, text, { document: id }),
      textEntry(`other-${id}`, 1, text, { document: `other-${id}`, tenant: tenantId('other') }),
    ])
    await texts.upsert(index, entries)
    await texts.refresh(index)
    const results: WordResult[] = []
    for (const one of group.cases) {
      const { query, match } = one
      const hits = await texts.search(index, { tenant: acme, query, match, limit: 20 })
      const found = hits.map(({ document }) => document)
      const all = one.finds.every((id) => found.includes(id)) && !one.not?.some((id) => found.includes(id))
      const right = all && (!one.best || found[0] === one.finds[0])
      results.push({ ...one, group: group.name, language: group.language, found, right })
    }
    return results
  } finally {
    await texts.drop(index)
  }
}

/** What every backend of texts finds, but for what it is known to read otherwise: `group: query`, each with its reason. */
export function wordsContract(
  runner: TestRunner,
  make: () => Promise<WordFixture>,
  except: Readonly<Record<string, string>> = {},
): void {
  const { expect } = runner
  const test = fixtureTest(runner, make)
  runner.describe('words', () => {
    for (const group of wordGroups) {
      test(`finds ${group.name}`, async ({ texts }) => {
        const results = await askWords(texts, group)
        const wrong = results
          .filter(({ right, query }) => !right && except[`${group.name}: ${query}`] === undefined)
          .map(({ query, finds, not, found }) => ({ query, finds, not, found }))
        expect(wrong).toEqual([])
      })
    }
  })
}
