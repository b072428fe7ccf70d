import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { HeadwaterError } from '../../core/errors'
import type { PlaceKeys } from './place-keys'

/** Ed25519 over the bytes of the manifest's line, base64; undefined without a key. HW_INVALID_OPTIONS. */
export function signatureOf(text: string, { signingKey }: PlaceKeys): string | undefined {
  if (signingKey === undefined) return undefined
  return sign(
    null,
    Buffer.from(text),
    keyOf('signingKey', () => createPrivateKey(signingKey)),
  ).toString('base64')
}

/** Whether one of the trusted keys has signed it; true where none is named. HW_INVALID_OPTIONS. */
export function isTrusted(text: string, signature: string | undefined, { trustedKeys }: PlaceKeys): boolean {
  if (!trustedKeys || trustedKeys.length === 0) return true
  const keys = trustedKeys.map((pem, at) => keyOf(`trustedKeys[${at}]`, () => createPublicKey(pem)))
  if (signature === undefined) return false
  return keys.some((key) => verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64')))
}

/** Before anything is done: HW_INVALID_OPTIONS for a key that is none. */
export function checkSigning(keys: PlaceKeys): void {
  signatureOf('', keys)
  isTrusted('', undefined, keys)
}

function keyOf(path: string, read: () => KeyObject): KeyObject {
  let key: KeyObject | undefined
  try {
    key = read()
  } catch {
    // What it says may show parts of the key.
  }
  if (key?.asymmetricKeyType === 'ed25519') return key
  throw new HeadwaterError('HW_INVALID_OPTIONS', `${path}: must be a key of Ed25519 in PEM`, { path })
}
