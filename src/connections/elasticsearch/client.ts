/**
 * The part of `@elastic/elasticsearch` that is used here, by structure: its transport, which carries every request of
 * every version alike. test/types proves that a real `Client` fits.
 */
export interface ElasticsearchClient {
  readonly transport: ElasticsearchTransport
  close(): Promise<unknown>
}

export interface ElasticsearchTransport {
  request(
    request: ElasticsearchRequest,
    options: ElasticsearchRequestOptions & { meta: true },
  ): Promise<ElasticsearchAnswer>
}

export interface ElasticsearchRequest {
  method: string
  path: string
  querystring?: Record<string, string | number | boolean>
  body?: Record<string, unknown>
  /** Newline-delimited JSON. */
  bulkBody?: string
}

export interface ElasticsearchRequestOptions {
  signal: AbortSignal
  /** ms. */
  requestTimeout: number
  maxRetries: number
  /** Bytes of an answer; one that is longer is refused. A client of the user's keeps its own bounds. */
  maxResponseSize?: number
}

export interface ElasticsearchAnswer {
  readonly body: unknown
  readonly statusCode: number | null
}
