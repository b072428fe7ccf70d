import type { SegmentRow } from './segments'

/** Segments of one size class that make a merge worth while; the classes grow by the same factor. */
const fanIn = 8
/** Entries of the largest segment that a merge makes: what one process decodes at once. */
const largest = 65_536
/** Postings of dead entries are rewritten when there are this many, and this share of all. */
const leastDead = 512
const deadShare = 0.3

/**
 * Which segments to merge next: eight of one size class, so that a posting is rewritten about log8(n) times. Each one
 * by itself when too many entries are dead. Empty when all is well.
 */
export function chooseMerge(segments: readonly SegmentRow[]): SegmentRow[] {
  const classes = new Map<number, SegmentRow[]>()
  for (const segment of segments) {
    const size = segment.entries === 0 ? -1 : Math.floor(Math.log(segment.entries) / Math.log(fanIn))
    const members = classes.get(size) ?? []
    members.push(segment)
    classes.set(size, members)
  }
  for (const [, members] of [...classes].sort(([a], [b]) => a - b)) {
    const chosen = members.slice(0, fanIn)
    let total = 0
    const bounded = chosen.filter((segment) => {
      total += segment.entries
      return total <= largest
    })
    if (members.length >= fanIn && bounded.length >= 2) return bounded
  }
  return []
}

/** Segments to rewrite one by one because many of their entries are gone; empty when few are. */
export function chooseCompaction(segments: readonly SegmentRow[]): SegmentRow[] {
  let entries = 0
  let dead = 0
  for (const segment of segments) {
    entries += segment.entries
    dead += segment.dead
  }
  return dead >= leastDead && dead >= entries * deadShare ? [...segments] : []
}
