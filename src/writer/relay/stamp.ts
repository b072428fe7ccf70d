import { hash } from 'node:crypto'

/**
 * Hash of what an index entry should hold, 32 hex digits, which Postgres computes too. The first half is of its input
 * (title and text) and the space it lives in (fingerprint or language), the second the start of its payload's hash: a
 * payload is only set over a vector of the same first half.
 */
export function stampOf(inputHash: string, payloadHash: string, space: string): string {
  const input = hash('sha256', `${inputHash}${space}`, 'hex')
  return `${input.slice(0, 16)}${payloadHash.slice(0, 16)}`
}
