import { gunzipSync, gzipSync } from 'node:zlib'

const packBytes = 1024 * 1024

/** Lines kept in this process, compressed: of a million blobs they are some tens of megabytes. */
export class PackedLines {
  readonly #packs: Buffer[] = []
  #lines: string[] = []
  #bytes = 0

  add(line: string): void {
    this.#lines.push(line)
    this.#bytes += line.length
    if (this.#bytes < packBytes) return
    this.#packs.push(gzipSync(this.#lines.join('\n')))
    this.#lines = []
    this.#bytes = 0
  }

  *lines(): Generator<string> {
    for (const pack of this.#packs) yield* gunzipSync(pack).toString('utf8').split('\n')
    yield* this.#lines
  }
}
