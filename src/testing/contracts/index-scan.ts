import type { IndexEntry, IndexPayload, IndexRemoval, IndexScan } from '../../repositories/index-entry'
import type { FixtureTest, TestRunner } from '../runner'
import { acme, entryId, globex } from './rows'

interface Scannable<I, E> {
  upsert(index: I, entries: readonly E[]): Promise<void>
  remove(index: I, removals: readonly IndexRemoval[]): Promise<void>
  scan(index: I, scan: IndexScan): Promise<IndexEntry[]>
}

/** The half of the contract that vectors and texts share: fenced removals, and scans in the order of ids. */
export function indexScanContract<F, I, E extends { readonly id: string; readonly stamp: string }>(
  { expect }: TestRunner,
  {
    test,
    index,
    repository,
    entry,
  }: {
    readonly test: FixtureTest<F>
    readonly index: I
    readonly repository: (fixture: F) => Scannable<I, E>
    readonly entry: (name: string, fence: number, changes?: Partial<IndexPayload>) => E
  },
): void {
  const ids = async (repository: Scannable<I, E>): Promise<string[]> =>
    (await repository.scan(index, { limit: 1000 })).map(({ id }) => id)

  test('removes at most a fence', async (fixture) => {
    const under = repository(fixture)
    await under.upsert(index, [entry('a', 5)])
    const id = entryId('a')
    await under.remove(index, [{ id, tenant: acme, fence: 4, when: 'atMost' }])
    expect(await ids(under)).toEqual([id])
    await under.remove(index, [{ id, tenant: acme, fence: 5, when: 'atMost' }])
    expect(await ids(under)).toEqual([])
    await under.upsert(index, [entry('a', 5)])
    await under.remove(index, [{ id, tenant: acme, fence: 6, when: 'atMost' }])
    expect(await ids(under)).toEqual([])
  })

  test('removes exactly what was seen', async (fixture) => {
    const under = repository(fixture)
    await under.upsert(index, [entry('a', 5)])
    const id = entryId('a')
    for (const fence of [4, 6, null]) await under.remove(index, [{ id, tenant: acme, fence, when: 'exactly' }])
    expect(await ids(under)).toEqual([id])
    await under.remove(index, [{ id, tenant: acme, fence: 5, when: 'exactly' }])
    expect(await ids(under)).toEqual([])
  })

  test('removes no other tenant’s entry, and nothing that is absent', async (fixture) => {
    const under = repository(fixture)
    await under.upsert(index, [entry('a', 5)])
    await under.remove(index, [
      { id: entryId('a'), tenant: globex, fence: 9, when: 'atMost' },
      { id: entryId('a'), tenant: globex, fence: 5, when: 'exactly' },
      { id: entryId('absent'), tenant: acme, fence: 9, when: 'atMost' },
    ])
    expect(await ids(under)).toEqual([entryId('a')])
  })

  test('removes each of a batch by its own condition', async (fixture) => {
    const under = repository(fixture)
    await under.upsert(index, [entry('a', 5), entry('b', 5), entry('c', 5)])
    await under.remove(index, [
      { id: entryId('a'), tenant: acme, fence: 5, when: 'atMost' },
      { id: entryId('b'), tenant: acme, fence: 4, when: 'atMost' },
      { id: entryId('c'), tenant: acme, fence: 5, when: 'exactly' },
    ])
    expect(await ids(under)).toEqual([entryId('b')])
  })

  test('scans all tenants in ascending order of id, by pages and in a range', async (fixture) => {
    const under = repository(fixture)
    const names = Array.from({ length: 25 }, (_, i) => `n${i}`)
    const entries = names.map((name, i) => entry(name, i + 1, { tenant: i % 2 ? globex : acme }))
    await under.upsert(index, entries)
    const expected = entries
      .map(({ id, stamp }, i) => ({ id, stamp, tenant: i % 2 ? globex : acme, document: names[i], fence: i + 1 }))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
    const seen: IndexEntry[] = []
    for (;;) {
      const page = await under.scan(index, { after: seen.at(-1)?.id, limit: 10 })
      if (page.length === 0) break
      seen.push(...page)
    }
    expect(seen).toEqual(expected)
    const range = await under.scan(index, { after: expected[4]!.id, upTo: expected[9]!.id, limit: 100 })
    expect(range).toEqual(expected.slice(5, 10))
    expect((await under.scan(index, { upTo: expected[2]!.id, limit: 2 })).length).toBe(2)
  })
}
