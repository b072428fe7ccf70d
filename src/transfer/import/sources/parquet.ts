import zlib from 'node:zlib'
import { throwIfAborted } from '../../../core/abort'
import { driverMissing } from '../../../resilience/driver-missing'
import { unreadable } from '../../unreadable'
import type { ImportSource } from '../source'
import { fileStamp, nameOfFile } from './files'

/** Rows that are decoded at once. */
const windowRows = 5_000

async function load() {
  try {
    return await import('hyparquet')
  } catch (error) {
    throw driverMissing('hyparquet', error)
  }
}

/** What Node can undo itself, beside snappy; zstd from Node 22.15 on. */
const compressors = {
  GZIP: (bytes: Uint8Array) => zlib.gunzipSync(bytes),
  BROTLI: (bytes: Uint8Array) => zlib.brotliDecompressSync(bytes),
  ZSTD: (bytes: Uint8Array) => {
    const undo: unknown = Reflect.get(zlib, 'zstdDecompressSync')
    if (typeof undo === 'function') return undo(bytes) as Buffer
    throw new Error('it is compressed by zstd, which takes Node 22.15')
  },
}

/** A Parquet file. Its cursor is the number of rows that were read. */
export function parquetSource(path: string): ImportSource {
  const open = async () => {
    const parquet = await load()
    try {
      const file = await parquet.asyncBufferFromFile(path)
      return { parquet, file, metadata: await parquet.parquetMetadataAsync(file) }
    } catch (cause) {
      throw unreadable(path, cause)
    }
  }
  return {
    kind: 'parquet',
    async parts() {
      const { metadata } = await open()
      return [{ name: nameOfFile(path), rows: Number(metadata.num_rows) }]
    },
    async *rows(_, { after, signal }) {
      const { parquet, file, metadata } = await open()
      const total = Number(metadata.num_rows)
      let at = typeof after === 'number' ? after : 0
      while (at < total) {
        throwIfAborted(signal)
        const options = { file, metadata, compressors, rowStart: at, rowEnd: Math.min(at + windowRows, total) }
        const read = parquet.parquetReadObjects({ ...options, useOffsetIndex: true })
        const window = await read.catch((cause: unknown) => {
          throw unreadable(path, cause)
        })
        for (const values of window) yield { values, cursor: ++at }
        if (window.length === 0) throw unreadable(path, new Error(`there are no rows from ${at} on`))
      }
    },
    stamp: () => fileStamp(path),
    close: async () => {},
  }
}
