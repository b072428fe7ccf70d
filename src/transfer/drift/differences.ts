import { blobLegs, type LegEntry } from './legs'
import type { LegScan } from './scan'

/** What may be wrong with a document, or an entry of it. */
export type DriftKind =
  | 'missing'
  | 'orphaned'
  | 'stale'
  | 'duplicate'
  | 'foreign tenant'
  | 'another model'
  | 'without a blob'

/** Something that is wrong; the same in two passes where nothing was done about it meanwhile. */
export interface Difference {
  /** Number of the leg; -2 for the blobs. */
  readonly leg: number
  readonly kind: DriftKind
  readonly id: string
  /** What the leg has instead. */
  readonly detail: string
}

/** The shape that nearly all vectors of a leg have: what is otherwise came from another model. */
export function usualShape({ shapes }: LegScan): string | undefined {
  return [...shapes].sort(([, a], [, b]) => b - a)[0]?.[0]
}

/** What is wrong with the entries of one document, or of one blob. */
export function differencesIn(
  group: readonly LegEntry[],
  legs: number,
  usual: readonly (string | undefined)[],
): Difference[] {
  if (group[0]![0] < 0) return ofBlob(group)
  const found: Difference[] = []
  const truths = group.filter(([leg]) => leg === 0)
  const [truth] = truths
  const id = group[0]![1]
  if (truths.length > 1) found.push({ leg: 0, kind: 'duplicate', id, detail: '' })
  for (let leg = 1; leg < legs; leg++) {
    const entries = group.filter((entry) => entry[0] === leg)
    const add = (kind: DriftKind, details: readonly (string | null)[] = []): void => {
      found.push({ leg, kind, id, detail: [...new Set(details)].sort().join(', ') })
    }
    if (entries.length === 0) {
      if (truth) add('missing')
      continue
    }
    if (!truth) add('orphaned')
    const chunks = entries.map(([, , , , chunk]) => chunk)
    if (new Set(chunks).size < chunks.length) add('duplicate')
    const stamps = truth ? entries.map(([, , stamp]) => stamp).filter((stamp) => differs(stamp, truth[2])) : []
    if (stamps.length > 0) add('stale', stamps)
    const tenants = truth ? entries.map(([, , , tenant]) => tenant).filter((one) => differs(one, truth[3])) : []
    if (tenants.length > 0) add('foreign tenant', tenants)
    const shapes = entries.map(([, , , , , shape]) => shape).filter((shape) => isOther(shape, usual[leg]))
    if (shapes.length > 0) add('another model', shapes)
  }
  return found
}

function ofBlob(group: readonly LegEntry[]): Difference[] {
  const named = group.filter(([leg]) => leg === blobLegs.named)
  const isThere = group.length > named.length
  if (isThere && named.length === 0) return [{ leg: blobLegs.there, kind: 'orphaned', id: group[0]![1], detail: '' }]
  if (isThere) return []
  return named.map(([, id, blob]) => ({ leg: blobLegs.there, kind: 'without a blob', id, detail: blob ?? '' }))
}

/** Where one of them is not told, nothing can be said. */
function differs(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && one !== other
}

/** Lengths are compared where most vectors are of length 1; a vector of zeros is of no model. */
function isOther(shape: string | null, usual: string | undefined): boolean {
  if (shape === null || usual === undefined || shape === usual) return false
  const [dimensions, length] = shape.split(' ')
  const [usualDimensions, usualLength] = usual.split(' ')
  return dimensions !== usualDimensions || usualLength === 'unit' || length === 'zero'
}
