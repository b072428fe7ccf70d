import { type CallOptions, throwIfAborted } from '../../core/abort'
import type { TenantId } from '../../core/ids'
import { merkleRoot } from '../../core/merkle'
import { type AuditBatch, type AuditRepository, leafOf, type SealedLeaf, sealOf } from '../../repositories/audit'
import { installation } from '../../repositories/entity-table'
import type { AuditPorts } from '../ports'
import { type ExportedBatch, readExport } from './exports'
import { sealedHorizon } from './seal'

/** Something that is not as it was sealed. */
export interface AuditProblem {
  readonly tenant: string
  /** What was done; `broken`: hashes of a batch do not belong together, and no row of it says why. */
  readonly problem: 'edited' | 'removed' | 'inserted' | 'reordered' | 'broken'
  /** Id of the row; null where it is the batch, or a row of which nothing is left. */
  readonly id: number | null
  /** Number of the batch; null for a row that is in none. */
  readonly batch: number | null
  readonly message: string
}

/** What a verification found. */
export interface AuditVerification {
  /** True where everything is as it was sealed. */
  readonly ok: boolean
  readonly tenants: number
  readonly batches: number
  /** Rows that have a seal. */
  readonly rows: number
  /** Of those, rows whose contents were erased. */
  readonly erased: number
  /** Batches that were compared with their copy in the place for blobs. */
  readonly compared: number
  /** The first 1,000 of `problemCount`. */
  readonly problems: readonly AuditProblem[]
  readonly problemCount: number
}

const mostProblems = 1_000
const pageBatches = 100
const worker = { worker: true } as const

/** Compares every tenant's rows with their seals, and seals with their copies, lost batches included. */
export async function verifyAudit(
  ports: AuditPorts,
  { tenant, ...call }: CallOptions & { readonly tenant?: TenantId | undefined },
): Promise<AuditVerification> {
  const verification = new Verification(ports, call)
  const { audit } = ports.truth.session(worker)
  for (const one of tenant === undefined ? await audit.tenants(call) : [tenant]) {
    await verification.tenant(one, audit, await sealedHorizon(ports))
  }
  await verification.lostBatches(audit, tenant)
  return verification.report()
}

/** As `verifyAudit`, of one tenant and with what he may see. */
export async function verifyAuditOf(
  ports: AuditPorts,
  tenant: TenantId,
  call: CallOptions,
): Promise<AuditVerification> {
  const verification = new Verification(ports, call)
  await verification.tenant(tenant, ports.truth.session({ tenant }).audit, await sealedHorizon(ports, tenant))
  return verification.report()
}

class Verification {
  readonly #ports: AuditPorts
  readonly #call: CallOptions
  readonly #counts = { tenants: 0, batches: 0, rows: 0, erased: 0, compared: 0 }
  readonly #problems: AuditProblem[] = []
  /** Each thing is told once, by whichever comparison came first. */
  readonly #told = new Set<string>()

  constructor(ports: AuditPorts, call: CallOptions) {
    this.#ports = ports
    this.#call = call
  }

