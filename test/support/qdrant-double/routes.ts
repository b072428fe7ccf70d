import type { Collection } from './collection'
import { badFormat, notFound } from './failure'
import { facet, queryGroups } from './groups'
import { isObject, type JsonObject } from './json'
import { readFilter } from './limits'
import { parseIndex } from './payload-index'
import { parsePointId, parsePointIds } from './point-id'
import { query } from './query'
import { scroll } from './scroll'
import { search, searches } from './search'
import { shower } from './shown-point'
import type { Snapshots } from './snapshots'
import type { Storage } from './storage'
import * as updates from './updates'

/** A request that has been read. */
export interface Call {
  readonly storage: Storage
  readonly snapshots: Snapshots
  /** The version that the server says it has. */
  readonly version: string
  readonly optimizing: boolean
  /** The decoded parts of the path that the route leaves open. */
  readonly args: readonly string[]
  /** The body, `{}` without one. */
  readonly body: () => JsonObject
  /** The uploaded file of a multipart body. */
  readonly file: () => Buffer
  /** Numbers operations and does them, now or late; gives the answer's result. */
  readonly write: (collection: Collection, operations: readonly updates.Operation[]) => JsonObject[]
}

/** A text answers as it is, a Buffer as a file, anything else as `result`. */
export type Answer = (call: Call) => unknown

const on = (answer: (collection: Collection, call: Call) => unknown): Answer => {
  // The body is read first: what is wrong with it is told before a collection is missed.
  return (call) => {
    call.body()
    return answer(call.storage.find(call.args[0]!), call)
  }
}

const write = (make: (collection: Collection, body: JsonObject, version: string) => updates.Operation): Answer =>
  on((collection, call) => call.write(collection, [make(collection, call.body(), call.version)])[0])

const upsert: Answer = (call) => {
  const points = updates.parseUpsert(call.body())
  const collection = call.storage.find(call.args[0]!)
  return call.write(collection, [updates.upsert(collection, call.body(), points, call.version)])[0]
}

const retrieve = on((collection, { body }) => {
  const show = shower(body())
  return parsePointIds(body()['ids']).flatMap((id) => {
    const point = collection.get(id)
    return point ? [show(point)] : []
  })
})

const point = on((collection, { args }) => {
  const id = parsePointId(/^\d+$/.test(args[1]!) ? Number(args[1]) : args[1])
  const found = collection.get(id)
  if (!found) throw notFound(`Point with id ${id} does not exists!`)
  return shower({ with_payload: true, with_vector: true })(found)
})

const createIndex = on((collection, { body, write }) => {
  const { field_name: field, field_schema: schema } = body()
  const index = parseIndex(field, schema)
  return write(collection, [() => void collection.indexes.set(String(field), index)])[0]
})

const deleteIndex = on(
  (collection, { args, write }) => write(collection, [() => void collection.indexes.delete(args[1]!)])[0],
)

const queryBatch = on((collection, { body }) => {
  const list = body()['searches']
  if (!Array.isArray(list) || !list.every(isObject)) throw badFormat('missing field `searches`')
  return list.map((each) => ({ points: query(collection, each) }))
})

const count = on((collection, { body }) => {
  const filter = readFilter(collection, body(), 'count_request')
  return { count: collection.matching(filter).length }
})

const clusterOf = on((collection) => ({
  peer_id: 1,
  shard_count: collection.config.params['shard_number'],
  local_shards: [{ shard_id: 0, points_count: collection.size, state: 'Active' }],
  remote_shards: [],
  shard_transfers: [],
}))

const healthy: Answer = () => 'healthz check passed'

