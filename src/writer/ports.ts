import type { Clock } from '../core/clock'
import type { CollectionName, Scope } from '../core/ids'
import type { Limits } from '../core/limits'
import type { Random } from '../core/random'
import type { Embedder } from '../embeddings/embedder'
import type { MetadataDeclaration } from '../filter/metadata'
import type { Troubles } from '../observability/troubles'
import type { BlobRepository } from '../repositories/blobs'
import type { DocumentEntries } from '../repositories/document-entries'
import type { EntityTable } from '../repositories/entity-table'
import type { IndexPorts } from '../repositories/index-engines'
import type { Truth } from '../repositories/truth'
import type { Splitter } from '../splitter/splitter'
import type { TruncatedChunks } from './truncated'

/** What a collection is made with. */
export interface CollectionPlan {
  readonly name: CollectionName
  readonly embedder: Embedder
  /** Of another space, for queries while `embedder` fails. */
  readonly fallback?: Embedder | undefined
  readonly splitter: Splitter
  /** Whether it is the default, the default with sizes that were asked for, or the user's own, as it is when left out. */
  readonly splitterFrom?: 'default' | 'sizes' | 'own' | undefined
  /**
   * Id of the splitter that the collection was first cut with; that of `splitter` when left out. It stands in the hash of
   * a document's content, so that documents stay unchanged where another splitter cuts them.
   */
  readonly cutFirst?: string | undefined
  readonly metadata?: MetadataDeclaration | undefined
  /** A later revision of the embedder: what a rebuild of the vectors moves to. */
  readonly newer?: Embedder | undefined
  /** Text search configuration, `english` by default. */
  readonly language: string
  /** Whether words are found without regard to case and accents; recorded with each text index. */
  readonly folding?: boolean | undefined
  /** Paths of metadata that are shown where changes of documents are written down; undefined where they are not. */
  readonly audit?: readonly string[] | undefined
}

/** Everything that the writer, the relay, rebuild and reconcile touch: ports only, so that a simulator can stand in. */
export interface WriterPorts extends IndexPorts {
  readonly truth: Truth
  /** Undefined where no place for blobs is configured. */
  readonly blobs?: BlobRepository | undefined
  /** A rebuild in another space changes its plan here. */
  readonly collections: Map<string, CollectionPlan>
  /** Every configured embedder by fingerprint, those of the collections included. */
  readonly embedders: Map<string, Embedder>
  /** Splitters that this process knows beside those of the collections and ours, by id. */
  readonly splitters?: Map<string, Splitter> | undefined
  readonly clock: Clock
  readonly random: Random
  readonly options?: Partial<WriterOptions> | undefined
  readonly limits?: Limits | undefined
  /** Cached values that were made of documents: a `cache` job for each document that changes. @internal */
  readonly entries?: DocumentEntries | undefined
  /** Counts chunks that are written and that the embedder does not read to the end, for health. @internal */
  readonly truncated?: TruncatedChunks | undefined
  /** Told which indexes have changed, before their jobs are done; rejects when it cannot take note. */
  readonly searches?: { changed(scopes: Iterable<Scope>): Promise<void> } | undefined
  /** Told what work in the background meets. @internal */
  readonly troubles?: Troubles | undefined
  /** Entities whose rows go with documents. */
  readonly attached?: readonly EntityTable[] | undefined
}

/** What sealing an audit and looking at its seals need. */
export type AuditPorts = Pick<WriterPorts, 'truth' | 'blobs'>

/** Times in ms, sizes in bytes. */
export interface WriterOptions {
  /** 'background': writes apply their own jobs at once and this process relays; 'external': only workers relay. */
  readonly relay: 'background' | 'external'
  /** How long a write waits for its projections before it leaves them to the relay. */
  readonly inlineTimeoutMs: number
  /** How long a claim lasts before others may take the job; renewed at a third. */
  readonly leaseMs: number
  /** Idle poll of the relay. */
  readonly pollMs: number
  /** How often workers look whether the indexes are still what they were. */
  readonly checkMs: number
  /** How often an index is marked anew: an older state that comes back is known by its marker after that. */
  readonly markMs: number
  /** How often an index is compared with the truth, entry by entry, though nothing is wrong as far as is known. */
  readonly sweepMs: number
  /** Entries of such a comparison in one go; the next go comes `checkMs` later. */
  readonly sweepSlice: number
  /** Chunks that a rebuild copies at once. */
  readonly copyBatch: number
  /** How long what was live before a switch is kept in step for a rollback. */
  readonly retentionMs: number
  /** Jobs of one claim. */
  readonly claimBatch: number
  /** Batches that the relay has under way at once for each target, at most; it begins with one and feels its way. */
  readonly maxWorkers: number
  /** Attempts before a job is parked. */
  readonly maxAttempts: number
  /** First delay after a failure; doubles with full jitter up to `backoffMaxMs`. */
  readonly backoffMs: number
  /** Longest delay after a failure. */
  readonly backoffMaxMs: number
  /** Documents and bytes of one write transaction. */
  readonly batchDocuments: number
  /** A document that is larger stands alone. */
  readonly batchBytes: number
  /** How long tombstones and idempotency keys are kept. */
  readonly tombstoneMs: number
  /** A key that was forgotten applies anew. */
  readonly keyMs: number
  /** Largest text of a document, and of a chunk of the caller's own. */
  readonly maxTextBytes: number
  /** Largest metadata of a document, as JSON. */
  readonly maxMetadataBytes: number
}

export const writerDefaults = Object.freeze({
  relay: 'background',
  inlineTimeoutMs: 5_000,
  leaseMs: 30_000,
  pollMs: 500,
  checkMs: 60_000,
  markMs: 600_000,
  sweepMs: 24 * 3_600_000,
  sweepSlice: 100_000,
  copyBatch: 500,
  retentionMs: 3 * 24 * 3_600_000,
  claimBatch: 250,
  maxWorkers: 4,
  maxAttempts: 8,
  backoffMs: 200,
  backoffMaxMs: 60_000,
  batchDocuments: 500,
  batchBytes: 16 * 1024 * 1024,
  tombstoneMs: 7 * 24 * 3_600_000,
  keyMs: 24 * 3_600_000,
  maxTextBytes: 10 * 1024 * 1024,
  maxMetadataBytes: 64 * 1024,
} as const satisfies WriterOptions)
