import { sha256 } from '../../core/ids'

const plain = /^[a-z0-9][a-z0-9_-]{0,150}$/

/**
 * Physical index of a generation, as Elasticsearch takes names (lower case, no spaces). Others get a hash, so that no
 * two generations share one.
 */
export function physicalName(prefix: string, name: string): string {
  if (plain.test(name)) return `${prefix}-${name}`
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, 60)
  return `${prefix}-${readable}.${sha256(name).slice(0, 32)}`
}

/** The private alias that writes go through: gone with its index, so that a late write makes no new one. */
export function writeAlias(prefix: string, name: string): string {
  return `${physicalName(prefix, name)}.write`
}

/** The alias by which others find what is live. No index of ours has such a name. */
export function publicAlias(prefix: string, name: string): string {
  return `${physicalName(prefix, name)}.live`
}

/** Engine id of an entry. The tenant is part of it: nobody can overwrite or delete another's. Tenants have no colon. */
export function engineId(tenant: string, id: string): string {
  return `${tenant}:${id}`
}
