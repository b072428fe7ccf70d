import type { QdrantConnection } from '../../connections/qdrant/connection'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { type IndexAlias, type IndexMarker, markerOf } from '../index-marker'
import type { VectorIndex } from '../vectors'
import { field, listOf } from './answers'
import { collectionBody, payloadIndexes } from './collection-settings'
import { collectionOf, isTenantOf, publicAlias, vectorName } from './names'
import type { ResolvedQdrantVectorOptions } from './options'

/**
 * The collections of an index: one, or with `per-tenant` an empty one that stands for the index and one a tenant, made
 * at the tenant's first write.
 */
export class QdrantCollections {
  readonly #connection: QdrantConnection
  readonly #options: ResolvedQdrantVectorOptions

  constructor(connection: QdrantConnection, options: ResolvedQdrantVectorOptions) {
    this.#connection = connection
    this.#options = options
  }

  get perTenant(): boolean {
    return this.#options.layout === 'per-tenant'
  }

  /** Where a tenant's points are. */
  of(index: VectorIndex, tenant: string): string {
    return collectionOf(index, this.perTenant ? tenant : undefined)
  }

  /** Every collection that holds points of the index; HW_GENERATION_MISSING when there is no index. */
  async all(index: VectorIndex, call: CallOptions): Promise<string[]> {
    const base = collectionOf(index)
    if (!this.perTenant) return [base]
    const names = await this.#list(call)
    if (!names.includes(base)) throw missing(base)
    return names.filter((name) => isTenantOf(index, name))
  }

  exists(index: VectorIndex, call: CallOptions): Promise<boolean> {
    return this.#exists(collectionOf(index), call)
  }

  /** Kept in the collection's metadata, under one key: what others keep there stays. */
  async mark(index: VectorIndex, marker: IndexMarker, call: CallOptions): Promise<void> {
    const body = { metadata: { headwater: marker } }
    await this.#connection.call({ operation: 'updateCollection', collection: collectionOf(index), body }, call)
  }

  async marker(index: VectorIndex, call: CallOptions): Promise<IndexMarker | null> {
    const found = await this.#connection.call({ operation: 'getCollection', collection: collectionOf(index) }, call)
    return markerOf(field(field(field(found, 'config'), 'metadata'), 'headwater'))
  }

  /** Creating an alias that is there moves it, in one step; what the server then says is what counts. */
  readonly alias: IndexAlias<VectorIndex> = {
    leadsTo: (name, index, call) =>
      this.#connection.within(call, async (inner) => {
        const found = await this.#connection.call({ operation: 'getCollectionsAliases' }, inner)
        const own = listOf(field(found, 'aliases')).find((one) => field(one, 'alias_name') === publicAlias(name))
        return field(own, 'collection_name') === collectionOf(index)
      }),
    set: (name, index, call) =>
      this.#connection.within(call, async (inner) => {
        const create_alias = { alias_name: publicAlias(name), collection_name: collectionOf(index) }
        await this.#connection.call({ operation: 'updateAliases', body: { actions: [{ create_alias }] } }, inner)
        if (await this.alias.leadsTo(name, index, inner)) return
        throw new HeadwaterError('HW_CONFLICT', `The alias ${create_alias.alias_name} was moved by somebody else`, {
          details: { alias: create_alias.alias_name },
        })
      }),
  }

  async drop(index: VectorIndex, call: CallOptions): Promise<void> {
    const base = collectionOf(index)
    const tenants = this.perTenant ? (await this.#list(call)).filter((name) => isTenantOf(index, name)) : []
    for (const collection of [...tenants, base]) {
      await this.#connection.call({ operation: 'deleteCollection', collection }, call)
    }
  }

  /** Makes what is missing: the collection, and its payload indexes, also those that a crash left out. */
  async create(index: VectorIndex, call: CallOptions, collection = collectionOf(index)): Promise<void> {
    await this.#connection.fenced(call)
    let found = await this.#describe(collection, call)
    if (found === undefined) {
      const body = collectionBody(index, this.#options)
      try {
        await this.#connection.call({ operation: 'createCollection', collection, body }, call)
      } catch (error) {
        // Another process was faster, or the answer to our own first attempt was lost.
        if (!isHeadwaterError(error, 'HW_CONFLICT')) throw error
      }
      found = await this.#describe(collection, call)
      if (found === undefined) throw missing(collection)
    }
    checkSpace(index, collection, found)
    const there = Object.keys(Object(field(found, 'payload_schema')))
    for (const [field_name, field_schema] of payloadIndexes(index, this.#options)) {
      if (there.includes(field_name)) continue
      const body = { field_name, field_schema }
      await this.#connection.write({ operation: 'createFieldIndex', collection, body }, call)
    }
  }

  /** Runs a write for a tenant whose collection may have to be made first. */
  async write(
    index: VectorIndex,
    tenant: string,
    work: (collection: string) => Promise<void>,
    call: CallOptions,
  ): Promise<void> {
    const collection = this.of(index, tenant)
    try {
      await work(collection)
    } catch (error) {
      if (!this.perTenant || !isHeadwaterError(error, 'HW_GENERATION_MISSING')) throw error
      if (!(await this.exists(index, call))) throw missing(collectionOf(index))
      await this.create(index, call, collection)
      await work(collection)
    }
  }

  /** Runs a read for a tenant, who may have no collection yet. */
  async read<T>(
    index: VectorIndex,
    tenant: string,
    none: T,
    work: (collection: string) => Promise<T>,
    call: CallOptions,
  ): Promise<T> {
    try {
      return await work(this.of(index, tenant))
    } catch (error) {
      if (!this.perTenant || !isHeadwaterError(error, 'HW_GENERATION_MISSING')) throw error
      if (!(await this.exists(index, call))) throw missing(collectionOf(index))
      return none
    }
  }

  async #exists(collection: string, call: CallOptions): Promise<boolean> {
    return field(await this.#connection.call({ operation: 'collectionExists', collection }, call), 'exists') === true
  }

  async #describe(collection: string, call: CallOptions): Promise<unknown> {
    try {
      return await this.#connection.call({ operation: 'getCollection', collection }, call)
    } catch (error) {
      if (isHeadwaterError(error, 'HW_GENERATION_MISSING')) return undefined
      throw error
    }
  }

  async #list(call: CallOptions): Promise<string[]> {
    const result = await this.#connection.call({ operation: 'getCollections' }, call)
    return listOf(field(result, 'collections')).map((one) => String(field(one, 'name')))
  }
}

function checkSpace(index: VectorIndex, collection: string, found: unknown): void {
  const spaces = field(field(field(found, 'config'), 'params'), 'vectors')
  const size = field(field(spaces, vectorName(index)), 'size')
  if (size === index.dimensions) return
  throw new HeadwaterError(
    'HW_FINGERPRINT_MISMATCH',
    `The collection ${JSON.stringify(collection)} is there already, for ${JSON.stringify(spaces)}, ` +
      `not for ${index.fingerprint} (${index.dimensions} dimensions)`,
    { path: 'index.fingerprint' },
  )
}

function missing(name: string): HeadwaterError {
  return new HeadwaterError('HW_GENERATION_MISSING', `The index ${JSON.stringify(name)} does not exist`, {
    path: 'index.name',
    details: { index: name },
  })
}
