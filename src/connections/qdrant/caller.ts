import type { CallOptions } from '../../core/abort'
import type { QdrantRequest } from './operations'

/** What repositories ask of their connection. */
export interface QdrantCaller {
  /** The `result` of an answer, or the error that the answer means. */
  call(request: QdrantRequest, options?: CallOptions & { readonly idempotent?: boolean | undefined }): Promise<unknown>
  /** Writes and waits; anything but `completed` for each operation is HW_TIMEOUT. */
  write(request: QdrantRequest, options?: CallOptions): Promise<void>
}
