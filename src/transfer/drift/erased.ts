import { throwIfAborted } from '../../core/abort'
import { valueAt } from '../import/values'
import { type DriftLeg, ownIdOf, textOf } from './legs'
import type { BlobNames } from './scan'

/** Where something of an id is still there. */
export interface ErasedLeg {
  readonly leg: string
  /** Rows, or names of blobs, that were looked at: all that there are. */
  readonly read: number
  readonly found: number
  /** Ids of the first ten entries, or names of blobs. */
  readonly examples: readonly string[]
}

export interface ErasedReport {
  readonly id: string
  /** Nothing of the id is there. */
  readonly erased: boolean
  readonly legs: readonly ErasedLeg[]
}

const mostExamples = 10

/** Reads every row of every leg, so that no index and no mapping of one can hide anything. */
export async function reportErased(
  id: string,
  legs: readonly DriftLeg[],
  blobs: BlobNames | undefined,
  signal: AbortSignal | undefined,
): Promise<ErasedReport> {
  const looked: ErasedLeg[] = []
  for (const leg of legs) looked.push(await lookIn(id, leg, signal))
  if (blobs) {
    const counts = { leg: 'blobs', read: 0, found: 0, examples: [] as string[] }
    for await (const name of blobs(signal)) {
      throwIfAborted(signal)
      counts.read++
      if (name.includes(id)) note(counts, name)
    }
    looked.push(counts)
  }
  return { id, erased: looked.every(({ found }) => found === 0), legs: looked }
}

async function lookIn(
  id: string,
  { name, source, fields }: DriftLeg,
  signal: AbortSignal | undefined,
): Promise<ErasedLeg> {
  const counts = { leg: name, read: 0, found: 0, examples: [] as string[] }
  for (const part of await source.parts({ signal })) {
    for await (const { values } of source.rows(part.name, { signal })) {
      throwIfAborted(signal)
      counts.read++
      const own = ownIdOf(values)
      if (own === id || textOf(valueAt(values, fields.id)) === id) note(counts, own ?? id)
    }
  }
  return counts
}

function note(counts: { found: number; readonly examples: string[] }, example: string): void {
  counts.found++
  if (counts.examples.length < mostExamples) counts.examples.push(example)
}
