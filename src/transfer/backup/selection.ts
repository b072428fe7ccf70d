import type { BackupPart, BackupTable } from './manifest'

/** Of a tenant, of a collection, or of both. */
export interface Selection {
  readonly tenant?: string | undefined
  readonly collection?: string | undefined
}

/** Whether a row is of it; rows that are of no collection are of any. */
export function takes(row: Readonly<Record<string, unknown>>, { tenant, collection }: Selection): boolean {
  if (tenant !== undefined && row['tenant'] !== tenant) return false
  return collection === undefined || row['collection'] === undefined || row['collection'] === collection
}

/** The parts that may have rows of it: keys begin with the tenant, and go by its bytes. */
export function partsFor({ key, parts }: BackupTable, { tenant }: Selection): readonly BackupPart[] {
  if (tenant === undefined || key[0] !== 'tenant') return parts
  // Those of an encrypted backup do not tell.
  return parts.filter(({ first, last }) => first === '' || (tenantIn(first) <= tenant && tenant <= tenantIn(last)))
}

function tenantIn(key: string): string {
  return (JSON.parse(key) as string[])[0]!
}
