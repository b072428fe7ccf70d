import type { CallOptions } from '../core/abort'
import { throwIfAborted } from '../core/abort'
import { withinDeadline } from '../core/deadline'
import { asHeadwaterError, type ErrorCode, HeadwaterError } from '../core/errors'
import { collectionName, type TenantId } from '../core/ids'
import type { Embedder } from '../embeddings/embedder'
import { publish } from '../observability/channels'
import type { ChunkEntry } from '../repositories/chunks'
import {
  type Generation,
  type GenerationRepository,
  type NewGeneration,
  type Target,
  textIndexOf,
  vectorIndexOf,
} from '../repositories/generations'
import type { IndexRemoval } from '../repositories/index-entry'
import { findDrift } from './drift'
import { embedOnce } from './embed-once'
import { blueprint, createPhysical, dropPhysical, followAlias, inEpoch, spaceOf } from './generations'
import type { CollectionPlan, WriterPorts } from './ports'
import { inputText } from './prepared-document'
import { stampOf } from './stamp'

export interface RebuildProgress {
  readonly phase: 'copy' | 'verify' | 'switch'
  /** Chunks copied by this call. */
  readonly copied: number
  /** Chunks there are; an estimate while writes go on. */
  readonly total: number
}

export interface RebuildOptions extends CallOptions {
  target: Target
  collection: CollectionPlan
  /** The space to rebuild in; the collection's own when left out. */
  embedder?: Embedder | undefined
  /** 'standby' leaves the live generation live: for a fallback of another space. 'live' by default. */
  as?: 'live' | 'standby' | undefined
  onProgress?: ((progress: RebuildProgress) => void) | undefined
}

export interface RebuildResult {
  readonly generation: string
  readonly fingerprint: string | null
  readonly copied: number
  /** Entries that the verification found different and mended before the switch. */
  readonly mended: number
}

const batchSize = 500
const verifyRounds = 10

/**
 * Builds a generation beside the live one, proves it equal, and switches. The copy goes by chunk id in short
 * transactions with a stored checkpoint, so that a run that was killed is resumed by the next; jobs are applied to both
 * generations meanwhile, and a late copy cannot overwrite what they wrote, because of the fences.
 */
export function rebuild(ports: WriterPorts, options: RebuildOptions): Promise<RebuildResult> {
  return withinDeadline(ports.clock, options, undefined, ({ signal }) => new Rebuild(ports, options, signal).run())
}

class Rebuild {
  readonly #ports: WriterPorts
  readonly #options: RebuildOptions
  readonly #signal: AbortSignal
  readonly #plan: CollectionPlan
  readonly #standby: boolean
  #copied = 0
  #total = 0

  constructor(ports: WriterPorts, options: RebuildOptions, signal: AbortSignal) {
    this.#ports = ports
    this.#options = options
    this.#signal = signal
    const { as = 'live' } = options
    if (as !== 'live' && as !== 'standby') {
      throw new HeadwaterError('HW_INVALID_OPTIONS', `as: must be live or standby, got ${JSON.stringify(as)}`, {
        path: 'as',
      })
    }
    this.#standby = as === 'standby'
    this.#plan = { ...options.collection, embedder: options.embedder ?? options.collection.embedder }
  }

  async run(): Promise<RebuildResult> {
    try {
      return await this.#build()
    } catch (error) {
      this.#tell('failed', asHeadwaterError(error).code)
      throw error
    }
  }

