import type { CallOptions } from '../../core/abort'
import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { isPlainObject } from '../../core/json'
import { type MerkleStep, merkleClimb, merklePath } from '../../core/merkle'
import {
  type AuditBatch,
  type AuditRepository,
  type AuditRow,
  contentHashOf,
  leafOf,
  sealOf,
} from '../../repositories/audit'

/** That a row is in a seal: plain JSON, checked by `checkAuditProof` without any store. */
export interface AuditProof {
  /** The row as it is stored. To hand it on without its content, set that to null: the hash is enough. */
  readonly row: AuditRow
  /** From the row's leaf to the root. */
  readonly steps: readonly MerkleStep[]
  readonly batch: Omit<AuditBatch, 'export'>
}

/** What a check of a proof came to. */
export interface AuditProofCheck {
  readonly valid: boolean
  /** Seal of the batch: to be compared with one that was kept elsewhere. */
  readonly seal: string
  /** Why it is not valid. */
  readonly problem?: string | undefined
}

/** HW_NOT_FOUND where there is no such row, or it has no seal yet. */
export async function proveAuditRow(
  audit: AuditRepository,
  tenant: TenantId,
  id: number,
  call: CallOptions,
): Promise<AuditProof> {
  const found = await audit.get(tenant, id, call)
  if (!found) throw notFound(`id: no row ${id} in the audit of ${tenant}`)
  const { batch: number, ...row } = found
  const [batch] = number === null ? [] : await audit.batches(tenant, { from: number, limit: 1 }, call)
  if (!batch || batch.number !== number) throw notFound(`id: row ${id} has no seal yet; workers seal every minute`)
  const leaves = await audit.leaves(tenant, number, call)
  const hashes = leaves.map(({ hash }) => hash)
  const { export: _, ...sealed } = batch
  const told = { ...row, contentHash: contentHashOf(row) }
  return {
    row: told,
    steps: merklePath(
      hashes,
      leaves.findIndex((leaf) => leaf.id === id),
    ),
    batch: sealed,
  }
}

/**
 * Whether a proof holds in itself: the row leads to the root, and the root to the seal. That the seal is the one that was
 * made is known by one that was kept elsewhere. HW_INVALID_ARGUMENT for what is no proof.
 */
export function checkAuditProof(given: unknown): AuditProofCheck {
  const { row, steps, batch } = proofOf(given)
  const { seal } = batch
  const invalid = (problem: string): AuditProofCheck => ({ valid: false, seal, problem })
  if (row.content !== null && row.contentHash !== null && contentHashOf(row) !== row.contentHash) {
    return invalid('the content is not what its hash is of')
  }
  if (row.tenant !== batch.tenant) return invalid('row and batch are of different tenants')
  if (merkleClimb(leafOf(row), steps) !== batch.root) return invalid('the row does not lead to the root of the batch')
  if (sealOf(batch) !== seal) return invalid('the batch is not what its seal is of')
  return { valid: true, seal }
}

function proofOf(given: unknown): AuditProof {
  const proof = objectAt(given, 'proof')
  const row = objectAt(proof['row'], 'proof.row')
  const batch = objectAt(proof['batch'], 'proof.batch')
  const { steps } = proof
  const isStep = (step: unknown): boolean =>
    isPlainObject(step) &&
    (step['side'] === 'left' || step['side'] === 'right') &&
    /^[0-9a-f]{64}$/.test(String(step['hash']))
  if (!Array.isArray(steps) || !steps.every(isStep)) throw invalidProof('proof.steps', 'must be a list of steps', steps)
  for (const name of ['tenant', 'root', 'previous', 'seal']) textAt(batch[name], `proof.batch.${name}`)
  for (const name of ['tenant', 'action', 'kind', 'name', 'key']) textAt(row[name], `proof.row.${name}`)
  const { content = null, contentHash = null } = row
  return { row: { ...row, content, contentHash }, steps, batch } as unknown as AuditProof
}

function objectAt(value: unknown, path: string): Record<string, unknown> {
  if (isPlainObject(value)) return value
  throw invalidProof(path, 'must be an object', value)
}

function textAt(value: unknown, path: string): void {
  if (typeof value !== 'string') throw invalidProof(path, 'must be a text', value)
}

function invalidProof(path: string, problem: string, value: unknown): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}, got ${describeValue(value)}`, { path })
}

function notFound(problem: string): HeadwaterError {
  return new HeadwaterError('HW_NOT_FOUND', problem, { path: 'id' })
}
