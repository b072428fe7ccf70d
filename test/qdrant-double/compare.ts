/** The bookkeeping that may differ from server to server, and times. */
const free = new Set(['operation_id', 'version', 'commit', 'segments_count', 'size', 'time', 'creation_time'])

type Fields = Record<string, unknown>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * A recorded or given answer without what is free: bookkeeping, the wording of errors, names of snapshots.
 * With `anyTie` hits of one score may come in any order; the recorded server gave two orders to one tie of a fusion.
 */
export function settled(value: unknown, anyTie = false): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => settled(item, anyTie))
    return anyTie ? tiesByName(items) : items
  }
  if (!isFields(value)) return value
  if (typeof value['error'] === 'string') return { error: 'free' }
  // A snapshot's size is free; the size of a vector is not.
  const snapshot = typeof value['name'] === 'string' && value['name'].endsWith('.snapshot')
  const members = Object.entries(value).flatMap(([key, member]): [string, unknown][] => {
    if (key === 'name' && snapshot) return [[key, 'free']]
    if (key === 'size' && !snapshot) return [[key, member]]
    if (free.has(key)) return []
    return [[key, settled(member, anyTie)]]
  })
  return Object.fromEntries(members)
}

function tiesByName(items: unknown[]): unknown[] {
  const scores = items.map((item) => (isFields(item) ? item['score'] : undefined))
  if (scores.some((score) => typeof score !== 'number')) return items
  const rank = (at: number): number => scores.findIndex((score) => near(score, scores[at]))
  return items
    .map((item, at) => ({ item, rank: rank(at), name: JSON.stringify((item as Fields)['id']) }))
    .sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1))
    .map(({ item }) => item)
}

const near = (a: unknown, b: unknown): boolean =>
  typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) <= 1e-5

/** Where two settled answers differ, or undefined. Numbers of scores and vectors may differ by 1e-5. */
export function difference(wanted: unknown, given: unknown, path = 'response', loose = false): string | undefined {
  if (Object.is(wanted, given) || (loose && near(wanted, given))) return undefined
  if (Array.isArray(wanted) && Array.isArray(given)) {
    if (wanted.length !== given.length) return `${path}: ${wanted.length} items, not ${given.length}`
    return first(wanted.map((item, at) => () => difference(item, given[at], `${path}[${at}]`, loose)))
  }
  if (isFields(wanted) && isFields(given)) {
    const keys = [...new Set([...Object.keys(wanted), ...Object.keys(given)])]
    return first(
      keys.map((key) => () => {
        return difference(wanted[key], given[key], `${path}.${key}`, loose || key === 'score' || key === 'vector')
      }),
    )
  }
  return `${path}: wanted ${JSON.stringify(wanted)}, given ${JSON.stringify(given)}`
}

function first(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const found = check()
    if (found !== undefined) return found
  }
  return undefined
}
