import type { CallOptions } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { QdrantCaller } from './caller'

/** Before it `update_filter` is ignored silently, and every fence with it. */
export const oldestQdrant = '1.16.0'

/** The version in the answer of `GET /`; HW_SERVER_UNSUPPORTED for a server that is too old or no Qdrant. */
export function checkVersion(data: unknown, where: string): string {
  const version: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, 'version') : undefined
  const match = typeof version === 'string' ? /^v?(\d+)\.(\d+)/.exec(version) : null
  if (!match || typeof version !== 'string') {
    throw refusal(`${where} does not answer as a Qdrant does`, undefined, data)
  }
  const [major, minor] = [Number(match[1]), Number(match[2])]
  if (major > 1 || (major === 1 && minor >= 16)) return version
  throw refusal(`Qdrant ${version} at ${where} has no conditional writes: upgrade to ${oldestQdrant} or later`, version)
}

/**
 * Proves on a collection made for it that a conditional write is refused: a proxy or a server that ignores
 * `update_filter` would let old vectors overwrite new ones.
 */
export async function proveFences(caller: QdrantCaller, name: string, where: string, call: CallOptions): Promise<void> {
  const id = 1
  const write = (fence: number) =>
    caller.write(
      {
        operation: 'upsertPoints',
        collection: name,
        body: {
          points: [{ id, vector: [1], payload: { f: fence } }],
          update_filter: { must: [{ key: 'f', range: { lte: fence } }] },
        },
      },
      call,
    )
  const body = { vectors: { size: 1, distance: 'Dot' } }
  await caller.call({ operation: 'createCollection', collection: name, body }, call).catch((error: unknown) => {
    // Made by an attempt whose answer was lost: the name is nobody else's.
    if (!isHeadwaterError(error, 'HW_CONFLICT')) throw error
  })
  try {
    await write(2)
    await write(1)
    const points = await caller.call(
      { operation: 'getPoints', collection: name, body: { ids: [id], with_payload: true } },
      call,
    )
    const payload: unknown = Array.isArray(points) ? Reflect.get(Object(points[0]), 'payload') : undefined
    const held: unknown = Reflect.get(Object(payload), 'f')
    if (held === 2) return
    throw refusal(
      `Qdrant at ${where} does not heed update_filter: a write at fence 1 replaced fence 2`,
      undefined,
      points,
    )
  } finally {
    await caller.call({ operation: 'deleteCollection', collection: name }, call).catch(() => {})
  }
}

function refusal(message: string, version: string | undefined, cause?: unknown): HeadwaterError {
  return new HeadwaterError('HW_SERVER_UNSUPPORTED', message, {
    cause,
    details: { store: 'qdrant', required: oldestQdrant, ...(version !== undefined && { version }) },
  })
}
