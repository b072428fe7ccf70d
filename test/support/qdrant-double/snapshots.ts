import { Collection } from './collection'
import type { CollectionConfig } from './collection-config'
import { badRequest, notFound } from './failure'
import { isObject, type JsonObject, parseJson, writeJson } from './json'
import { parseIndex } from './payload-index'
import { parsePointId } from './point-id'
import type { Storage } from './storage'
import { denseNumbers, shortest } from './vectors'

interface Snapshot {
  readonly name: string
  readonly bytes: Buffer
  readonly creation_time: string
}

/** Snapshots of collections: points, settings and indexes, no aliases. They outlive their collection. */
export class Snapshots {
  readonly #storage: Storage
  readonly #byCollection = new Map<string, Map<string, Snapshot>>()
  #made = 0

  constructor(storage: Storage) {
    this.#storage = storage
  }

  create(collection: Collection): JsonObject {
    const creation_time = new Date().toISOString().slice(0, 19)
    const name = `${collection.name}-${++this.#made}-${creation_time.replace(/[T:]/g, '-')}.snapshot`
    const snapshot = { name, bytes: dump(collection), creation_time }
    this.#of(collection.name).set(name, snapshot)
    return describe(snapshot)
  }

  list(collection: string): JsonObject[] {
    return [...this.#of(collection).values()].map(describe)
  }

  bytes(collection: string, name: string): Buffer {
    const snapshot = this.#of(collection).get(name)
    if (!snapshot) throw notFound(`Snapshot ${name} not found`)
    return snapshot.bytes
  }

  remove(collection: string, name: string): void {
    if (!this.#of(collection).delete(name)) throw notFound(`Snapshot ${name} not found`)
  }

  /** Makes the collection what the snapshot holds, or anew if there is none. */
  restore(name: string, bytes: Buffer): void {
    const restored = load(name, bytes)
    this.#storage.collections.set(name, restored)
  }

  /** From a `file://` location of one of these snapshots, or by HTTP. */
  async recover(name: string, location: unknown): Promise<void> {
    if (typeof location !== 'string' || !URL.canParse(location)) throw badRequest(`Invalid snapshot location`)
    const url = new URL(location)
    if (url.protocol === 'http:' || url.protocol === 'https:') {
      const response = await fetch(url)
      if (!response.ok) throw badRequest(`Failed to download snapshot from ${location}: status ${response.status}`)
      return this.restore(name, Buffer.from(await response.arrayBuffer()))
    }
    const [collection, file] = url.pathname.split('/').slice(-2).map(decodeURIComponent)
    const snapshot = this.#byCollection.get(collection ?? '')?.get(file ?? '')
    if (!snapshot) throw badRequest(`Snapshot file "${url.pathname}" does not exist`)
    this.restore(name, snapshot.bytes)
  }

  #of(collection: string): Map<string, Snapshot> {
    const there = this.#byCollection.get(collection) ?? new Map<string, Snapshot>()
    this.#byCollection.set(collection, there)
    return there
  }
}

const describe = ({ name, bytes, creation_time }: Snapshot): JsonObject => ({ name, size: bytes.length, creation_time })

const marker = 'qdrant-double-snapshot'

function dump(collection: Collection): Buffer {
  const points = collection.ordered().map((point) => ({
    ...point,
    vectors: Object.fromEntries([...point.vectors].map(([name, vector]) => [name, Array.from(vector, shortest)])),
  }))
  const indexes = [...collection.indexes].map(([field, index]) => ({ field, schema: index.params ?? index.type }))
  const { config, operation } = collection
  return Buffer.from(writeJson({ marker, config, operation, indexes, points }))
}

function load(name: string, bytes: Buffer): Collection {
  const failure = badRequest('Failed to read the snapshot archive')
  const text = bytes.toString()
  if (!text.startsWith(`{"marker":"${marker}"`)) throw failure
  const state = parseJson(text)
  if (!isObject(state) || !Array.isArray(state['points']) || !Array.isArray(state['indexes'])) throw failure
  const collection = new Collection(name, state['config'] as CollectionConfig)
  collection.operation = Number(state['operation'])
  for (const each of state['indexes']) collection.indexes.set(each.field, parseIndex(each.field, each.schema))
  for (const point of state['points']) {
    const vectors = Object.entries(point.vectors as JsonObject).map(
      ([space, numbers]) => [space, Float32Array.from(denseNumbers(numbers) ?? [])] as const,
    )
    const { payload, version } = point as { payload: JsonObject; version: number }
    collection.put({ id: parsePointId(point.id), payload, version, vectors: new Map(vectors) })
  }
  return collection
}

/** The file in the field `snapshot` of a multipart body. */
export function uploadedFile(body: Buffer, contentType: string | undefined): Buffer {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType ?? '')?.[1]
  const start = boundary ? body.indexOf(`--${boundary}`) : -1
  const field = start < 0 ? -1 : body.indexOf('name="snapshot"', start)
  const content = field < 0 ? -1 : body.indexOf('\r\n\r\n', field)
  const end = content < 0 ? -1 : body.indexOf(`\r\n--${boundary}`, content + 4)
  if (end < 0) throw badRequest('Multipart error: field `snapshot` is required')
  return body.subarray(content + 4, end)
}
