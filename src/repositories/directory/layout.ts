import { join } from 'node:path'
import type { TenantId } from '../../core/ids'
import { installation } from '../entity-table'

/**
 * Where things lie under the root:
 *
 *     tenants/<length>-<tenant>[~<mask>]/<first two digits>/<key>        the bytes, and nothing but them
 *     tenants/<length>-<tenant>[~<mask>]/<first two digits>/<key>.type   the content type, unless it is the default
 *     installation/<first two digits>/<key>                              those of the installation, likewise
 *     partial/<random>                                                   what is being written
 */
export class BlobLayout {
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  get partials(): string {
    return join(this.root, 'partial')
  }

  get tenants(): string {
    return join(this.root, 'tenants')
  }

  tenant(tenant: TenantId): string {
    return tenant === installation ? join(this.root, 'installation') : join(this.tenants, folderName(tenant))
  }

  shard(tenant: TenantId, key: string): string {
    return join(this.tenant(tenant), key.slice(0, 2))
  }

  blob(tenant: TenantId, key: string): string {
    return join(this.shard(tenant, key), key)
  }

  contentType(tenant: TenantId, key: string): string {
    return `${this.blob(tenant, key)}.type`
  }
}

/**
 * The tenant behind its length, so that `..` is a name like any other. Upper-case letters are told by a mask as well:
 * some file systems take `Acme` and `acme` for the same.
 */
function folderName(tenant: TenantId): string {
  let mask = 0n
  for (let i = 0; i < tenant.length; i++) {
    const letter = tenant[i]!
    if (letter >= 'A' && letter <= 'Z') mask |= 1n << BigInt(i)
  }
  return `${tenant.length}-${tenant}${mask === 0n ? '' : `~${mask.toString(16)}`}`
}

/** The tenant of a folder's name; undefined for a folder that is none of ours. */
export function tenantOf(name: string): TenantId | undefined {
  const [, length, rest] = /^(\d+)-(.+)$/.exec(name) ?? []
  const tenant = rest?.slice(0, Number(length)) as TenantId | undefined
  return tenant !== undefined && folderName(tenant) === name ? tenant : undefined
}