  report(): AuditVerification {
    const problemCount = this.#told.size
    return { ok: problemCount === 0, ...this.#counts, problems: this.#problems, problemCount }
  }

  async tenant(tenant: TenantId, audit: AuditRepository, horizon: string | null): Promise<void> {
    this.#counts.tenants++
    let before: AuditBatch | undefined
    for (let from = 1; ; ) {
      const page = await audit.batches(tenant, { from, limit: pageBatches }, this.#call)
      for (const batch of page) {
        throwIfAborted(this.#call.signal)
        this.#chain(batch, before)
        await this.#batch(batch, await audit.leaves(tenant, batch.number, this.#call))
        before = batch
      }
      if (page.length < pageBatches) break
      from = page.at(-1)!.number + 1
    }
    if (horizon === null) return
    const strays = await audit.strays(tenant, { before: horizon, limit: mostProblems }, this.#call)
    for (const id of strays)
      this.#tell(tenant, 'inserted', id, null, 'it is older than what is sealed, and in no batch')
  }

  /** Copies that no batch names are of batches that are gone, or were written anew. */
  async lostBatches(audit: AuditRepository, tenant: TenantId | undefined): Promise<void> {
    const { blobs } = this.#ports
    if (!blobs) return
    const known = new Set(await audit.exports(this.#call))
    for await (const page of blobs.scan(installation, this.#call)) {
      for (const { key } of page) {
        const found = known.has(key) ? null : await readExport(this.#ports, key, this.#call)
        if (!found || (tenant !== undefined && found.tenant !== tenant)) continue
        this.#tell(found.tenant, 'removed', null, found.number, 'the batch was sealed and copied, and is not there')
        const there = await audit.batches(found.tenant, { from: found.number, limit: 1 }, this.#call)
        const leaves =
          there[0]?.number === found.number ? await audit.leaves(found.tenant, found.number, this.#call) : []
        this.#compare(found.tenant, found, leaves)
      }
    }
  }

  #chain(batch: AuditBatch, before: AuditBatch | undefined): void {
    const { tenant, number } = batch
    const expected = (before?.number ?? 0) + 1
    for (let lost = expected; lost < number && lost < expected + mostProblems; lost++) {
      this.#tell(tenant, 'removed', null, lost, 'the batch is not there')
    }
    if (sealOf(batch) !== batch.seal) this.#tell(tenant, 'edited', null, number, 'the batch is not what its seal is of')
    else if (number === expected && batch.previous !== (before?.seal ?? '')) {
      this.#tell(tenant, 'broken', null, number, 'its seal does not go on from the batch before')
    }
  }

  async #batch(batch: AuditBatch, leaves: readonly SealedLeaf[]): Promise<void> {
    const { tenant, number, size } = batch
    const problems = this.#told.size
    this.#counts.batches++
    this.#counts.rows += leaves.length
    const inOrder = leaves.map(({ id }) => id).sort((a, b) => a - b)
    for (const [at, { id, position, hash, row, erased }] of leaves.entries()) {
      if (row?.content === null) this.#counts.erased++
      if (!row) this.#tell(tenant, 'removed', id, number, 'its leaf is there, and the row is not')
      else if (leafOf(row) !== hash) this.#tell(tenant, 'edited', id, number, 'the row is not what was sealed')
      else if (row.content === null && !erased) {
        this.#tell(tenant, 'edited', id, number, 'its contents are gone, and no erasure is written down')
      }
      if (position >= size) this.#tell(tenant, 'inserted', id, number, 'its leaf stands behind the end of the batch')
      else if (inOrder[at] !== id) this.#tell(tenant, 'reordered', id, number, 'its leaf stands at another place')
    }
    for (const position of missingPositions(leaves, size)) {
      this.#tell(tenant, 'removed', null, number, `nothing is at place ${position} of the batch`)
    }
    const exported = batch.export === null ? null : await readExport(this.#ports, batch.export, this.#call)
    if (exported) {
      this.#counts.compared++
      if (exported.seal !== batch.seal) this.#tell(tenant, 'edited', null, number, 'the batch is not what was copied')
      this.#compare(tenant, exported, leaves)
    } else if (batch.export !== null && this.#ports.blobs) {
      this.#tell(tenant, 'removed', null, number, `its copy ${batch.export} is not among the blobs`)
    }
    if (this.#told.size > problems || merkleRoot(leaves.map(({ hash }) => hash)) === batch.root) return
    this.#tell(tenant, 'broken', null, number, 'its leaves do not come to its root')
  }

  /** What the copy says of each row, which somebody who changed row and leaf together has not changed. */
  #compare(tenant: TenantId, { number, leaves: sealed }: ExportedBatch, leaves: readonly SealedLeaf[]): void {
    const stored = new Map(leaves.map((leaf) => [leaf.id, leaf]))
    for (const [position, { id, hash }] of sealed.entries()) {
      const leaf = stored.get(id)
      stored.delete(id)
      if (!leaf) this.#tell(tenant, 'removed', id, number, 'it is in the copy of its batch, and not there')
      else if (leaf.hash !== hash) this.#tell(tenant, 'edited', id, number, 'the copy of its batch says otherwise')
      else if (leaf.position !== position)
        this.#tell(tenant, 'reordered', id, number, 'its leaf stands at another place')
    }
    for (const id of stored.keys()) this.#tell(tenant, 'inserted', id, number, 'it is not in the copy of its batch')
  }

  #tell(
    tenant: TenantId,
    problem: AuditProblem['problem'],
    id: number | null,
    batch: number | null,
    message: string,
  ): void {
    const key = JSON.stringify([tenant, problem, id, id === null ? [batch, message] : null])
    if (this.#told.has(key)) return
    this.#told.add(key)
    if (this.#problems.length < mostProblems) this.#problems.push({ tenant, problem, id, batch, message })
  }
}

function missingPositions(leaves: readonly SealedLeaf[], size: number): number[] {
  const there = new Set(leaves.map(({ position }) => position))
  return Array.from({ length: size }, (_, position) => position).filter((position) => !there.has(position))
}
