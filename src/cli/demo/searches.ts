import type { SearchPage } from '../../search/query'
import type { CliContext, CliStore } from '../context'
import { boldMarks } from '../output'

/** A query and what it found. */
export interface Finding {
  readonly query: string
  readonly page: SearchPage
  readonly ms: number
}

/** What the docs and the packages of this project have answers to. */
const standardQueries: readonly string[] = [
  'retry a failed request with exponential backoff',
  'parse command line options and arguments',
  'rebuild an index without downtime',
]
const hitsEach = 5

/** Runs the queries one after the other. */
export async function searchAll(
  context: CliContext,
  store: CliStore,
  queries: readonly string[] = standardQueries,
): Promise<Finding[]> {
  const handle = context.handle(store)
  const findings: Finding[] = []
  for (const query of queries) {
    const startedAt = performance.now()
    const page = await handle.search(
      { query, limit: hitsEach, groupBy: 'document', highlight: context.out.json ? true : boldMarks },
      { signal: context.signal },
    )
    findings.push({ query, page, ms: performance.now() - startedAt })
  }
  return findings
}

/** Queries for texts nobody has chosen: titles of documents from the beginning, the middle and the end. */
export async function queriesFrom(context: CliContext, store: CliStore, count: number): Promise<string[]> {
  const { documents } = context.handle(store)
  const { items } = await documents.list({ limit: Math.min(Math.max(count, 1), 200) })
  const titles = [...new Set(items.map(({ title, id }) => (title || id).slice(0, 100)))]
  const places = [0, Math.floor(titles.length / 2), titles.length - 1]
  return [...new Set(places.flatMap((at) => titles[at] ?? []))]
}

/** The hits that are not as they were: other chunks, another order or another score. */
export function changedHits(before: readonly Finding[], after: readonly Finding[]): number {
  let changed = 0
  before.forEach(({ page }, at) => {
    const now = after[at]?.page.hits ?? []
    const longest = Math.max(page.hits.length, now.length)
    for (let rank = 0; rank < longest; rank++) {
      const [was, is] = [page.hits[rank], now[rank]]
      if (was?.chunkId !== is?.chunkId || Math.abs((was?.score ?? 0) - (is?.score ?? 0)) > 1e-9) changed++
    }
  })
  return changed
}
