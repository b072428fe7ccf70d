import type { CallOptions } from '../../core/abort'
import { isPlainObject } from '../../core/json'
import { wholeBytes } from '../../core/whole-bytes'
import type { AuditBatch, AuditLeaf } from '../../repositories/audit'
import { installation } from '../../repositories/entity-table'
import type { AuditPorts } from '../ports'

/** A batch as it was copied to the place for blobs: where Postgres is changed, this says what was there. */
export interface ExportedBatch extends Omit<AuditBatch, 'export'> {
  readonly leaves: readonly Pick<AuditLeaf, 'id' | 'hash'>[]
}

const pageBatches = 100
const worker = { worker: true } as const

/** Copies batches that have no copy yet; the same batch gives the same bytes, so that a run may be killed at any point. */
export async function exportBatches({ truth, blobs }: AuditPorts, call: CallOptions): Promise<number> {
  if (!blobs) return 0
  const { audit } = truth.session(worker)
  let exported = 0
  for (;;) {
    const batches = await audit.unexported(pageBatches, call)
    for (const batch of batches) {
      const { export: _, ...rest } = batch
      const leaves = (await audit.leaves(batch.tenant, batch.number, call)).map(({ id, hash }) => ({ id, hash }))
      const text = JSON.stringify({ ...rest, leaves } satisfies ExportedBatch)
      const { key } = await blobs.put(installation, text, { ...call, contentType: 'application/json' })
      await audit.exported(batch, key, call)
      exported++
    }
    if (batches.length < pageBatches) return exported
  }
}

/** The copy under this key; null where there is none, or it is no batch. */
export async function readExport({ blobs }: AuditPorts, key: string, call: CallOptions): Promise<ExportedBatch | null> {
  const bytes = await blobs?.get(installation, key, call)
  if (!bytes) return null
  const whole = await wholeBytes(bytes)
  try {
    const found: unknown = JSON.parse(whole.toString())
    return isPlainObject(found) && Array.isArray(found['leaves']) ? (found as unknown as ExportedBatch) : null
  } catch {
    return null
  }
}
