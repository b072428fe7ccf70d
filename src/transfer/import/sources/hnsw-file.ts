import { type FileHandle, open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { HeadwaterError } from '../../../core/errors'
import { unreadable } from '../../unreadable'
import { readPickle } from './pickle'

/** Vectors of an index of hnswlib's as Chroma keeps it on disk. */
export interface HnswFile {
  /** The vector under Chroma's id, if it is in the index. */
  vector(id: string): Promise<Float32Array | undefined>
  close(): Promise<void>
}

/** Elements of which labels are read at once. */
const labelBatch = 4_096

interface Layout {
  readonly elements: number
  readonly elementBytes: number
  readonly labelAt: number
  readonly vectorAt: number
  readonly vectorBytes: number
}

/** The index in a folder of a segment; undefined where none was written yet. HW_STORAGE where it is damaged. */
export async function openHnsw(folder: string): Promise<HnswFile | undefined> {
  const map = await readFile(path.join(folder, 'index_metadata.pickle')).catch(() => undefined)
  if (!map) return undefined
  const labels = labelsOf(readPickle(map), folder)
  const file = path.join(folder, 'data_level0.bin')
  let handle: FileHandle | undefined
  try {
    const layout = layoutOf(await readFile(path.join(folder, 'header.bin')))
    handle = await open(file)
    const data = handle
    const places = await placesOf(data, layout)
    return {
      async vector(id) {
        const place = places.get(labels.get(id) ?? -1)
        if (place === undefined) return undefined
        const bytes = await readAt(data, place * layout.elementBytes + layout.vectorAt, layout.vectorBytes)
        return Float32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4))
      },
      close: () => data.close(),
    }
  } catch (cause) {
    await handle?.close()
    throw unreadable(file, cause)
  }
}

/** Chroma's id to the label of hnswlib. */
function labelsOf(pickled: unknown, folder: string): ReadonlyMap<string, number> {
  const found: unknown = pickled instanceof Map ? pickled.get('id_to_label') : undefined
  if (found instanceof Map) return found as Map<string, number>
  throw new HeadwaterError('HW_STORAGE', `${folder}: index_metadata.pickle does not say which vector is whose`, {
    path: folder,
  })
}

/** A version of four bytes, then sizes of eight. */
function layoutOf(header: Buffer): Layout {
  const size = (at: number): number => Number(header.readBigUInt64LE(4 + at * 8))
  const [elements, elementBytes, labelAt, vectorAt] = [size(2), size(3), size(4), size(5)]
  const vectorBytes = labelAt - vectorAt
  if (!(vectorBytes > 0 && vectorBytes % 4 === 0 && elementBytes >= labelAt + 8))
    throw new RangeError('its header is none')
  return { elements, elementBytes, labelAt, vectorAt, vectorBytes }
}

/** Label to the place among the elements. */
async function placesOf(data: FileHandle, layout: Layout): Promise<ReadonlyMap<number, number>> {
  const { elements, elementBytes, labelAt } = layout
  const places = new Map<number, number>()
  for (let from = 0; from < elements; from += labelBatch) {
    const count = Math.min(labelBatch, elements - from)
    const bytes = await readAt(data, from * elementBytes, count * elementBytes)
    for (let at = 0; at < count; at++) places.set(Number(bytes.readBigUInt64LE(at * elementBytes + labelAt)), from + at)
  }
  return places
}

async function readAt(data: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  const { bytesRead } = await data.read(bytes, 0, length, position)
  if (bytesRead < length) throw new RangeError(`it ends before byte ${position + length}`)
  return bytes
}
