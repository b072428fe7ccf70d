import { createHash, hash } from 'node:crypto'
import type { Clock } from './clock'
import { describeValue } from './describe-value'
import { HeadwaterError } from './errors'
import type { Random } from './random'

declare const tenantBrand: unique symbol
declare const collectionBrand: unique symbol

/** A checked tenant name; only `tenantId()` makes one. */
export type TenantId = string & { readonly [tenantBrand]: true }
/** A checked collection name; only `collectionName()` makes one. */
export type CollectionName = string & { readonly [collectionBrand]: true }

/** Where a row lives: every repository call names its tenant and its collection. */
export interface Scope {
  readonly tenant: TenantId
  readonly collection: CollectionName
}

const namePattern = /^[A-Za-z0-9._-]{1,128}$/

/** Checks a tenant's name: 1 to 128 characters of `[A-Za-z0-9._-]`, else HW_INVALID_ARGUMENT. */
export function tenantId(value: string): TenantId {
  return checkedName(value, 'tenant') as TenantId
}

/** Checks a collection's name: 1 to 128 characters of `[A-Za-z0-9._-]`, else HW_INVALID_ARGUMENT. */
export function collectionName(value: string): CollectionName {
  return checkedName(value, 'collection') as CollectionName
}

/** Whether it is a name of 1 to 128 characters of `[A-Za-z0-9._-]`. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && namePattern.test(value)
}

/** A name of 1 to 128 characters of `[A-Za-z0-9._-]`, else HW_INVALID_ARGUMENT. */
export function checkedName(value: unknown, path: string): string {
  if (isName(value)) return value
  throw new HeadwaterError(
    'HW_INVALID_ARGUMENT',
    `${path}: ${describeValue(value)} is not a name of 1 to 128 characters of [A-Za-z0-9._-]`,
    { path },
  )
}

/** UUIDv5 in a namespace of our own over length-prefixed parts, so that no two lists of parts run together. */
export function uuidV5(...parts: string[]): string {
  let size = namespace.length
  for (const part of parts) size += 4 + part.length * 3
  const bytes = size <= scratch.length ? scratch : Buffer.concat([namespace], size)
  let at = namespace.length
  for (const part of parts) {
    const length = bytes.write(part, at + 4)
    bytes.writeUInt32BE(length, at)
    at += 4 + length
  }
  return formatUuid(hash('sha1', bytes.subarray(0, at), 'hex'), '5')
}

/** A time-ordered UUIDv7: 48 bits of epoch ms (what a clock says beyond them is their end), then randomness. */
export function uuidV7(clock: Clock, random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes.writeUIntBE(Math.min(Math.max(0, clock.now()), 2 ** 48 - 1), 0, 6)
  return formatUuid(bytes.toString('hex'), '7')
}

const namespace = Buffer.from('b5a1c3a27d0e4b51a9c8f3d26e0417aa', 'hex')
/** Begins with the namespace. */
const scratch = Buffer.alloc(4_096)
namespace.copy(scratch)

function formatUuid(hex: string, version: '5' | '7'): string {
  const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 3]
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${version}${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Hex SHA-256 over length-prefixed parts. */
export function sha256(...parts: (string | Uint8Array)[]): string {
  // In one go where all is text: most hashes are of a line or two, and a hash object costs more than they do.
  if (parts.every((part) => typeof part === 'string')) {
    return hash('sha256', parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join(''), 'hex')
  }
  const running = createHash('sha256')
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part
    running.update(`${bytes.byteLength}:`).update(bytes)
  }
  return running.digest('hex')
}

/** Order by UTF-8 bytes, as Postgres compares under the C collation; JavaScript's own order differs beyond the BMP. */
export function compareBytes(a: string, b: string): number {
  return asciiOnly.test(a) && asciiOnly.test(b)
    ? a < b
      ? -1
      : a > b
        ? 1
        : 0
    : Buffer.compare(Buffer.from(a), Buffer.from(b))
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what is meant
const asciiOnly = /^[\x00-\x7f]*$/
