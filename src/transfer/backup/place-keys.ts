import { createHash } from 'node:crypto'

/** Keys of a place. Secret ones are used where they are, and written nowhere. */
export interface PlaceKeys {
  /** Public keys of age, `age1...`: parts and blobs are encrypted to whoever has the secret key of one of them. */
  readonly recipients?: readonly string[] | undefined
  /** Secret keys of age, `AGE-SECRET-KEY-1...`: what is encrypted to one of them is read. */
  readonly identities?: readonly string[] | undefined
  /** A secret key of Ed25519, PEM: manifests are signed. */
  readonly signingKey?: string | undefined
  /** Public keys of Ed25519, PEM: a manifest that none of them has signed is HW_BACKUP_DAMAGED. */
  readonly trustedKeys?: readonly string[] | undefined
}

const suffix = '.age'

export function isSealed(name: string): boolean {
  return name.endsWith(suffix)
}

/** Its name before it was encrypted. */
export function unsealedName(name: string): string {
  return isSealed(name) ? name.slice(0, -suffix.length) : name
}

/**
 * How names of files differ by who can read them: other recipients, other files, so that what is shared can be read. No
 * difference without recipients.
 */
export interface Seal {
  readonly of: string
  readonly suffix: string
}

export function sealOf(recipients: readonly string[] | undefined): Seal {
  if (!recipients || recipients.length === 0) return { of: '', suffix: '' }
  const of = createHash('sha256')
    .update([...recipients].sort().join('\n'))
    .digest('hex')
  return { of: `:${of}`, suffix }
}
