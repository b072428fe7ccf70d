import { createHash } from 'node:crypto'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { tenantId } from '../../core/ids'

/** Where keys lie; shared by all that is kept in one Redis. */
export interface RedisKeyOptions {
  /** Begins every key; `[A-Za-z0-9._-]`. `headwater` by default. */
  readonly prefix?: string | undefined
  /**
   * The epoch of the truth, read at each call: after a restore it is another, and nothing that was cached before is
   * found any more. 0 by default.
   */
  readonly epoch?: (() => number) | undefined
}

const plainBytes = 256

/**
 * Names of one kind (entries, vectors...) of cached things:
 *
 *     <prefix>:{<length>:<tenant>}:<epoch>:<kind>:<what><name>
 *
 * The part in braces is what a cluster hashes, so that all keys of a tenant share a slot. The tenant stands behind its
 * length and holds none of `:{}*?[]`, so that no two tenants' keys run together and a pattern can name them.
 */
export class RedisKeys {
  readonly #prefix: string
  readonly #epoch: () => number
  readonly #kind: string

  constructor(kind: string, options: RedisKeyOptions = {}) {
    const { prefix = 'headwater', epoch = () => 0 } = options
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(prefix)) {
      const message = `redis.cache.prefix must be 1 to 64 characters of [A-Za-z0-9._-], got ${JSON.stringify(prefix)}`
      throw new HeadwaterError('HW_INVALID_OPTIONS', message, { path: 'redis.cache.prefix' })
    }
    this.#prefix = prefix
    this.#epoch = epoch
    this.#kind = kind
  }

  base(tenant: TenantId): string {
    // Checked again here: a name with braces would be another slot, one with stars another pattern.
    return `${this.#prefix}:{${tenant.length}:${tenantId(tenant)}}:${this.#epoch()}:${this.#kind}:`
  }
}

/** The end of a key: the name itself, or its hash where it is long or not storable as UTF-8. */
export function suffixOf(name: string): string {
  if (name.length <= plainBytes && name.isWellFormed()) return `=${name}`
  return `#${createHash('sha256').update(Buffer.from(name, 'utf16le')).digest('base64url')}`
}
