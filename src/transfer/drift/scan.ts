import { throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { keyOf } from '../id-keys'
import { valueAt } from '../import/values'
import type { SortedRuns } from '../sorted-runs'
import { blobLegs, type DriftLeg, entryOf, type LegEntry, textOf } from './legs'

/** Names of blobs, one after the other. */
export type BlobNames = (signal: AbortSignal | undefined) => AsyncIterable<string>

/** What a pass saw of a leg. */
export interface LegScan {
  rows: number
  /** How often each shape of vectors is there. */
  readonly shapes: Map<string, number>
}

/** Reads all legs into runs: entries of one document, or of one blob, come out together. */
export async function scanLegs(
  legs: readonly DriftLeg[],
  blobs: BlobNames | undefined,
  runs: SortedRuns,
  signal: AbortSignal | undefined,
): Promise<LegScan[]> {
  const scans: LegScan[] = []
  for (const [at, leg] of legs.entries()) scans.push(await scanLeg(at, leg, Boolean(blobs), runs, signal))
  if (blobs) {
    for await (const name of blobs(signal)) {
      throwIfAborted(signal)
      await add(runs, blobKey(name), [blobLegs.there, name, null, null, null, null])
    }
  }
  return scans
}

async function scanLeg(
  at: number,
  { source, fields, name }: DriftLeg,
  withBlobs: boolean,
  runs: SortedRuns,
  signal: AbortSignal | undefined,
): Promise<LegScan> {
  const scan: LegScan = { rows: 0, shapes: new Map() }
  for (const part of await source.parts({ signal })) {
    for await (const row of source.rows(part.name, { signal })) {
      throwIfAborted(signal)
      if (row.problem !== undefined) throw new HeadwaterError('HW_STORAGE', `${name}: ${row.problem}`, { path: name })
      scan.rows++
      const entry = entryOf(at, row, fields)
      const shape = entry[5]
      if (shape !== null) scan.shapes.set(shape, (scan.shapes.get(shape) ?? 0) + 1)
      await add(runs, entry[1], entry)
      const blob = withBlobs && fields.blob !== undefined ? textOf(valueAt(row.values, fields.blob)) : null
      if (blob !== null) await add(runs, blobKey(blob), [blobLegs.named, entry[1], blob, null, null, null])
    }
  }
  return scan
}

function add(runs: SortedRuns, key: string, entry: LegEntry): Promise<void> {
  return runs.add(keyOf(key), Buffer.from(JSON.stringify(entry.map(bounded))))
}

const longestText = 1_000

/** Of a longer one its beginning and its hash: an entry has to be short. */
function bounded(value: string | number | null): string | number | null {
  if (typeof value !== 'string' || value.length <= longestText) return value
  return `${value.slice(0, longestText).toWellFormed()}… ${keyOf(value).toString('hex')}`
}

/** Of another kind than that of any document. */
function blobKey(name: string): string {
  return `blob\0${name}`
}
