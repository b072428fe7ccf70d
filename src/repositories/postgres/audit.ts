import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { asHeadwaterError, HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type {
  AuditBatch,
  AuditQuery,
  AuditRepository,
  AuditRow,
  AuditSubject,
  PlacedAuditRow,
  SealedBatch,
  SealedLeaf,
  Unsealed,
} from '../audit'
import { auditStatements } from './audit-sql'
import { type PostgresRepositoryOptions, run } from './statements'

const uniqueViolation = '23505'

interface StoredRow extends Omit<AuditRow, 'id' | 'at' | 'version' | 'contentHash'> {
  readonly id: unknown
  readonly at: unknown
  readonly version: unknown
  readonly content_hash: string | null
  readonly batch: unknown
}

interface StoredBatch extends Omit<AuditBatch, 'number' | 'sealedAt'> {
  readonly number: unknown
  readonly sealed_at: unknown
}

/** The audit in Postgres; its rows are written by triggers. */
export class PostgresAuditRepository implements AuditRepository {
  readonly #executor: Executor
  readonly #sql: ReturnType<typeof auditStatements>

  constructor(executor: Executor, options?: PostgresRepositoryOptions) {
    this.#executor = executor
    this.#sql = auditStatements(options)
  }

  async list(tenant: TenantId, query: AuditQuery, call?: CallOptions): Promise<PlacedAuditRow[]> {
    const { kind, name, key, actor, action, before, limit } = query
    const subject = [kind, name, key].filter((one) => one !== undefined)
    const statement = this.#sql.list({
      subject: subject.length,
      actor: actor !== undefined,
      action: action !== undefined,
    })
    const others = [actor, action].filter((one) => one !== undefined)
    const values = [tenant, before ?? null, limit, ...subject, ...others]
    return (await run<StoredRow>(this.#executor, statement, values, call)).rows.map(placedRow)
  }

  async get(tenant: TenantId, id: number, call?: CallOptions): Promise<PlacedAuditRow | null> {
    const { rows } = await run<StoredRow>(this.#executor, this.#sql.get, [tenant, id], call)
    return rows[0] ? placedRow(rows[0]) : null
  }

  async unsealed(
    { after, limit }: { readonly after: string | null; readonly limit: number },
    call?: CallOptions,
  ): Promise<Unsealed> {
    const { rows } = await run<StoredRow & { horizon: string; xid: string | null }>(
      this.#executor,
      this.#sql.unsealed,
      [after ?? '0', limit],
      call,
    )
    const found = rows.filter(({ id }) => id !== null)
    // The next page begins with the transaction that this one may have cut.
    const horizon = found.length < limit ? rows[0]!.horizon : found.at(-1)!.xid!
    return { rows: found.map(rowOf), horizon }
  }

  async newest(tenants: readonly TenantId[], call?: CallOptions): Promise<AuditBatch[]> {
    return (await run<StoredBatch>(this.#executor, this.#sql.newest, [tenants], call)).rows.map(batchOf)
  }

  async seal(sealed: readonly SealedBatch[], call?: CallOptions): Promise<void> {
    const batches = sealed.map(({ batch }) => batch)
    const leaves = sealed.flatMap((one) => one.leaves.map((leaf) => ({ ...leaf, of: one.batch })))
    const values = [
      ...(['tenant', 'number', 'size', 'root', 'previous', 'seal', 'sealedAt'] as const).map((name) =>
        batches.map((batch) => batch[name]),
      ),
      leaves.map(({ of }) => of.tenant),
      leaves.map(({ of }) => of.number),
      ...(['id', 'position', 'hash'] as const).map((name) => leaves.map((leaf) => leaf[name])),
    ]
    try {
      await run(this.#executor, this.#sql.seal, values, call)
    } catch (cause) {
      if (asHeadwaterError(cause).details?.['sqlState'] !== uniqueViolation) throw cause
      throw new HeadwaterError('HW_CONFLICT', 'These rows were sealed meanwhile', { cause })
    }
  }

  async batches(
    tenant: TenantId,
    { from, limit }: { readonly from: number; readonly limit: number },
    call?: CallOptions,
  ): Promise<AuditBatch[]> {
    return (await run<StoredBatch>(this.#executor, this.#sql.batches, [tenant, from, limit], call)).rows.map(batchOf)
  }

  async leaves(tenant: TenantId, batch: number, call?: CallOptions): Promise<SealedLeaf[]> {
    const { rows } = await run<StoredRow & { leaf: unknown; position: number; hash: string; erased: boolean | null }>(
      this.#executor,
      this.#sql.leaves,
      [tenant, batch],
      call,
    )
    return rows.map((row) => ({
      id: Number(row.leaf),
      position: row.position,
      hash: row.hash,
      row: row.id === null ? null : rowOf(row),
      erased: row.erased === true,
    }))
  }

  async strays(
    tenant: TenantId,
    { before, limit }: { readonly before: string; readonly limit: number },
    call?: CallOptions,
  ): Promise<number[]> {
    const { rows } = await run<{ id: unknown }>(this.#executor, this.#sql.strays, [tenant, before, limit], call)
    return rows.map(({ id }) => Number(id))
  }

  async tenants(call?: CallOptions): Promise<TenantId[]> {
    const { rows } = await run<{ tenant: TenantId }>(this.#executor, this.#sql.tenants, [], call)
    return rows.map(({ tenant }) => tenant)
  }

  async unexported(limit: number, call?: CallOptions): Promise<AuditBatch[]> {
    return (await run<StoredBatch>(this.#executor, this.#sql.unexported, [limit], call)).rows.map(batchOf)
  }

  async exported({ tenant, number }: AuditBatch, key: string, call?: CallOptions): Promise<void> {
    await run(this.#executor, this.#sql.exported, [tenant, number, key], call)
  }

  async exports(call?: CallOptions): Promise<string[]> {
    const { rows } = await run<{ export: string }>(this.#executor, this.#sql.exports, [], call)
    return rows.map((row) => row.export)
  }

  async erase(
    tenant: TenantId,
    { kind, name, key }: AuditSubject,
    actor: string | null,
    call?: CallOptions,
  ): Promise<number> {
    const values = [tenant, kind, name, key, actor]
    const { rows } = await run<{ count: unknown }>(this.#executor, this.#sql.erase, values, call)
    return Number(rows[0]!.count)
  }
}

function rowOf(row: StoredRow): AuditRow {
  const { tenant, id, at, actor, action, kind, name, key, version, content, content_hash: contentHash } = row
  const numbers = { id: Number(id), at: Number(at), version: Number(version) }
  return { tenant, ...numbers, actor, action, kind, name, key, content, contentHash }
}

function placedRow(row: StoredRow): PlacedAuditRow {
  return { ...rowOf(row), batch: row.batch === null ? null : Number(row.batch) }
}

function batchOf({ number, sealed_at: sealedAt, ...rest }: StoredBatch): AuditBatch {
  return { ...rest, number: Number(number), sealedAt: Number(sealedAt) }
}
