import { createHash } from 'node:crypto'

/**
 * Hash of what an index entry should hold: its input (title and text), its document's payload, and the space it lives
 * in (fingerprint or language). 32 hex digits of SHA-256, which Postgres computes too.
 */
export function stampOf(inputHash: string, payloadHash: string, space: string): string {
  return createHash('sha256').update(`${inputHash}${payloadHash}${space}`).digest('hex').slice(0, 32)
}
