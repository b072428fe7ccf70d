import { HeadwaterError } from '../../core/errors'
import { sha256 } from '../../core/ids'
import type { VectorIndex } from '../vectors'

/** Qdrant takes 255 characters; a tenant's part needs room. */
const maxIndexName = 160
const maxCollectionName = 255
const safe = /^[A-Za-z0-9._-]+$/

/** The collection of an index, or of one tenant of it. `~` is in no index name and no tenant, so no two meet. */
export function collectionOf(index: VectorIndex, tenant?: string): string {
  const { name } = index
  if (!safe.test(name) || name.length > maxIndexName) {
    throw new HeadwaterError(
      'HW_INVALID_ARGUMENT',
      `index.name must be 1 to ${maxIndexName} characters of [A-Za-z0-9._-], got ${JSON.stringify(name)}`,
      { path: 'index.name' },
    )
  }
  if (tenant === undefined) return name
  const whole = `${name}~${tenant}`
  return whole.length <= maxCollectionName && safe.test(tenant) ? whole : `${name}~~${sha256(tenant)}`
}

/** The alias by which others find what is live. */
export function publicAlias(name: string): string {
  return `${name}.live`
}

/** True for the collections of an index's tenants. */
export function isTenantOf(index: VectorIndex, collection: string): boolean {
  return collection.startsWith(`${index.name}~`)
}

/** The fingerprint, which the server also uses as a file name: an odd or long one is hashed. */
export function vectorName({ fingerprint }: VectorIndex): string {
  return safe.test(fingerprint) && fingerprint.length <= 100 ? fingerprint : `fp-${sha256(fingerprint).slice(0, 40)}`
}
