import { createHash, createHmac } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type CallOptions, throwIfAborted } from '../../core/abort'
import { drawOf } from './digest'
import type { BackupFiles } from './files'
import type { BackupPart } from './manifest'
import type { Seal } from './place-keys'
import type { RowLine } from './read-rows'

const compressed = promisify(gzip)
const most = 2 ** 32

export interface PartOptions {
  readonly files: BackupFiles
  /** Of the names of parts: equal bytes have equal names for whoever has it, and names say nothing to others. */
  readonly key: Buffer
  readonly gzip: boolean
  /** Who can read them; everybody in a place without recipients. */
  readonly seal: Seal
  /** Plain bytes of a part on average; one that meets no cut ends at four times as many. */
  readonly bytes: number
  readonly call: CallOptions
  /** Called with the size of each part that had to be written. */
  readonly written: (bytes: number) => void
}

/**
 * Cuts lines into parts and writes those that the place has not yet. Where a cut falls depends on the key of the row
 * before it and its length alone, so that a row that comes, goes or changes touches the part it is in and no other.
 */
export class PartWriter {
  readonly #options: PartOptions
  readonly #parts: BackupPart[] = []
  #lines: string[] = []
  #bytes = 0
  #first = ''
  #writing: Promise<void> = Promise.resolve()

  constructor(options: PartOptions) {
    this.#options = options
  }

  async add({ line, key }: Pick<RowLine, 'line' | 'key'>): Promise<void> {
    if (this.#lines.length === 0) this.#first = key
    const bytes = Buffer.byteLength(line) + 1
    this.#lines.push(line)
    this.#bytes += bytes
    const chance = drawOf(key)
    const target = this.#options.bytes
    if (chance * target < bytes * most || this.#bytes >= 4 * target) await this.#cut(key)
  }

  /** The parts in order. */
  async end(last: string): Promise<BackupPart[]> {
    if (this.#lines.length > 0) await this.#cut(last)
    await this.#writing
    return this.#parts
  }

  /** One part is written while the next is gathered. */
  async #cut(last: string): Promise<void> {
    const plain = Buffer.from(`${this.#lines.join('\n')}\n`)
    const about = { rows: this.#lines.length, first: this.#first, last }
    this.#lines = []
    this.#bytes = 0
    await this.#writing
    throwIfAborted(this.#options.call.signal)
    this.#writing = this.#write(plain, about)
    // Met where it is awaited.
    this.#writing.catch(() => undefined)
  }

  async #write(plain: Buffer, about: Pick<BackupPart, 'rows' | 'first' | 'last'>): Promise<void> {
    const { files, key, call, seal } = this.#options
    const id = createHmac('sha256', key).update(seal.of).update(plain).digest('hex')
    const file = `parts/${id.slice(0, 2)}/${id}.jsonl${this.#options.gzip ? '.gz' : ''}${seal.suffix}`
    const sha256 = createHash('sha256').update(plain).digest('hex')
    let size = (await files.stat(file, call))?.size
    if (size === undefined) {
      const stored = this.#options.gzip ? await compressed(plain, { level: 5 }) : plain
      size = await files.put(file, stored, call)
      this.#options.written(size)
    }
    // Keys tell whose the rows are.
    const shown = seal.suffix === '' ? about : { ...about, first: '', last: '' }
    this.#parts.push({ file, ...shown, bytes: plain.byteLength, size, sha256 })
  }
}
