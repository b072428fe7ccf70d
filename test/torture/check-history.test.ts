import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lostWrites, type StoredDocument, wrongHits } from './check-history'
import { History } from './history'
import { type Operation, openJournal, type SearchLine, textOf, type WriterLine } from './journal'

const put = (op: string): Operation => ({ op, tenant: 'acme', kind: 'put', ids: ['d1'], size: 2, turn: 0 })

describe('the checker of the torture', () => {
  let folder: string
  let history: History
  let write: (line: WriterLine) => void
  let search: (line: SearchLine) => void
  const file = (name: string): string => path.join(folder, name)

  const done = (operation: Operation, at: number, version: number): void => {
    write({ line: 'begin', at, ...operation })
    write({ line: 'done', at: at + 1, op: operation.op, version, unchanged: false })
  }
  const stored = (operation: Operation, version: number, deleted = false): StoredDocument => ({
    tenant: operation.tenant,
    id: 'd1',
    version,
    deleted,
    text: textOf(operation, 'd1'),
    op: operation.op,
  })
  const lost = (...rows: StoredDocument[]): string[] => {
    history.readWriter(file('w'))
    return lostWrites(history, rows)
  }
  const hits = (from: number, ...found: { version: number; marks: string[] }[]): string[] => {
    const seen = found.map((hit) => ({ id: 'd1', ...hit }))
    search({ line: 'search', from, to: from + 1, tenant: 'acme', mode: 'text', degraded: 0, hits: seen })
    history.readWriter(file('w'))
    history.readSearcher(file('s'))
    return wrongHits(history, 0).problems
  }

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'hw-history-'))
    history = new History()
    write = openJournal(file('w'))
    search = openJournal(file('s'))
    done(put('a'), 10, 1)
    done(put('b'), 20, 2)
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('has nothing to say where all is well', () => {
    expect(lost(stored(put('b'), 2))).toEqual([])
    expect(hits(30, { version: 2, marks: ['acmexb', 'acmexcommon'] })).toEqual([])
  })

  it('finds an acknowledged write that is gone, or replaced by an older one', () => {
    expect(lost()).toHaveLength(1)
    expect(lost(stored(put('a'), 1))).toHaveLength(1)
    expect(lost(stored(put('a'), 2))).toHaveLength(1)
    expect(lost({ ...stored(put('b'), 2), text: textOf(put('a'), 'd1') })).toHaveLength(1)
    expect(lost(stored(put('b'), 2, true))).toHaveLength(1)
  })

  it('finds a write that was refused and happened all the same, or happened twice', () => {
    write({ line: 'begin', at: 30, ...put('c') })
    write({ line: 'failed', at: 31, op: 'c', code: 'HW_UNAVAILABLE' })
    expect(lost(stored(put('c'), 3))).toHaveLength(1)
    expect(lost(stored(put('b'), 3))).toHaveLength(1)
  })

  it('finds a hit of another tenant', () => {
    expect(hits(30, { version: 2, marks: ['betaxq'] })).toHaveLength(1)
  })

  it('finds a hit of replaced text, unless the replacement was not acknowledged yet', () => {
    expect(hits(15, { version: 1, marks: ['acmexa'] })).toEqual([])
    expect(hits(30, { version: 2, marks: ['acmexa'] })).toHaveLength(1)
  })

  it('finds a hit of a deleted document, unless it was put again meanwhile', () => {
    done({ ...put('c'), kind: 'delete' }, 30, 3)
    expect(hits(40, { version: 3, marks: ['acmexcommon'] })).toHaveLength(1)
    write({ line: 'begin', at: 35, ...put('d') })
    expect(hits(40, { version: 4, marks: ['acmexcommon'] })).toEqual([])
  })
})
