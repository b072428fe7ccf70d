import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import path from 'node:path'
import { unreadable } from './unreadable'

/** Bytes of a key. */
export const keyBytes = 16
/** Before each payload: its length, then the key. */
const headBytes = 2 + keyBytes
/** Of a run, which is sorted in memory. */
const runBytes = 32 * 2 ** 20
const blockBytes = 256 * 1024

export interface SortedEntry {
  readonly key: Buffer
  readonly payload: Buffer
}

/**
 * Any number of entries in the order of their keys, in memory that does not grow: sorted runs in a temporary folder, which
 * are merged as they are read. Equal keys come one after the other. HW_STORAGE where the folder takes no more.
 */
export class SortedRuns implements AsyncDisposable {
  /** Entries. */
  count = 0
  /** Of all files. */
  bytes = 0
  readonly #parent: string
  #folder: string | undefined
  readonly #runs: FileHandle[] = []
  #held = Buffer.allocUnsafe(runBytes)
  #used = 0
  #places: number[] = []

  /** Makes a folder of its own in `parent` once it needs one. */
  constructor(parent: string) {
    this.#parent = parent
  }

  /** `payload` to 65,535 bytes. */
  async add(key: Buffer, payload: Buffer): Promise<void> {
    if (this.#used + headBytes + payload.length > runBytes) await this.#spill()
    const at = this.#used
    this.#places.push(at)
    this.#held.writeUInt16LE(payload.length, at)
    key.copy(this.#held, at + 2, 0, keyBytes)
    payload.copy(this.#held, at + headBytes)
    this.#used += headBytes + payload.length
    this.count++
  }

  /** Nothing is added any more; it can be read again. */
  async *entries(): AsyncGenerator<SortedEntry> {
    if (this.#runs.length === 0) {
      yield* this.#sorted()
      return
    }
    await this.#spill()
    const readers = await Promise.all(
      this.#runs.map(async (run) => {
        const reader = new RunReader(run, this.#parent)
        await reader.next()
        return reader
      }),
    )
    const order = readers.filter(({ entry }) => entry).sort(byKey)
    for (let first = order[0]; first?.entry; first = order[0]) {
      yield first.entry
      await first.next()
      order.shift()
      if (!first.entry) continue
      const place = order.findIndex((other) => byKey(first!, other) <= 0)
      order.splice(place < 0 ? order.length : place, 0, first)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#runs.map((run) => run.close()))
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
  }

  async #spill(): Promise<void> {
    if (this.#used === 0) return
    const packed = Buffer.allocUnsafe(this.#used)
    let at = 0
    for (const { start, end } of this.#inOrder()) at += this.#held.copy(packed, at, start, end)
    try {
      this.#folder ??= await mkdtemp(path.join(this.#parent, 'headwater-runs-'))
      const run = await open(path.join(this.#folder, `${this.#runs.length}`), 'wx+')
      this.#runs.push(run)
      await run.writeFile(packed)
    } catch (cause) {
      throw unreadable(this.#folder ?? this.#parent, cause, 'written')
    }
    this.bytes += packed.length
    this.#used = 0
    this.#places = []
  }

  *#sorted(): Generator<SortedEntry> {
    for (const { start, end } of this.#inOrder()) {
      const key = this.#held.subarray(start + 2, start + headBytes)
      yield { key, payload: this.#held.subarray(start + headBytes, end) }
    }
  }

  /** By the first six bytes of the key, which fit a number, and where these are equal by all of it. */
  *#inOrder(): Generator<{ readonly start: number; readonly end: number }> {
    const held = this.#held
    const places = this.#places
    const begins = Float64Array.from(places, (place) => held.readUIntBE(place + 2, 6))
    const rest = (a: number, b: number): number => {
      const [one, other] = [places[a]! + 2, places[b]! + 2]
      return held.compare(held, other, other + keyBytes, one, one + keyBytes)
    }
    const order = Uint32Array.from(places, (_, at) => at).sort((a, b) => begins[a]! - begins[b]! || rest(a, b))
    for (const at of order) {
      const start = places[at]!
      yield { start, end: start + headBytes + held.readUInt16LE(start) }
    }
  }
}

function byKey(a: RunReader, b: RunReader): number {
  return Buffer.compare(a.entry!.key, b.entry!.key)
}

class RunReader {
  entry: SortedEntry | undefined
  readonly #run: FileHandle
  readonly #place: string
  #block = Buffer.alloc(0)
  #at = 0
  #position = 0

  constructor(run: FileHandle, place: string) {
    this.#run = run
    this.#place = place
  }

  async next(): Promise<void> {
    if (!(await this.#has(headBytes))) {
      this.entry = undefined
      return
    }
    const length = this.#block.readUInt16LE(this.#at)
    await this.#has(headBytes + length)
    const start = this.#at
    this.#at += headBytes + length
    this.entry = {
      key: this.#block.subarray(start + 2, start + headBytes),
      payload: this.#block.subarray(start + headBytes, this.#at),
    }
  }

  /** Reads on until so many bytes are held; false at the end. */
  async #has(bytes: number): Promise<boolean> {
    while (this.#block.length - this.#at < bytes) {
      const block = Buffer.allocUnsafe(blockBytes)
      const { bytesRead } = await this.#run.read(block, 0, blockBytes, this.#position).catch((cause: unknown) => {
        throw unreadable(this.#place, cause)
      })
      if (bytesRead === 0) return false
      this.#position += bytesRead
      this.#block = Buffer.concat([this.#block.subarray(this.#at), block.subarray(0, bytesRead)])
      this.#at = 0
    }
    return true
  }
}
