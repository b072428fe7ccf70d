import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { compareBytes, type TenantId } from '../../core/ids'
import {
  type AuditBatch,
  type AuditQuery,
  type AuditRepository,
  type AuditRow,
  type AuditSubject,
  contentHashOf,
  type PlacedAuditRow,
  type SealedBatch,
  type SealedLeaf,
  type Unsealed,
} from '../audit'
import { type Access, checkSight, sees } from './access'
import { auditKey } from './keys'
import type { Changes, StoredLeaf } from './tables'

/** The audit in memory, where transactions follow one another: what is committed is older than all that is to come. */
export class MemoryAudit implements AuditRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  list(tenant: TenantId, query: AuditQuery, call?: CallOptions): Promise<PlacedAuditRow[]> {
    const { before = Number.POSITIVE_INFINITY, limit, ...wanted } = query
    const isWanted = (row: AuditRow): boolean =>
      row.id < before &&
      (Object.keys(wanted) as (keyof typeof wanted)[]).every((name) => (wanted[name] ?? row[name]) === row[name])
    return this.#read('audit.list', tenant, call, (changes) =>
      rowsOf(changes, tenant)
        .filter(isWanted)
        .sort((a, b) => b.id - a.id)
        .slice(0, limit)
        .map((row) => placed(changes, row)),
    )
  }

  get(tenant: TenantId, id: number, call?: CallOptions): Promise<PlacedAuditRow | null> {
    return this.#read('audit.get', tenant, call, (changes) => {
      const row = changes.audit.get(auditKey(tenant, id))
      return row ? placed(changes, row) : null
    })
  }

  unsealed({ limit }: { readonly limit: number }, call?: CallOptions): Promise<Unsealed> {
    return this.#access.read('audit.unsealed', call, (changes) => {
      const rows = [...changes.audit.entries()].flatMap(([key, row]) => (changes.auditLeaves.get(key) ? [] : [row]))
      return { rows: rows.sort((a, b) => a.id - b.id).slice(0, limit), horizon: String(rows.at(-1)?.id ?? 0) }
    })
  }

  newest(tenants: readonly TenantId[], call?: CallOptions): Promise<AuditBatch[]> {
    return this.#access.read('audit.newest', call, (changes) =>
      tenants.flatMap((tenant) => batchesOf(changes, tenant).at(-1) ?? []),
    )
  }

  seal(sealed: readonly SealedBatch[], call?: CallOptions): Promise<void> {
    return this.#access.write('audit.seal', call, (changes) => {
      for (const { batch, leaves } of sealed) {
        const { tenant, number } = batch
        const key = auditKey(tenant, number)
        const keys = leaves.map(({ id }) => auditKey(tenant, id))
        if (changes.auditBatches.get(key) || keys.some((one) => changes.auditLeaves.get(one))) {
          throw new HeadwaterError('HW_CONFLICT', `Batch ${number} of ${tenant} was sealed meanwhile`)
        }
        changes.auditBatches.put(key, { ...batch })
        for (const [at, leaf] of leaves.entries())
          changes.auditLeaves.put(keys[at]!, { ...leaf, tenant, batch: number })
      }
    })
  }

  batches(
    tenant: TenantId,
    { from, limit }: { readonly from: number; readonly limit: number },
    call?: CallOptions,
  ): Promise<AuditBatch[]> {
    return this.#read('audit.batches', tenant, call, (changes) =>
      batchesOf(changes, tenant)
        .filter(({ number }) => number >= from)
        .slice(0, limit),
    )
  }

  leaves(tenant: TenantId, batch: number, call?: CallOptions): Promise<SealedLeaf[]> {
    return this.#read('audit.leaves', tenant, call, (changes) =>
      leavesOf(changes, tenant)
        .filter((leaf) => leaf.batch === batch)
        .sort((a, b) => a.position - b.position)
        .map(({ id, position, hash }) => {
          const row = changes.audit.get(auditKey(tenant, id)) ?? null
          return { id, position, hash, row, erased: row?.content === null && wasErased(changes, row) }
        }),
    )
  }

  strays(
    tenant: TenantId,
    { before, limit }: { readonly before: string; readonly limit: number },
    call?: CallOptions,
  ): Promise<number[]> {
    return this.#read('audit.strays', tenant, call, (changes) =>
      rowsOf(changes, tenant)
        .flatMap(({ id }) => (id < Number(before) && !changes.auditLeaves.get(auditKey(tenant, id)) ? [id] : []))
        .slice(0, limit),
    )
  }

  tenants(call?: CallOptions): Promise<TenantId[]> {
    return this.#access.read('audit.tenants', call, (changes) => {
      const all = [...changes.audit.entries(), ...changes.auditBatches.entries()].map(([, { tenant }]) => tenant)
      return [...new Set(all)].filter((tenant) => sees(this.#access.view, tenant)).sort(compareBytes)
    })
  }

  unexported(limit: number, call?: CallOptions): Promise<AuditBatch[]> {
    return this.#access.read('audit.unexported', call, (changes) =>
      [...changes.auditBatches.entries()]
        .flatMap(([, batch]) => (batch.export === null ? [batch] : []))
        .slice(0, limit),
    )
  }

  exported({ tenant, number }: AuditBatch, key: string, call?: CallOptions): Promise<void> {
    return this.#access.write('audit.exported', call, (changes) => {
      const held = changes.auditBatches.get(auditKey(tenant, number))
      if (held?.export === null) changes.auditBatches.put(auditKey(tenant, number), { ...held, export: key })
    })
  }

  exports(call?: CallOptions): Promise<string[]> {
    return this.#access.read('audit.exports', call, (changes) =>
      [...changes.auditBatches.entries()].flatMap(([, batch]) => batch.export ?? []),
    )
  }

  erase(
    tenant: TenantId,
    { kind, name, key }: AuditSubject,
    actor: string | null,
    call?: CallOptions,
  ): Promise<number> {
    return this.#access.write('audit.erase', call, (changes) => {
      const isAbout = (row: AuditRow): boolean => row.kind === kind && row.name === name && row.key === key
      const gone = rowsOf(changes, tenant).filter(
        (row) => isAbout(row) && row.content !== null && row.action !== 'erase',
      )
      for (const row of gone) {
        changes.audit.put(auditKey(tenant, row.id), { ...row, content: null, contentHash: contentHashOf(row) })
      }
      if (gone.length === 0) return 0
      const { tables, clock } = this.#access.engine
      const id = ++tables.sequences.fence
      const version = Math.max(...gone.map((row) => row.version))
      const content = JSON.stringify({ rows: gone.length })
      const told = { tenant, id, at: clock.now(), actor, action: 'erase', kind, name, key, version, content } as const
      changes.audit.put(auditKey(tenant, id), { ...told, contentHash: null })
      return gone.length
    })
  }

  #read<T>(op: string, tenant: TenantId, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T> {
    checkSight(this.#access.view, tenant)
    return this.#access.read(op, call, work)
  }
}

function rowsOf(changes: Changes, tenant: TenantId): AuditRow[] {
  return changes.audit.group(tenant)
}

function leavesOf(changes: Changes, tenant: TenantId): StoredLeaf[] {
  return changes.auditLeaves.group(tenant)
}

function batchesOf(changes: Changes, tenant: TenantId): AuditBatch[] {
  return changes.auditBatches.group(tenant).sort((a, b) => a.number - b.number)
}

function placed(changes: Changes, row: AuditRow): PlacedAuditRow {
  return { ...row, batch: changes.auditLeaves.get(auditKey(row.tenant, row.id))?.batch ?? null }
}

function wasErased(changes: Changes, { tenant, id, kind, name, key }: AuditRow): boolean {
  return rowsOf(changes, tenant).some(
    (row) => row.action === 'erase' && row.id > id && row.kind === kind && row.name === name && row.key === key,
  )
}
