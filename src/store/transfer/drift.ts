import { tmpdir } from 'node:os'
import { systemClock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import { HeadwaterError } from '../../core/errors'
import { checkOptions } from '../../core/option-kinds'
import { openPlace } from '../../transfer/backup/place'
import { blobNames } from '../../transfer/drift/blob-names'
import { type ErasedReport, reportErased as erased } from '../../transfer/drift/erased'
import type { DriftFields, DriftLeg } from '../../transfer/drift/legs'
import { type DriftReport, reportDrift as report } from '../../transfer/drift/report'
import type { BlobNames } from '../../transfer/drift/scan'
import type { ImportSource } from '../../transfer/import/source'
import { elasticsearchSource } from '../../transfer/import/sources/elasticsearch'
import { openSource } from '../../transfer/import/sources/open'
import {
  type DriftLegOptions,
  type DriftReportOptions,
  type DriftSourceOptions,
  driftKinds,
  type ErasedReportOptions,
  erasedKinds,
  fieldKinds,
  legKinds,
} from './options'

/**
 * Compares indexes and blobs of a system that does not use headwater with its truth, twice with a grace between, and tells
 * what is wrong in both passes. Reads alone; memory does not grow with the rows, sorted runs are kept in a temporary
 * folder. HW_INVALID_OPTIONS, HW_STORAGE where the folder has not the room, HW_UNAVAILABLE, HW_NOT_FOUND.
 */
export function reportDrift(given: DriftReportOptions): Promise<DriftReport> {
  const { truth, indexes, blobs, ...settings } = checkOptions(given, driftKinds, '')
  return withLegs({ truth, indexes, blobs }, settings, (legs, names, signal) =>
    report(legs, names, settings.temporary ?? tmpdir(), systemClock, { ...settings, signal }),
  )
}

/**
 * Whether anything of an id can still be found: reads every row of every leg, and every name of a blob. Look at
 * `erased`. Errors as `reportDrift`.
 */
export function reportErased(given: ErasedReportOptions): Promise<ErasedReport> {
  const { id, truth, indexes, blobs, ...call } = checkOptions(given, erasedKinds, '')
  if (id === undefined) throw new HeadwaterError('HW_INVALID_OPTIONS', 'id: must be given', { path: 'id' })
  return withLegs({ truth, indexes, blobs }, call, (legs, names, signal) => erased(id, legs, names, signal))
}

type Where = Pick<DriftReportOptions, 'truth' | 'indexes' | 'blobs'>

/** Opens what is read, and closes it again. */
async function withLegs<T>(
  { truth, indexes, blobs }: Where,
  call: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined },
  work: (legs: readonly DriftLeg[], names: BlobNames | undefined, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const closing: (() => Promise<void>)[] = []
  try {
    const legs = [truth, ...(indexes ?? [])].map((leg, at) =>
      legOf(leg, at === 0 ? 'truth' : `indexes[${at - 1}]`, closing),
    )
    // The place is checked, and not opened by it: that would make a bucket.
    if (blobs !== undefined) openPlace(blobs, 'blobs')
    const place = blobs === undefined ? undefined : blobNames(blobs)
    if (place) closing.push(() => place.close())
    return await withDeadline(systemClock, call, undefined, ({ signal }) => work(legs, place?.names, signal))
  } finally {
    for (const close of closing) await close()
  }
}

function legOf(given: DriftLegOptions, path: string, closing: (() => Promise<void>)[]): DriftLeg {
  const { name, source: where, fields: mapped } = checkOptions<DriftLegOptions>(given, legKinds, path)
  if (where === undefined) {
    throw new HeadwaterError('HW_INVALID_OPTIONS', `${path}.source: must be given`, { path: `${path}.source` })
  }
  const fields = fieldsOf(checkOptions<Partial<DriftFields>>(mapped, fieldKinds, `${path}.fields`), where)
  const source = sourceOf(where, fields)
  if (source !== where) closing.push(() => source.close())
  return { name: name ?? (path === 'truth' ? 'truth' : source.kind), source, fields }
}

function fieldsOf(given: Partial<DriftFields>, where: DriftSourceOptions): DriftFields {
  return { ...given, id: given.id ?? ('elasticsearch' in where ? '_id' : 'id') }
}

/** Reads no more of each row than is compared. */
function sourceOf(where: DriftSourceOptions, fields: DriftFields): ImportSource {
  if ('elasticsearch' in where) {
    return elasticsearchSource({ only: pathsBelow('_source.', fields), ...where.elasticsearch })
  }
  if (!('qdrant' in where)) return openSource(where)
  const only = pathsBelow('payload.', fields)
  return openSource({ qdrant: { only, vectors: fields.vector !== undefined, ...where.qdrant } })
}

function pathsBelow(prefix: string, fields: DriftFields): string[] {
  const paths = Object.values(fields).filter((path) => path?.startsWith(prefix))
  return paths.map((path: string) => path.slice(prefix.length))
}
