/** What is asked of Qdrant, under the names of the official client's API: method, path, parameters of the query. */
export const operations = {
  root: ['GET', '/'],
  getCollections: ['GET', '/collections'],
  collectionExists: ['GET', '/collections/{collection_name}/exists'],
  getCollection: ['GET', '/collections/{collection_name}'],
  createCollection: ['PUT', '/collections/{collection_name}'],
  updateCollection: ['PATCH', '/collections/{collection_name}'],
  deleteCollection: ['DELETE', '/collections/{collection_name}'],
  createFieldIndex: ['PUT', '/collections/{collection_name}/index'],
  updateAliases: ['POST', '/collections/aliases'],
  getCollectionsAliases: ['GET', '/aliases'],
  upsertPoints: ['PUT', '/collections/{collection_name}/points'],
  getPoints: ['POST', '/collections/{collection_name}/points'],
  deletePoints: ['POST', '/collections/{collection_name}/points/delete'],
  batchUpdate: ['POST', '/collections/{collection_name}/points/batch'],
  scrollPoints: ['POST', '/collections/{collection_name}/points/scroll'],
  countPoints: ['POST', '/collections/{collection_name}/points/count'],
  queryPoints: ['POST', '/collections/{collection_name}/points/query'],
  queryBatchPoints: ['POST', '/collections/{collection_name}/points/query/batch'],
  queryPointsGroups: ['POST', '/collections/{collection_name}/points/query/groups'],
  createSnapshot: ['POST', '/collections/{collection_name}/snapshots'],
  listSnapshots: ['GET', '/collections/{collection_name}/snapshots'],
  deleteSnapshot: ['DELETE', '/collections/{collection_name}/snapshots/{snapshot_name}'],
  recoverFromSnapshot: ['PUT', '/collections/{collection_name}/snapshots/recover'],
} as const satisfies Record<string, readonly [method: string, path: string]>

export type QdrantOperation = keyof typeof operations

export interface QdrantRequest {
  readonly operation: QdrantOperation
  readonly collection?: string | undefined
  readonly snapshot?: string | undefined
  readonly query?: Readonly<Record<string, string | number | boolean>> | undefined
  readonly body?: object | undefined
}

/** An answer of the server, whatever its status. */
export interface QdrantReply {
  readonly status: number
  readonly data: unknown
  /** The header as it came. */
  readonly retryAfter?: string | undefined
}

/** How requests travel. Rejects with HW_UNAVAILABLE, HW_TIMEOUT or HW_ABORTED where there was no answer. */
export interface QdrantTransport {
  /** Open now. */
  readonly sockets: number
  send(request: QdrantRequest, signal: AbortSignal): Promise<QdrantReply>
  /** Ends every connection at once; what runs is rejected. */
  destroy(): void
}

/** Path and query of a request, everything in it encoded. */
export function pathOf({ operation, collection, snapshot, query }: QdrantRequest): string {
  const path = operations[operation][1]
    .replace('{collection_name}', () => encodeURIComponent(collection ?? ''))
    .replace('{snapshot_name}', () => encodeURIComponent(snapshot ?? ''))
  const parameters = Object.entries(query ?? {}).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
  return parameters.length === 0 ? path : `${path}?${parameters.join('&')}`
}
