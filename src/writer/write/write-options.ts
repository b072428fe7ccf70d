import { type CallOptions, callKinds } from '../../core/abort'
import { checkText } from '../../core/checked-text'
import { HeadwaterError } from '../../core/errors'
import { flag, type Kind, method, type OptionKinds, oneOf, text, whole } from '../../core/option-kinds'
import type { TransactionModes } from '../../repositories/truth'

/** What every write takes. */
export interface WriteOptions extends CallOptions {
  /** Applies once, however often it is sent; another body under the same key is HW_IDEMPOTENCY_CONFLICT. To 1 KiB. */
  idempotencyKey?: string | undefined
  /** 'inline' (default) embeds before the transaction; 'deferred' leaves it to the relay. */
  embed?: 'inline' | 'deferred' | undefined
}

/** Who makes changes, for what is declared with `audit`. */
export interface ActorOptions {
  /** 1 to 256 characters: a user's id, the name of a job. */
  actor?: string | undefined
}

/** What a transaction takes; its actor is the handle's unless it names one. */
export interface TransactionCallOptions extends WriteOptions, ActorOptions {
  /**
   * 'read committed' by default. Above it, a transaction that another one got in the way of is rolled back and the
   * callback runs again.
   */
  isolation?: TransactionModes['isolation']
  /** Whatever would write is HW_READ_ONLY; it leaves no marker and takes no idempotency key. */
  readOnly?: boolean | undefined
  /**
   * How often the callback may run again after a serialization failure, a deadlock or a lost connection, while there is
   * time. 2 by default, 10 above 'read committed'.
   */
  retries?: number | undefined
}

/** How far a write of many documents is; counts of documents. */
export interface BatchProgress {
  readonly written: number
  readonly unchanged: number
  readonly failed: number
}

/** What a write of many documents takes. */
export interface BatchWriteOptions extends WriteOptions {
  /** Called after each batch. */
  onProgress?: ((progress: BatchProgress) => void) | undefined
}

/** What a write of one document takes. */
export interface DocumentWriteOptions extends WriteOptions, VersionOptions {}

/** What a write inside a transaction takes. */
export interface VersionOptions {
  /** Fails with HW_VERSION_CONFLICT unless the document is at this version; 0: unless it is not there. */
  ifVersion?: number | undefined
}

/** Beside the tenant's name it is a key of an index, which takes no more than 2,704 bytes. */
const maxKeyBytes = 1_024

const idempotencyKey: Kind = (value, path, code) => {
  const key = checkText(value, path, maxKeyBytes, code)
  if (key !== '') return key
  throw new HeadwaterError(code, `${path}: must be 1 to ${maxKeyBytes} bytes of text, got ""`, { path })
}

export const versionKinds = { ifVersion: whole(0, Number.MAX_SAFE_INTEGER) } satisfies OptionKinds<VersionOptions>

export const writeKinds = {
  ...callKinds,
  idempotencyKey,
  embed: oneOf('inline', 'deferred'),
} satisfies OptionKinds<WriteOptions>

export const actorKinds = { actor: text(256) } satisfies OptionKinds<ActorOptions>

export const transactionKinds = {
  ...writeKinds,
  ...actorKinds,
  isolation: oneOf('read committed', 'repeatable read', 'serializable'),
  readOnly: flag,
  retries: whole(0, 1_000),
} satisfies OptionKinds<TransactionCallOptions>

export const batchKinds = { ...writeKinds, onProgress: method } satisfies OptionKinds<BatchWriteOptions>

export const documentKinds = { ...writeKinds, ...versionKinds } satisfies OptionKinds<DocumentWriteOptions>
