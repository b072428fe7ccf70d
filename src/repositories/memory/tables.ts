import type { CollectionName, TenantId } from '../../core/ids'
import type { Json } from '../../core/json'
import type { ChunkRow } from '../chunks'
import type { DocumentRow } from '../documents'
import type { Generation } from '../generations'
import type { JobRow } from '../jobs'
import type { DatabaseIdentity } from '../registry'
import { Overlay, Table } from './table'

// Rows are never changed in place: a write puts a new one, so that a transaction can be forgotten at no cost.

export interface StoredDocument extends DocumentRow {
  readonly tenant: TenantId
  readonly collection: CollectionName
  /** Epoch ms; null while it lives. */
  readonly buriedAt: number | null
}

export interface StoredChunk extends ChunkRow {
  readonly tenant: TenantId
  readonly collection: CollectionName
  readonly buriedAt: number | null
}

export interface StoredEmbedding {
  readonly tenant: TenantId
  readonly inputHash: string
  readonly vector: Float32Array
  readonly storedAt: number
}

export interface StoredJob extends JobRow {
  /** Due from then on, epoch ms. */
  readonly dueAt: number
  /** The claim that holds it, or null. */
  readonly token: string | null
  readonly leaseUntil: number
}

export interface StoredCommit {
  readonly tenant: TenantId
  readonly requestHash: string
  readonly receipt: Json
  readonly refuted: boolean
  readonly createdAt: number
}

export interface StoredRemoval {
  readonly tenant: TenantId
  readonly key: string
  /** Epoch ms. */
  readonly begunAt: number
}

/** The committed state, kept by `MemoryTruth`. */
export class Tables {
  readonly documents = new Table<StoredDocument>((row) => `${row.tenant}/${row.collection}`)
  readonly chunks = new Table<StoredChunk>((row) => `${row.tenant}/${row.collection}/${row.document}`)
  readonly embeddings = new Table<StoredEmbedding>()
  /** Which texts are being embedded, and by whom until when. */
  readonly reservations = new Table<{ readonly token: string; readonly until: number }>()
  readonly jobs = new Table<StoredJob>()
  readonly generations = new Table<Generation>()
  readonly commits = new Table<StoredCommit>()
  readonly removals = new Table<StoredRemoval>()
  readonly records = new Table<Json>()
  readonly workers = new Table<{ readonly worker: string; readonly seenAt: number }>()
  /** Like a sequence, these never go back, not even when a transaction does. */
  readonly sequences = { fence: 0, generation: 0 }
  /** Another one after a restore that the database itself can tell. */
  identity: DatabaseIdentity = { system: 'memory', timeline: 1, tables: '1' }

  constructor() {
    this.records.put('epoch', 1)
  }

  get epoch(): number {
    return Number(this.records.rows.get('epoch'))
  }
}

/** One transaction's sight of the tables: its own changes over what is committed. */
export class Changes {
  readonly tables: Tables
  readonly documents: Overlay<StoredDocument>
  readonly chunks: Overlay<StoredChunk>
  readonly embeddings: Overlay<StoredEmbedding>
  readonly reservations: Overlay<{ readonly token: string; readonly until: number }>
  readonly jobs: Overlay<StoredJob>
  readonly generations: Overlay<Generation>
  readonly commits: Overlay<StoredCommit>
  readonly removals: Overlay<StoredRemoval>
  readonly records: Overlay<Json>
  readonly workers: Overlay<{ readonly worker: string; readonly seenAt: number }>
  /** Keys of the documents that this transaction has locked. */
  readonly locked = new Set<string>()

  constructor(tables: Tables) {
    this.tables = tables
    this.documents = new Overlay(tables.documents)
    this.chunks = new Overlay(tables.chunks)
    this.embeddings = new Overlay(tables.embeddings)
    this.reservations = new Overlay(tables.reservations)
    this.jobs = new Overlay(tables.jobs)
    this.generations = new Overlay(tables.generations)
    this.commits = new Overlay(tables.commits)
    this.removals = new Overlay(tables.removals)
    this.records = new Overlay(tables.records)
    this.workers = new Overlay(tables.workers)
  }

  commit(): void {
    this.documents.commit()
    this.chunks.commit()
    this.embeddings.commit()
    this.reservations.commit()
    this.jobs.commit()
    this.generations.commit()
    this.commits.commit()
    this.removals.commit()
    this.records.commit()
    this.workers.commit()
  }
}
