import type { QdrantOperation } from './operations'

/**
 * The part of `@qdrant/js-client-rest` that is used here, by structure: any version of the user's that has it fits, and
 * no type of the client's appears in the public surface. test/types proves that a real `QdrantClient` does.
 */
export interface QdrantClient {
  api(): QdrantApi
}

export type QdrantApi = { readonly [K in QdrantOperation]: QdrantApiMethod }

export interface QdrantCallInit {
  signal?: AbortSignal
  headers?: Record<string, string>
}

export interface QdrantApiResponse {
  readonly status: number
  readonly data: unknown
}

// A method's parameters are compared both ways, which lets the client's precise types stand in for `object`.
export type QdrantApiMethod = {
  method(args: object, init?: QdrantCallInit): Promise<QdrantApiResponse>
}['method']
