/** What is asked of Qdrant, under the names of the official client's API. */
export type QdrantOperation =
  | 'root'
  | 'getCollections'
  | 'collectionExists'
  | 'getCollection'
  | 'createCollection'
  | 'updateCollection'
  | 'deleteCollection'
  | 'createFieldIndex'
  | 'updateAliases'
  | 'getCollectionsAliases'
  | 'upsertPoints'
  | 'getPoints'
  | 'deletePoints'
  | 'batchUpdate'
  | 'scrollPoints'
  | 'countPoints'
  | 'queryPoints'
  | 'queryBatchPoints'
  | 'queryPointsGroups'
  | 'createSnapshot'
  | 'listSnapshots'
  | 'deleteSnapshot'
  | 'recoverFromSnapshot'

export interface QdrantRequest {
  readonly operation: QdrantOperation
  readonly collection?: string | undefined
  readonly snapshot?: string | undefined
  readonly query?: Readonly<Record<string, string | number | boolean>> | undefined
  /** A function where it is wanted by a client of the user's alone: then it is sent as `written` says. */
  readonly body?: object | (() => object) | undefined
  /** The body as JSON, where the client would be slow at it. */
  readonly written?: (() => Uint8Array) | undefined
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