  async #build(): Promise<RebuildResult> {
    const generation = await this.#begin()
    await createPhysical(this.#ports, generation)
    const { chunks } = this.#ports.truth.session({ worker: true })
    this.#total = await chunks.count({ collection: this.#plan.name }, generation.chunking)
    await this.#copy(generation)
    for (let round = 1, mended = 0; round <= verifyRounds; round++) {
      const found = await this.#verify(generation)
      mended += found
      if (found === 0 && (await this.#switch(generation))) {
        return { generation: generation.name, fingerprint: generation.fingerprint, copied: this.#copied, mended }
      }
    }
    throw new HeadwaterError('HW_REBUILD_FAILED', `${generation.name} was not equal after ${verifyRounds} checks`, {
      details: { generation: generation.name },
    })
  }

  /** The generation to build: one that an earlier run left, if it is of the same make, else a new one. */
  #begin(): Promise<Generation> {
    const { target } = this.#options
    const wanted = blueprint(this.#ports, this.#plan, target)
    const collection = collectionName(this.#plan.name)
    return this.#ports.truth.transaction({ worker: true }, async ({ generations, registry }) => {
      await generations.lock(target, collection)
      if (this.#standby) await this.#assertOther(wanted, generations)
      const building = await generations.list({ target, collection, states: ['building'] })
      const same = building.find(
        (found) =>
          found.fingerprint === wanted.fingerprint &&
          found.language === wanted.language &&
          found.chunking === wanted.chunking,
      )
      return same ?? generations.create(inEpoch(wanted, await registry.epoch()))
    })
  }

  /** A standby generation of the live one's space would serve nobody. */
  async #assertOther({ target, fingerprint }: NewGeneration, generations: GenerationRepository): Promise<void> {
    const collection = collectionName(this.#plan.name)
    const live = await generations.list({ target, collection, states: ['live'] })
    if (target === 'vector' && live.every((one) => one.fingerprint !== fingerprint)) return
    throw new HeadwaterError(
      'HW_INVALID_OPTIONS',
      `as: 'standby' is for target 'vector' and an embedder of another space than ${live[0]?.fingerprint ?? target}`,
      { path: 'as' },
    )
  }

  async #copy(generation: Generation): Promise<void> {
    const session = this.#ports.truth.session({ worker: true })
    let after = generation.checkpoint ?? undefined
    for (;;) {
      throwIfAborted(this.#signal)
      const { collection, chunking } = generation
      const entries = await session.chunks.scan({ collection, chunking, after, limit: batchSize })
      await this.#write(generation, entries)
      this.#copied += entries.length
      this.#progress('copy')
      if (entries.length < batchSize) return
      after = entries.at(-1)!.id
      await session.generations.update(generation.id, { checkpoint: after })
    }
  }

  /** Puts entries as the truth has them now; one that was removed since the scan is left to its job. */
  async #write(generation: Generation, entries: readonly ChunkEntry[]): Promise<void> {
    const session = this.#ports.truth.session({ worker: true })
    const tenants = new Map<TenantId, ChunkEntry[]>()
    for (const entry of entries) tenants.set(entry.tenant, [...(tenants.get(entry.tenant) ?? []), entry])
    for (const [tenant, ofTenant] of tenants) {
      const scope = { tenant, collection: generation.collection }
      const ids = ofTenant.map(({ id }) => id)
      const rows = new Map((await session.chunks.hydrate(scope, generation.chunking, ids)).map((row) => [row.id, row]))
      const found = ofTenant.flatMap((entry) => {
        const row = rows.get(entry.id)
        if (!row) return []
        const { source, createdAt, updatedAt, version, leaves } = row
        return {
          id: entry.id,
          fence: entry.fence,
          stamp: stampOf(entry.inputHash, entry.payloadHash, spaceOf(generation)),
          payload: { tenant, document: entry.document, source, createdAt, updatedAt, version, leaves },
          title: row.title,
          text: row.text,
          inputHash: entry.inputHash,
        }
      })
      const call = { signal: this.#signal }
      if (generation.target === 'text') {
        await this.#ports.texts.upsert(textIndexOf(generation), found, call)
        continue
      }
      const inputs = new Map(found.map(({ inputHash, title, text }) => [inputHash, inputText(title, text)]))
      const vectors = await embedOnce(this.#ports, tenant, generation.fingerprint!, inputs, call)
      const points = found.map(({ inputHash, ...point }) => ({ ...point, vector: vectors.get(inputHash)! }))
      await this.#ports.vectors.upsert(vectorIndexOf(generation), points, call)
    }
  }

  /** Mends what differs without a job; returns how much that was. */
  async #verify(generation: Generation): Promise<number> {
    await this.#ports.truth.session({ worker: true }).generations.update(generation.id, { error: null })
    if (generation.target === 'vector') await this.#ports.vectors.refresh(vectorIndexOf(generation))
    else await this.#ports.texts.refresh(textIndexOf(generation))
    let mended = 0
    for await (const { drift } of findDrift(this.#ports, generation, { deep: false, signal: this.#signal })) {
      if (drift.length === 0) continue
      mended += drift.length
      const removals = drift.flatMap(({ seen }): IndexRemoval[] =>
        seen ? [{ id: seen.id, tenant: seen.tenant, fence: seen.fence, when: 'exactly' }] : [],
      )
      if (generation.target === 'vector') await this.#ports.vectors.remove(vectorIndexOf(generation), removals)
      else await this.#ports.texts.remove(textIndexOf(generation), removals)
      await this.#write(
        generation,
        drift.flatMap(({ entry }) => entry ?? []),
      )
    }
    this.#progress('verify')
    return mended
  }

  /** False when a job failed on the generation since the check, so that it has to be checked again. */
  async #switch(generation: Generation): Promise<boolean> {
    const { target } = this.#options
    const { collection } = generation
    const { switched, older } = await this.#ports.truth.transaction({ worker: true }, async ({ generations }) => {
      await generations.lock(target, collection)
      const all = await generations.list({ target, collection })
      const now = all.find(({ id }) => id === generation.id)
      const rest = all.filter(({ state, id }) => state !== 'live' && id !== generation.id)
      const { fallback } = this.#options.collection
      if (now?.state === (this.#standby ? 'standby' : 'live')) return { switched: true, older: [] }
      if (!now || now.error !== null) return { switched: false, older: [] }
      if (this.#standby) {
        await generations.update(generation.id, { state: 'standby' })
        return { switched: true, older: rest.filter(({ fingerprint }) => fingerprint === generation.fingerprint) }
      }
      if (!(await generations.switch(generation.id))) return { switched: false, older: [] }
      // The one that was live stays for a rollback, and the fallback's for its sake; others have had their time.
      const kept = target === 'vector' ? fallback?.fingerprint : undefined
      return { switched: true, older: rest.filter(({ fingerprint }) => !kept || fingerprint !== kept) }
    })
    if (!switched) return false
    this.#progress('switch')
    if (!this.#standby) await followAlias(this.#ports, generation).catch(() => undefined)
    for (const old of older) {
      await this.#ports.truth.session({ worker: true }).generations.update(old.id, { state: 'dropped' })
      await dropPhysical(this.#ports, old)
    }
    return true
  }

  #progress(phase: RebuildProgress['phase']): void {
    this.#tell(phase, null)
    this.#options.onProgress?.({ phase, copied: this.#copied, total: this.#total })
  }

  #tell(phase: RebuildProgress['phase'] | 'failed', code: ErrorCode | null): void {
    const { target } = this.#options
    publish('headwater:rebuild', () => ({ target, collection: this.#plan.name, phase, done: this.#copied, code }))
  }
}
