import type { TenantId } from '../../core/ids'
import { installation } from '../entity-table'

/**
 * Names in the bucket; the tenant stands behind its length, so that no two tenants' names run together:
 *
 *     tenants/<length>-<tenant>/<key>     a blob
 *     installation/<key>                  one of the installation
 *     incoming/<length>-<tenant>/<key>    sent by a presigned PUT, and not yet accepted
 *     partial/<random>                    a large put under way
 */
export const partialPrefix = 'partial/'
export const incomingPrefix = 'incoming/'

export const tenantsPrefix = 'tenants/'

export function tenantPrefix(tenant: TenantId): string {
  if (tenant === installation) return 'installation/'
  return `${tenantsPrefix}${tenant.length}-${tenant}/`
}

/** The tenant of an object's name; undefined for an object that is none of ours. */
export function tenantOf(name: string): TenantId | undefined {
  const [, tenant] = /^tenants\/\d+-([^/]+)\//.exec(name) ?? []
  return tenant !== undefined && name.startsWith(tenantPrefix(tenant as TenantId)) ? (tenant as TenantId) : undefined
}

export function blobName(tenant: TenantId, key: string): string {
  return tenantPrefix(tenant) + key
}

export function incomingName(tenant: TenantId, key: string): string {
  return `${incomingPrefix}${tenant.length}-${tenant}/${key}`
}
