/**
 * Every error that a user can meet: the literal code, whether a retry may help, and what to do about it.
 * docs/errors.md is generated from this table (`npm run docs:errors`), so a code without a remedy cannot exist.
 */
export const errorCatalogue = {
  HW_INVALID_ARGUMENT: { retryable: false, remedy: 'Correct the value that the message names.' },
  HW_INVALID_OPTIONS: { retryable: false, remedy: 'Correct the option whose path the message names.' },
  HW_INVALID_SETTINGS: { retryable: false, remedy: 'Set or correct every environment variable that is listed.' },
  HW_INVALID_DOCUMENT: { retryable: false, remedy: 'Correct the document at the path given; nothing was written.' },
  HW_INVALID_METADATA: { retryable: false, remedy: 'Keep to finite numbers, strings, booleans, lists and objects.' },
  HW_INVALID_ENTITY: { retryable: false, remedy: 'Correct the value at the path given; nothing was written.' },
  HW_INVALID_FILTER: { retryable: false, remedy: 'Use the operators of the filter language (docs/filters.md).' },
  HW_INVALID_CURSOR: { retryable: false, remedy: 'Pass the cursor of the previous page of the same query unchanged.' },
  HW_INVALID_VECTOR: { retryable: false, remedy: 'Pass finite numbers, as many as the fingerprint has dimensions.' },
  HW_LIMIT_EXCEEDED: { retryable: false, remedy: 'Stay under the limit named, or raise it in the options.' },
  HW_COLLECTION_UNKNOWN: {
    retryable: false,
    remedy: 'Declare the collection in the options of openStore, or correct its name.',
  },
  HW_VERSION_CONFLICT: { retryable: false, remedy: 'Read it again and repeat the change on its version.' },
  HW_NOT_FOUND: { retryable: false, remedy: 'Check what the message names; it may have been deleted.' },
  HW_IDEMPOTENCY_CONFLICT: { retryable: false, remedy: 'Use a new idempotency key for another request.' },
  HW_TRANSACTION_NESTED: { retryable: false, remedy: 'Use the handle that the transaction callback received.' },
  HW_TRANSACTION_ABORTED: { retryable: true, remedy: 'The database rolled the transaction back; run it again.' },
  HW_READ_ONLY: { retryable: false, remedy: 'Leave out readOnly to write in this transaction.' },
  HW_COMMIT_UNKNOWN: { retryable: false, remedy: 'Repeat the write with the same idempotency key: it applies once.' },
  HW_ABORTED: { retryable: false, remedy: 'The caller aborted; nothing to do.' },
  HW_TIMEOUT: { retryable: true, remedy: 'Allow more time with timeoutMs, or look at the health of the store named.' },
  HW_UNAVAILABLE: { retryable: true, remedy: 'Check that the server runs at the address given and can be reached.' },
  HW_SERVER_UNSUPPORTED: { retryable: false, remedy: 'Upgrade the server that the message names.' },
  HW_CIRCUIT_OPEN: { retryable: true, remedy: 'The store failed repeatedly; calls resume when it answers again.' },
  HW_OVERLOADED: { retryable: true, remedy: 'Too many calls are waiting; slow down or raise the concurrency limit.' },
  HW_UNAUTHORIZED: { retryable: false, remedy: 'Check user, password or key, and the rights of the role.' },
  HW_CONFLICT: {
    retryable: true,
    remedy:
      'Another transaction was in the way; run it again. Where the message names columns, another row has their values (change them, or use upsert), or a reference between rows stands against it: give what it refers to, or delete first what refers.',
  },
  HW_DRIVER_MISSING: {
    retryable: false,
    remedy: 'Install the package that the message names; in a bundle keep it external, or see docs/bundlers.md.',
  },
  HW_EXTENSION_MISSING: { retryable: false, remedy: 'Install the Postgres extension that the message names.' },
  HW_DATABASE: { retryable: false, remedy: 'Read the cause; the database refused the statement.' },
  HW_MIGRATION_NEEDED: { retryable: false, remedy: 'Run `headwater migrate up`, or open with migrate: "auto".' },
  HW_MIGRATION_AHEAD: {
    retryable: false,
    remedy: 'A newer package migrated the database, and this one cannot run on it: upgrade headwater.',
  },
  HW_MIGRATION_LOSES_DATA: {
    retryable: false,
    remedy: 'Going down would drop documents: back up first, then add --with-data (withData: true).',
  },
  HW_ENTITY_MISMATCH: {
    retryable: false,
    remedy:
      'Run the statements in `details.statements` as a migration of yours (`headwater migrate new NAME --entities FILE` writes it), or declare the entity as its table is.',
  },
  HW_MIGRATION_FAILED: { retryable: false, remedy: 'Read the cause; migrations run in a transaction each.' },
  HW_TOPOLOGY_MISMATCH: {
    retryable: false,
    remedy:
      'Open with what is recorded, as the message says; a language is changed by a rebuild of the text index, a splitter by rebuild({ splitter }), an engine by rebuild({ target, engine }), and an index of a later version needs that version.',
  },
  HW_FINGERPRINT_MISMATCH: {
    retryable: false,
    remedy: 'Open with the recorded embedder, then rebuild with the new one.',
  },
  HW_EPOCH_CHANGED: { retryable: false, remedy: 'The database was restored since; read the state again.' },
  HW_JOB_PARKED: { retryable: false, remedy: 'See `headwater dlq list`, mend the cause, then `dlq redrive`.' },
  HW_ERRAND_FAILED: {
    retryable: true,
    remedy: 'Read the cause, which the handler threw; once parked, mend it, then `headwater dlq redrive`.',
  },
  HW_RECEIPT_ROLLED_BACK: { retryable: false, remedy: 'The transaction of this receipt never committed; write again.' },
  HW_GENERATION_MISSING: { retryable: true, remedy: 'The index is gone; a worker makes it anew, if one runs.' },
  HW_REBUILD_FAILED: { retryable: true, remedy: 'Read the cause; run the rebuild again, it resumes.' },
  HW_MODEL_UNAVAILABLE: {
    retryable: false,
    remedy: 'Put the files of the model into the folder that the message names, or correct what it says is wrong.',
  },
  HW_EMBEDDER_FAILED: { retryable: true, remedy: 'Check the embedder; documents are stored and embedded later.' },
  HW_EMBEDDED_LOCKED: { retryable: false, remedy: 'Close the other process on this folder, or use a Postgres server.' },
  HW_STORAGE: { retryable: false, remedy: 'Check space, rights and contents of what the message names.' },
  HW_BACKUP_BUSY: { retryable: true, remedy: 'Another process writes or prunes backups there; wait until it is done.' },
  HW_BACKUP_DAMAGED: {
    retryable: false,
    remedy:
      'Run `headwater backup verify`, restore an older backup, and take a new one after removing the file that the message names.',
  },
  HW_BACKUP_AHEAD: { retryable: false, remedy: 'A newer package made the backup: upgrade headwater to read it.' },
  HW_RESTORE_REFUSED: {
    retryable: false,
    remedy: 'Look at what would be lost, then confirm it as the message says, or restore into an empty database.',
  },
  HW_RLS_REQUIRED: {
    retryable: false,
    remedy: 'Connect with a role under the policies, or set rowLevelSecurity: "auto".',
  },
  HW_CLOSED: { retryable: false, remedy: 'The store is closed; open a new one.' },
  HW_INTERNAL: { retryable: false, remedy: 'A defect of headwater: please report it with the cause.' },
} as const satisfies Record<string, { retryable: boolean; remedy: string }>

