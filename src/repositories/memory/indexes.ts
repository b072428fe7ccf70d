import { type CallOptions, throwIfAborted } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { IndexEntry, IndexScan } from '../index-entry'
import { describeFormat, type IndexFormat, isSameFormat, payloadMade } from '../index-format'
import type { IndexMarker } from '../index-marker'
import { MemoryAlias } from './alias'
import { type HeldEntry, type IndexGuard, type IndexTable, missingIndex } from './index-table'

/** One physical index. */
export interface MemoryIndex<I, E extends HeldEntry> {
  /** As it was made. */
  readonly index: I
  readonly table: IndexTable<E>
  marker: IndexMarker | null
}

/** What both kinds of projection in memory have in common: the indexes by name, their markers, aliases and scans. */
export abstract class MemoryIndexes<
  I extends { readonly name: string; readonly format?: IndexFormat | undefined },
  E extends HeldEntry,
  M extends MemoryIndex<I, E> = MemoryIndex<I, E>,
> {
  readonly format: IndexFormat = { words: 1, payload: payloadMade }
  readonly alias = new MemoryAlias<I>((index) => this.held(index))
  /** @internal */
  protected readonly withoutGuard: IndexGuard | undefined
  readonly #indexes = new Map<string, M>()

  constructor(options: { /** @internal */ withoutGuard?: IndexGuard } = {}) {
    this.withoutGuard = options.withoutGuard
  }

  /** An empty index. @internal */
  protected abstract make(index: I): M

  /** Throws unless the index that is there was made for the same space or language. @internal */
  protected abstract check(made: I, index: I): void

  /** The entries of an index by id, for tests that reach behind the repository. @internal */
  raw(name: string): Map<string, E> {
    return this.#existing(name).table.entries
  }

  /** @internal */
  has(name: string): boolean {
    return this.#indexes.has(name)
  }

  /** @internal */
  markerOf(name: string): IndexMarker | null {
    return this.#indexes.get(name)?.marker ?? null
  }

  async create(index: I, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    if (this.has(index.name)) this.held(index)
    else this.#indexes.set(index.name, this.make({ ...index, format: index.format ?? this.format }))
  }

  async drop(index: I, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    this.#indexes.delete(index.name)
    this.alias.forget(index)
  }

  async exists(index: I, call?: CallOptions): Promise<boolean> {
    throwIfAborted(call?.signal)
    return this.has(index.name)
  }

  async mark(index: I, marker: IndexMarker, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    this.held(index).marker = { ...marker }
  }

  async marker(index: I, call?: CallOptions): Promise<IndexMarker | null> {
    throwIfAborted(call?.signal)
    return this.held(index).marker
  }

  async scan(index: I, scan: IndexScan, call?: CallOptions): Promise<IndexEntry[]> {
    throwIfAborted(call?.signal)
    return this.held(index).table.scan(scan)
  }

  async refresh(index: I, call?: CallOptions): Promise<void> {
    throwIfAborted(call?.signal)
    this.held(index)
  }

  async count(index: I, tenant?: TenantId, call?: CallOptions): Promise<number> {
    throwIfAborted(call?.signal)
    return this.held(index).table.count(tenant)
  }

  /** The index, checked to be what the caller takes it for. @internal */
  protected held(index: I): M {
    const found = this.#existing(index.name)
    this.check(found.index, index)
    this.#checkFormat(index, found.index.format ?? this.format)
    return found
  }

  /** An engine would feed and ask it in a wrong way; here that is told. */
  #checkFormat({ name, format = this.format }: I, made: IndexFormat): void {
    if (isSameFormat(made, format)) return
    throw new HeadwaterError(
      'HW_TOPOLOGY_MISMATCH',
      `The index ${JSON.stringify(name)} was made with ${describeFormat(made)}, not with ${describeFormat(format)}`,
      { path: 'index.format' },
    )
  }

  #existing(name: string): M {
    const found = this.#indexes.get(name)
    if (!found) throw missingIndex(name)
    return found
  }
}
