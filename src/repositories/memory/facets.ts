import { leafKey, leafTypes } from '../../filter/leaves'
import type { LeafValue } from '../../filter/parsed'
import { type Facet, longestFacetValue } from '../facets'
import type { IndexPayload } from '../index-entry'

/** Counts the values of paths over entries; equal counts by type and value. */
export function countFacets(entries: Iterable<IndexPayload>, paths: readonly string[], limit: number): Facet[] {
  const counts = paths.map(() => new Map<LeafValue, number>())
  for (const payload of entries) {
    paths.forEach((path, at) => {
      for (const value of valuesOf(payload, path)) {
        if (typeof value === 'string' && Buffer.byteLength(value) > longestFacetValue) continue
        counts[at]!.set(value, (counts[at]!.get(value) ?? 0) + 1)
      }
    })
  }
  return paths.map((path, at) => ({
    path,
    values: [...counts[at]!]
      .sort(([one, ones], [other, others]) => others - ones || compareValues(one, other))
      .slice(0, limit)
      .map(([value, count]) => ({ value, count })),
    approximate: true,
  }))
}

function valuesOf({ leaves, source }: IndexPayload, path: string): readonly LeafValue[] {
  if (path === '$source') return source === null ? [] : [source]
  return leafTypes.flatMap((type) => leaves[leafKey(type, path)] ?? [])
}

function compareValues(one: LeafValue, other: LeafValue): number {
  if (typeof one !== typeof other) return typeof one < typeof other ? -1 : 1
  return one < other ? -1 : one > other ? 1 : 0
}
