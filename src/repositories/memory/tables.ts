import type { CollectionName, TenantId } from '../../core/ids'
import type { Json } from '../../core/json'
import type { AuditBatch, AuditLeaf, AuditRow } from '../audit'
import type { ChunkRow } from '../chunks'
import type { DocumentRow } from '../documents'
import type { EntityRecord } from '../entity-table'
import type { ParkedErrand } from '../errands'
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
}

export interface StoredErrand extends ParkedErrand {
  readonly parked: boolean
  /** Due from then on, epoch ms. */
  readonly dueAt: number
  readonly claim: { readonly token: string; readonly epoch: number; readonly leaseUntil: number } | null
}

/** Jobs of a tenant and collection that one token holds. */
export interface StoredClaim {
  readonly token: string
  readonly tenant: TenantId
  readonly collection: CollectionName
  readonly epoch: number
  readonly leaseUntil: number
  readonly jobs: readonly JobRow[]
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

export interface StoredEntity {
  readonly entity: string
  readonly tenant: TenantId
  readonly record: EntityRecord
  readonly deleted: boolean
}

export interface StoredLeaf extends AuditLeaf {
  readonly tenant: TenantId
  readonly batch: number
}

interface StoredReservation {
  readonly token: string
  readonly until: number
}

interface StoredWorker {
  readonly worker: string
  readonly engines: readonly string[]
  readonly handles: readonly string[]
  readonly seenAt: number
}

/** The committed state, kept by `MemoryTruth`. */
export class Tables {
  readonly documents = new Table<StoredDocument>((row) => `${row.tenant}/${row.collection}`)
  readonly chunks = new Table<StoredChunk>((row) => `${row.tenant}/${row.collection}/${row.document}`)
  readonly embeddings = new Table<StoredEmbedding>()
  /** Which texts are being embedded, and by whom until when. */
  readonly reservations = new Table<StoredReservation>()
  readonly jobs = new Table<StoredJob>()
  readonly claims = new Table<StoredClaim>()
  readonly errands = new Table<StoredErrand>()
  readonly generations = new Table<Generation>()
  readonly commits = new Table<StoredCommit>()
  readonly removals = new Table<StoredRemoval>()
  readonly entities = new Table<StoredEntity>((row) => `${row.entity}/${row.tenant}`)
  readonly audit = new Table<AuditRow>((row) => row.tenant)
  readonly auditBatches = new Table<AuditBatch>((row) => row.tenant)
  readonly auditLeaves = new Table<StoredLeaf>((row) => row.tenant)
  readonly records = new Table<Json>()
  readonly workers = new Table<StoredWorker>()
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

/** One transaction's sight of the tables: its own changes over what is committed. Most statements need one table. */
export class Changes {
  readonly tables: Tables
  /** Keys of the documents that this transaction has locked. */
  readonly locked = new Set<string>()
  readonly #overlays: Pick<Overlay<unknown>, 'savepoint' | 'clear' | 'commit'>[] = []
  #documents: Overlay<StoredDocument> | undefined
  #chunks: Overlay<StoredChunk> | undefined
  #embeddings: Overlay<StoredEmbedding> | undefined
  #reservations: Overlay<StoredReservation> | undefined
  #jobs: Overlay<StoredJob> | undefined
  #claims: Overlay<StoredClaim> | undefined
  #errands: Overlay<StoredErrand> | undefined
  #generations: Overlay<Generation> | undefined
  #commits: Overlay<StoredCommit> | undefined
  #removals: Overlay<StoredRemoval> | undefined
  #entities: Overlay<StoredEntity> | undefined
  #audit: Overlay<AuditRow> | undefined
  #auditBatches: Overlay<AuditBatch> | undefined
  #auditLeaves: Overlay<StoredLeaf> | undefined
  #records: Overlay<Json> | undefined
  #workers: Overlay<StoredWorker> | undefined

  constructor(tables: Tables) {
    this.tables = tables
  }

  get documents(): Overlay<StoredDocument> {
    this.#documents ??= this.#over(this.tables.documents)
    return this.#documents
  }

  get chunks(): Overlay<StoredChunk> {
    this.#chunks ??= this.#over(this.tables.chunks)
    return this.#chunks
  }

  get embeddings(): Overlay<StoredEmbedding> {
    this.#embeddings ??= this.#over(this.tables.embeddings)
    return this.#embeddings
  }

  get reservations(): Overlay<StoredReservation> {
    this.#reservations ??= this.#over(this.tables.reservations)
    return this.#reservations
  }

  get jobs(): Overlay<StoredJob> {
    this.#jobs ??= this.#over(this.tables.jobs)
    return this.#jobs
  }

  get claims(): Overlay<StoredClaim> {
    this.#claims ??= this.#over(this.tables.claims)
    return this.#claims
  }

  get errands(): Overlay<StoredErrand> {
    this.#errands ??= this.#over(this.tables.errands)
    return this.#errands
  }

  get generations(): Overlay<Generation> {
    this.#generations ??= this.#over(this.tables.generations)
    return this.#generations
  }

  get commits(): Overlay<StoredCommit> {
    this.#commits ??= this.#over(this.tables.commits)
    return this.#commits
  }

  get removals(): Overlay<StoredRemoval> {
    this.#removals ??= this.#over(this.tables.removals)
    return this.#removals
  }

  get entities(): Overlay<StoredEntity> {
    this.#entities ??= this.#over(this.tables.entities)
    return this.#entities
  }

  get audit(): Overlay<AuditRow> {
    this.#audit ??= this.#over(this.tables.audit)
    return this.#audit
  }

  get auditBatches(): Overlay<AuditBatch> {
    this.#auditBatches ??= this.#over(this.tables.auditBatches)
    return this.#auditBatches
  }

  get auditLeaves(): Overlay<StoredLeaf> {
    this.#auditLeaves ??= this.#over(this.tables.auditLeaves)
    return this.#auditLeaves
  }

  get records(): Overlay<Json> {
    this.#records ??= this.#over(this.tables.records)
    return this.#records
  }

  get workers(): Overlay<StoredWorker> {
    this.#workers ??= this.#over(this.tables.workers)
    return this.#workers
  }

  commit(): void {
    for (const one of this.#overlays) one.commit()
  }

  /** What is changed and locked from now on is forgotten by what this returns. */
  savepoint(): () => void {
    const backs = new Map(this.#overlays.map((one) => [one, one.savepoint()]))
    const locked = new Set(this.locked)
    return () => {
      for (const one of this.#overlays) {
        const back = backs.get(one)
        if (back) back()
        else one.clear()
      }
      this.locked.clear()
      for (const key of locked) this.locked.add(key)
    }
  }

  #over<R>(table: Table<R>): Overlay<R> {
    const made = new Overlay(table)
    this.#overlays.push(made)
    return made
  }
}
