import { createHash } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { CallOptions } from '../../core/abort'
import { isHeadwaterError } from '../../core/errors'
import type { BackupFiles } from './files'
import type { BackupPart } from './manifest'
import { unsealedName } from './place-keys'
import { damaged } from './refusals'

/**
 * The lines of a part, streamed. Size, hash and number of rows are compared at the end, so that whoever acts on lines
 * must be able to take it back. HW_BACKUP_DAMAGED with the part's file.
 */
export async function* linesOf(files: BackupFiles, part: BackupPart, call: CallOptions = {}): AsyncGenerator<string> {
  const hash = createHash('sha256')
  let bytes = 0
  let rows = 0
  let rest: Buffer[] = []
  try {
    for await (const piece of plainOf(files, part, call)) {
      bytes += piece.byteLength
      if (bytes > part.bytes) break
      hash.update(piece)
      let from = 0
      for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
        rest.push(piece.subarray(from, end))
        rows++
        yield Buffer.concat(rest).toString('utf8')
        rest = []
        from = end + 1
      }
      if (from < piece.byteLength) rest.push(Buffer.from(piece.subarray(from)))
    }
  } catch (error) {
    if (isHeadwaterError(error)) throw error
    throw damaged(`${part.file} cannot be unpacked`, { file: part.file }, error)
  }
  const sound = bytes === part.bytes && hash.digest('hex') === part.sha256 && rest.length === 0
  if (!sound || rows !== part.rows) throw damaged(`${part.file} is not what was written`, { file: part.file })
}

async function* plainOf(files: BackupFiles, { file }: BackupPart, call: CallOptions): AsyncGenerator<Buffer> {
  const stored = files.read(file, call)
  if (!unsealedName(file).endsWith('.gz')) {
    for await (const piece of stored) yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    return
  }
  // Either of the two that fails or is let go of takes the other with it.
  yield* pipeline(Readable.from(stored), createGunzip(), () => undefined) as AsyncIterable<Buffer>
}