/** Every route: method, path with `*` for an open part, and what answers it. */
export const routes: readonly (readonly [method: string, path: string, answer: Answer])[] = [
  ['GET', '/healthz', healthy],
  ['GET', '/livez', healthy],
  ['GET', '/readyz', () => 'all shards are ready'],
  [
    'GET',
    '/telemetry',
    ({ version, storage }) => ({
      app: { name: 'qdrant', version },
      collections: { number_of_collections: storage.collections.size },
    }),
  ],
  ['GET', '/cluster', () => ({ status: 'disabled' })],
  [
    'GET',
    '/collections',
    ({ storage }) => ({ collections: [...storage.collections.keys()].map((name) => ({ name })) }),
  ],
  ['GET', '/aliases', ({ storage }) => ({ aliases: storage.aliasList() })],
  [
    'POST',
    '/collections/aliases',
    ({ storage, body }) => {
      storage.changeAliases(body())
      return true
    },
  ],
  ['GET', '/collections/*', on((collection, { optimizing }) => collection.info(optimizing))],
  [
    'PUT',
    '/collections/*',
    ({ storage, args, body }) => {
      storage.create(args[0]!, body())
      return true
    },
  ],
  [
    'PATCH',
    '/collections/*',
    on((collection, { body }) => {
      collection.update(body())
      return true
    }),
  ],
  ['DELETE', '/collections/*', ({ storage, args }) => storage.drop(args[0]!)],
  ['GET', '/collections/*/exists', ({ storage, args }) => ({ exists: storage.has(args[0]!) })],
  ['GET', '/collections/*/aliases', on((collection, { storage }) => ({ aliases: storage.aliasList(collection.name) }))],
  ['GET', '/collections/*/cluster', clusterOf],
  ['PUT', '/collections/*/index', createIndex],
  ['DELETE', '/collections/*/index/*', deleteIndex],
  ['PUT', '/collections/*/points', upsert],
  ['POST', '/collections/*/points', retrieve],
  ['GET', '/collections/*/points/*', point],
  ['POST', '/collections/*/points/delete', write(updates.deletePoints)],
  ['POST', '/collections/*/points/payload', write(updates.setPayload)],
  ['PUT', '/collections/*/points/payload', write(updates.overwritePayload)],
  ['POST', '/collections/*/points/payload/delete', write(updates.deletePayload)],
  ['POST', '/collections/*/points/payload/clear', write(updates.clearPayload)],
  ['PUT', '/collections/*/points/vectors', write(updates.updateVectors)],
  ['POST', '/collections/*/points/vectors/delete', write(updates.deleteVectors)],
  [
    'POST',
    '/collections/*/points/batch',
    on((collection, { body, version, write: done }) => done(collection, updates.batch(collection, body(), version))),
  ],
  ['POST', '/collections/*/points/scroll', on((collection, { body }) => scroll(collection, body()))],
  ['POST', '/collections/*/points/count', count],
  ['POST', '/collections/*/points/query', on((collection, { body }) => ({ points: query(collection, body()) }))],
  ['POST', '/collections/*/points/query/batch', queryBatch],
  [
    'POST',
    '/collections/*/points/query/groups',
    on((collection, { body }) => ({ groups: queryGroups(collection, body()) })),
  ],
  ['POST', '/collections/*/points/search', on((collection, { body }) => search(collection, body()))],
  ['POST', '/collections/*/points/search/batch', on((collection, { body }) => searches(collection, body()))],
  ['POST', '/collections/*/facet', on((collection, { body }) => ({ hits: facet(collection, body()) }))],
  ['POST', '/collections/*/snapshots', on((collection, { snapshots }) => snapshots.create(collection))],
  ['GET', '/collections/*/snapshots', on((collection, { snapshots }) => snapshots.list(collection.name))],
  [
    'PUT',
    '/collections/*/snapshots/recover',
    async ({ snapshots, args, body }) => {
      await snapshots.recover(args[0]!, body()['location'])
      return true
    },
  ],
  [
    'POST',
    '/collections/*/snapshots/upload',
    ({ snapshots, args, file }) => {
      snapshots.restore(args[0]!, file())
      return true
    },
  ],
  ['GET', '/collections/*/snapshots/*', ({ snapshots, args }) => snapshots.bytes(args[0]!, args[1]!)],
  [
    'DELETE',
    '/collections/*/snapshots/*',
    ({ snapshots, args }) => {
      snapshots.remove(args[0]!, args[1]!)
      return true
    },
  ],
]