/** Every code there is; docs/errors.md says what to do about each. */
export type ErrorCode = keyof typeof errorCatalogue

const brand = Symbol.for('headwater.error')

export interface ErrorDetails {
  /** What made it fail; kept as the standard `cause`. */
  cause?: unknown
  /** The option, field or filter path at fault, e.g. `metadata.author.name`. */
  path?: string | undefined
  /** Overrides the catalogue's. */
  retryable?: boolean | undefined
  /** Least time to wait before a retry, ms, when the server said so. */
  retryAfterMs?: number | undefined
  /** Facts for machines: small and JSON-safe, never secrets. */
  details?: Record<string, unknown> | undefined
}

/** The one error class of the package. Match on `code`, never on the message. */
export class HeadwaterError extends Error {
  /** What went wrong: the one thing to match on. */
  readonly code: ErrorCode
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  /** What to do about it, for people. */
  readonly remedy: string
  /** The option, field or filter path at fault. */
  readonly path: string | undefined
  /** Least time to wait before a retry, ms, when the server said so. */
  readonly retryAfterMs: number | undefined
  /** Facts for machines: JSON-safe, never secrets. */
  readonly details: Record<string, unknown> | undefined

  constructor(code: ErrorCode, message: string, more: ErrorDetails = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.retryable = more.retryable ?? errorCatalogue[code].retryable
    this.remedy = errorCatalogue[code].remedy
    this.path = more.path
    this.retryAfterMs = more.retryAfterMs
    this.details = more.details
    Object.defineProperty(this, brand, { value: true })
  }

  override get name(): string {
    return 'HeadwaterError'
  }

  /** True across copies of the package, so that ESM and CommonJS users can mix. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    try {
      return typeof value === 'object' && value !== null && brand in value
    } catch {
      // A Proxy of a caller's, thrown or given as the reason of an abort.
      return false
    }
  }

  /** For logs: code, message, remedy, path and details; neither cause nor stack. */
  toJSON(): Record<string, unknown> {
    const { code, message, retryable, remedy, path, details } = this
    return { code, message, retryable, remedy, ...(path && { path }), ...(details && { details }) }
  }
}

/** The error as one of ours: itself, or wrapped as `code` with the original as cause. */
export function asHeadwaterError(error: unknown, code: ErrorCode = 'HW_INTERNAL', message?: string): HeadwaterError {
  if (error instanceof HeadwaterError) return error
  return new HeadwaterError(code, message ?? textOf(error), { cause: error })
}

function textOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'what was thrown cannot be read'
  }
}

/** True for an error of this package, of any copy of it; with `code`, only for that one. */
export function isHeadwaterError(error: unknown, code?: ErrorCode): error is HeadwaterError {
  return error instanceof HeadwaterError && (code === undefined || error.code === code)
}
