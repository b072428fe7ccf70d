import type { Clause, Slot } from '../../core/words/reading'
import type { FieldWeights } from '../typed-query'
import { ByteReader } from './bytes'
import { type PostingMap, type Postings, postingWidth, unpackCounts } from './postings'

/** Entries that match a clause, flat: number of the entry, how often (weighted), length of the entry in words. */
export type Matches = number[]

/** Numbers of one match in the flat list. */
export const matchWidth = 3

/** What occurrences in title, heading and text count. Undefined where all count alike. */
export type Weigh = ((packed: number) => number) | undefined

export function weigher(fields: FieldWeights | undefined): Weigh {
  if (!fields) return undefined
  const { title: first = 1, heading: second = 1, text: third = 1 } = fields
  return (packed) => {
    const [title, heading, text] = unpackCounts(packed)
    return title * first + heading * second + text * third
  }
}

export function matchesOf(clause: Clause, postings: PostingMap, fields: FieldWeights | undefined): Matches {
  const [first, ...others] = clause.slots
  if (!first) return []
  return others.length === 0 ? anyOf(first, postings, weigher(fields)) : inARow(clause.slots, postings, fields)
}

function anyOf({ any }: Slot, { terms }: PostingMap, weigh: Weigh): Matches {
  const matches: Matches = []
  const distinct = new Set(any)
  const slots = distinct.size > 1 ? new Map<number, number>() : undefined
  for (const term of distinct) {
    const postings = terms.get(term) ?? []
    for (let i = 0; i < postings.length; i += postingWidth) {
      const number = postings[i]!
      const packed = postings[i + 1]!
      const count = weigh ? weigh(packed) : plainCount(packed)
      if (count === 0) continue
      const slot = slots?.get(number)
      if (slot !== undefined) {
        matches[slot] = matches[slot]! + count
        continue
      }
      slots?.set(number, matches.length + 1)
      matches.push(number, count, postings[i + 2]!)
    }
  }
  return matches
}

function plainCount(packed: number): number {
  if (packed < 2 ** 20) return packed
  const [title, heading, text] = unpackCounts(packed)
  return title + heading + text
}

/** Entries that hold a term of each slot at its distance. The rarest slot leads. */
function inARow(
  slots: readonly Slot[],
  map: PostingMap,
  { title = 1, heading = 1, text = 1 }: FieldWeights = {},
): Matches {
  const size = ({ any }: Slot): number => any.reduce((sum, term) => sum + (map.terms.get(term)?.length ?? 0), 0)
  const [lead, ...others] = [...slots].sort((a, b) => size(a) - size(b))
  const weights = [title, heading, text]
  const matches = new Map<number, [count: number, length: number]>()
  const known = new Map<string, Map<number, number>>()
  const placesIn = (term: string, number: number): Set<number> | undefined => {
    const postings = map.terms.get(term)
    if (!postings) return undefined
    let at = known.get(term)
    if (!at) {
      at = new Map()
      for (let i = 0; i < postings.length; i += postingWidth) at.set(postings[i]!, i)
      known.set(term, at)
    }
    const posting = at.get(number)
    return posting === undefined ? undefined : new Set(placesOf(map, postings, posting))
  }
  for (const term of new Set(lead!.any)) {
    const postings = map.terms.get(term) ?? []
    for (let i = 0; i < postings.length; i += postingWidth) {
      const number = postings[i]!
      const held = others.map(({ any }) => any.flatMap((other) => placesIn(other, number) ?? []))
      if (held.some((sets) => sets.length === 0)) continue
      let count = 0
      const fields = unpackCounts(postings[i + 1]!)
      const places = placesOf(map, postings, i)
      let field = 0
      let left = fields[0]
      for (const place of places) {
        while (left === 0) left = fields[++field]!
        left--
        const start = place - lead!.offset
        const whole = others.every(({ offset }, at) => held[at]!.some((set) => set.has(start + offset)))
        if (whole) count += weights[field]!
      }
      if (count === 0) continue
      const before = matches.get(number)
      matches.set(number, [(before?.[0] ?? 0) + count, postings[i + 2]!])
    }
  }
  return [...matches].flatMap(([number, [count, length]]) => [number, count, length])
}

function placesOf({ pool }: PostingMap, postings: Postings, i: number): number[] {
  const reader = new ByteReader(pool.slice(postings[i + 3]!, postings[i + 4]!))
  const places: number[] = []
  let place = 0
  while (!reader.done) {
    place += reader.number()
    places.push(place)
  }
  return places
}
