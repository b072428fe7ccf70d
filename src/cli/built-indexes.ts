import type { BuiltIndexes } from '../store/backup/build-indexes'
import type { Output } from './output'

/** Tells what became of the indexes, after a restore or a move, and what it took. */
export function tellIndexes(
  out: Output,
  {
    indexes,
    waiting,
    epoch,
    ms,
  }: BuiltIndexes & { readonly epoch: number | null; readonly ms: { readonly rows: number; readonly indexes: number } },
): void {
  for (const { collection, target, compared, equal } of indexes) {
    out.line(`${collection}, ${target}: ${compared} entries ${equal ? 'are as in Postgres' : 'DIFFER from Postgres'}`)
  }
  for (const { collection, target, reason } of waiting) out.line(`${collection}, ${target}: left to workers, ${reason}`)
  const seconds = (part: number): string => (part / 1_000).toFixed(1)
  out.line(`Epoch ${epoch} has begun. ${seconds(ms.rows)} s for rows and blobs, ${seconds(ms.indexes)} s for indexes`)
}
