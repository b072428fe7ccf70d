import type { CallOptions } from '../../core/abort'
import type { TenantId } from '../../core/ids'
import type { Json } from '../../core/json'
import { merkleRoot } from '../../core/merkle'
import { type AuditBatch, type AuditRow, leafOf, type SealedBatch, sealOf } from '../../repositories/audit'
import { auditedRecord } from '../../repositories/audited'
import type { AuditPorts } from '../ports'
import { exportBatches } from './exports'

/** What one run came to. */
export interface SealReport {
  /** Rows that have a seal now. */
  readonly rows: number
  readonly batches: number
  /** Batches that were copied to the place for blobs; 0 where there is none. */
  readonly exported: number
}

/** Registry entry of how far everything is sealed: of this very server, so that it is in no backup. */
const horizonRecord = 'audit-horizon'
/** Rows of one transaction: they and their leaves are in memory meanwhile. */
const pageRows = 5_000

const worker = { worker: true } as const

/**
 * Seals what has been committed: a batch for each tenant, whose root goes over its rows and whose seal over the batch
 * before. Each page is a transaction of its own, so that one that is killed leaves the rest to the next.
 */
export async function sealAudit(
  ports: AuditPorts,
  call: CallOptions = {},
  goesOn: () => Promise<boolean> = async () => true,
): Promise<SealReport> {
  const { registry } = ports.truth.session(worker)
  if ((await registry.read(auditedRecord)) === null) return { rows: 0, batches: 0, exported: 0 }
  let [rows, batches] = [0, 0]
  for (;;) {
    const page = await sealPage(ports, call)
    rows += page.rows
    batches += page.batches
    if (page.rows < pageRows || !(await goesOn())) break
  }
  return { rows, batches, exported: await exportBatches(ports, call) }
}

/** Where what is sealed ends; null as long as nothing is. */
export async function sealedHorizon(ports: AuditPorts, tenant?: TenantId): Promise<string | null> {
  const session = ports.truth.session(tenant === undefined ? worker : { tenant })
  return (await session.registry.read(horizonRecord)) as string | null
}

function sealPage({ truth }: AuditPorts, call: CallOptions): Promise<{ rows: number; batches: number }> {
  return truth.transaction(
    worker,
    async ({ audit, registry }) => {
      const after = (await registry.read(horizonRecord)) as string | null
      const { rows, horizon } = await audit.unsealed({ after, limit: pageRows }, call)
      const byTenant = new Map<TenantId, AuditRow[]>()
      for (const row of rows) {
        const own = byTenant.get(row.tenant)
        if (own) own.push(row)
        else byTenant.set(row.tenant, [row])
      }
      if (byTenant.size > 0) {
        const newest = new Map((await audit.newest([...byTenant.keys()], call)).map((batch) => [batch.tenant, batch]))
        const sealedAt = await registry.now()
        const sealed = Array.from(byTenant, ([tenant, own]) => batchOf(own, newest.get(tenant), sealedAt))
        await audit.seal(sealed, call)
      }
      if (horizon !== after) await registry.write(horizonRecord, horizon as Json)
      return { rows: rows.length, batches: byTenant.size }
    },
    call,
  )
}

function batchOf(rows: readonly AuditRow[], before: AuditBatch | undefined, sealedAt: number): SealedBatch {
  const leaves = rows
    .toSorted((a, b) => a.id - b.id)
    .map((row, position) => ({ id: row.id, position, hash: leafOf(row) }))
  const batch = {
    tenant: rows[0]!.tenant,
    number: (before?.number ?? 0) + 1,
    size: leaves.length,
    root: merkleRoot(leaves.map(({ hash }) => hash)),
    previous: before?.seal ?? '',
    sealedAt,
  }
  return { batch: { ...batch, seal: sealOf(batch), export: null }, leaves }
}
