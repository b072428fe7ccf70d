import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import type { CollectionName, TenantId } from '../../core/ids'
import type { JsonObject } from '../../core/json'
import type { Leaves } from '../../filter/parsed'
import type { DocumentPayload, DocumentState, StateChunk } from '../chunks'
import { run, type Statement } from './statements'

interface AskedState {
  readonly tenant: TenantId
  readonly collection: CollectionName
  readonly document: string
  readonly since: number
}

/** Reads what `chunk-sql` gives for `states`: each document's row, then those of its chunks in order. */
export async function readStates(
  executor: Executor,
  statement: Statement,
  asked: readonly AskedState[],
  chunking: string,
  call?: CallOptions,
): Promise<DocumentState[]> {
  if (asked.length === 0) return []
  const { rows } = await run<StateRow>(
    executor,
    statement,
    [
      asked.map(({ tenant }) => tenant),
      asked.map(({ collection }) => collection),
      asked.map(({ document }) => document),
      asked.map(({ since }) => since),
      chunking,
    ],
    call,
  )
  const states = asked.map(({ tenant, collection, document }) => ({
    tenant,
    collection,
    document,
    fence: 0,
    payload: null as DocumentPayload | null,
    chunks: [] as StateChunk[],
    removed: [] as { id: string; fence: number }[],
  }))
  for (const row of rows) {
    const state = states[Number(row.at) - 1]!
    const fence = Number(row.fence ?? 0)
    if (row.id === null) {
      state.fence = fence
      state.payload = row.live ? payloadOf(row) : null
    } else if (row.removed) state.removed.push({ id: row.id, fence })
    else {
      const { id, text, heading, table_header, input_hash, chunk_metadata: metadata } = row
      state.chunks.push({ id, text, heading, tableHeader: table_header, inputHash: input_hash, metadata, fence })
    }
  }
  return states
}

/** The columns of a chunk's context. */
export interface StoredContext {
  readonly heading: string
  readonly table_header: string
}

interface StateRow extends StoredContext {
  readonly at: number | string
  readonly id: string | null
  readonly text: string
  readonly input_hash: string
  readonly chunk_metadata: JsonObject
  readonly fence: number | string | null
  readonly removed: boolean
  readonly live: boolean
  readonly title: string
  readonly source: string | null
  readonly status: string
  readonly content_type: string
  readonly leaves: Leaves
  readonly payload_hash: string
  readonly payload_fence: number | string
  readonly version: number | string
  readonly created_at: number | string
  readonly updated_at: number | string
}

function payloadOf(row: StateRow): DocumentPayload {
  return {
    title: row.title,
    source: row.source,
    status: row.status,
    contentType: row.content_type,
    leaves: row.leaves,
    payloadHash: row.payload_hash,
    payloadFence: Number(row.payload_fence),
    version: Number(row.version),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  }
}
