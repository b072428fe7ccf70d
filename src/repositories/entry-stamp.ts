import { hash } from 'node:crypto'
import type { IndexEntry } from './index-entry'

/**
 * Hash of what an index entry should hold, 32 hex digits, which Postgres computes too. The first half is of its input
 * (title and text) and the space it lives in (fingerprint or language), the second the start of its payload's hash: a
 * payload is only set over a vector of the same first half.
 */
export function stampOf(inputHash: string, payloadHash: string, space: string): string {
  const input = hash('sha256', `${inputHash}${space}`, 'hex')
  return `${input.slice(0, 16)}${payloadHash.slice(0, 16)}`
}

/** The half of a stamp that tells the input of a vector. */
export function inputOf(stamp: string): string {
  return stamp.slice(0, 16)
}

/** Order-free digest of entries, decimal; a truth in Postgres computes the same in `ChunkRepository.digest`. */
export function digestOf(entries: readonly IndexEntry[]): string {
  let sum = 0n
  for (const entry of entries) sum += entryDigest(entry)
  return String(sum)
}

/** 60 bits of MD5 over `id:fence:stamp:tenant:document`: a checksum against drift, not against an adversary. */
function entryDigest({ id, fence, stamp, tenant, document }: IndexEntry): bigint {
  return BigInt(`0x${hash('md5', `${id}:${fence}:${stamp}:${tenant}:${document}`, 'hex').slice(0, 15)}`)
}
