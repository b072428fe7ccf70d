import { appendFile, mkdir, readdir, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { chromaSource } from '../../src/transfer/import/sources/chroma'
import { jsonlSource } from '../../src/transfer/import/sources/jsonl'
import { parquetSource } from '../../src/transfer/import/sources/parquet'
import { readPickle } from '../../src/transfer/import/sources/pickle'
import { fixture, isAlike, lacksSqlite, rowsOf, unpackChroma, useTemporaryFolder, writeLines } from './fixtures'

describe('JSON lines as a source', () => {
  const folder = useTemporaryFolder()

  it('gives objects, says which lines are none, and goes on behind any of them', async () => {
    const lines = [{ id: 'ä', text: 'ü' }, '', '[1]', 'rubbish', '{"id":', { id: 'last', text: '東京' }]
    const file = await writeLines(path.join(folder(), 'a.jsonl'), lines)
    const source = jsonlSource(file)
    expect(await source.parts()).toEqual([{ name: 'a', rows: null }])
    const rows = await rowsOf(source, 'a')
    expect(rows.map(({ values, problem }) => values['id'] ?? problem)).toEqual([
      'ä',
      expect.stringContaining('is no JSON object'),
      expect.stringContaining('is no JSON'),
      expect.stringContaining('is no JSON'),
      'last',
    ])
    for (const [at, { cursor }] of rows.entries()) {
      expect(await rowsOf(source, 'a', { after: cursor })).toEqual(rows.slice(at + 1))
    }
  })

  it('reads lines that are longer than what is read at once', async () => {
    const text = 'x'.repeat(3 * 2 ** 20)
    const file = await writeLines(path.join(folder(), 'long.jsonl'), [{ id: 1, text }, { id: 2 }])
    const rows = await rowsOf(jsonlSource(file), 'long')
    expect(rows.map(({ values }) => [values['id'], (values['text'] as string | undefined)?.length])).toEqual([
      [1, text.length],
      [2, undefined],
    ])
  })

  it('has another stamp once it was written, and is HW_STORAGE where it is not there', async () => {
    const file = await writeLines(path.join(folder(), 'b.jsonl'), [{ id: 1 }])
    const source = jsonlSource(file)
    const before = await source.stamp('b')
    expect(await source.stamp('b')).toBe(before)
    await appendFile(file, '\n{}')
    expect(await source.stamp('b')).not.toBe(before)
    const gone = jsonlSource(path.join(folder(), 'gone.jsonl'))
    await expect(gone.parts()).rejects.toMatchObject({ code: 'HW_STORAGE' })
    await expect(rowsOf(gone, 'gone')).rejects.toMatchObject({ code: 'HW_STORAGE' })
  })
})

describe('Parquet as a source', () => {
  const folder = useTemporaryFolder()

  it.each(['snappy', 'gzip'])('gives the rows that pyarrow wrote: %s', async (compression) => {
    const source = parquetSource(fixture(`${compression}.parquet`))
    expect(await source.parts()).toEqual([{ name: compression, rows: 1_200 }])
    const rows = await rowsOf(source, compression)
    expect(rows).toHaveLength(1_200)
    for (const at of [0, 499, 500, 1_199]) {
      expect(rows[at]!.values).toEqual({
        id: BigInt(at),
        text: `Row ${at} of the table.`,
        lang: at % 2 ? 'en' : 'de',
        at: new Date(Date.UTC(2026, 0, 1) + at * 3_600_000),
        embedding: [(at % 7) + 1, 0.5, at % 3, 0.25],
      })
    }
    expect(await rowsOf(source, compression, { after: rows[998]!.cursor })).toEqual(rows.slice(999))
  })

  it('is HW_STORAGE where it is none', async () => {
    const file = path.join(folder(), 'none.parquet')
    await writeFile(file, 'rubbish that is no parquet at all')
    await expect(parquetSource(file).parts()).rejects.toMatchObject({ code: 'HW_STORAGE' })
  })
})

describe.skipIf(lacksSqlite)('Chroma as a source', () => {
  const folder = useTemporaryFolder()

  it('gives what chromadb itself gives: from SQLite, the queue and the index', async () => {
    const told = await unpackChroma(folder())
    const source = chromaSource(folder())
    expect(await source.parts()).toMatchObject([
      { name: 'empty', rows: 0 },
      { name: 'handbook', rows: 49, distances: { embedding: 'cosine' }, lost: [expect.stringContaining('owner')] },
      { name: 'questions', rows: 2, distances: { embedding: 'euclid' } },
    ])
    for (const [name, expected] of Object.entries(told)) {
      const rows = await rowsOf(source, name)
      const found = new Map(rows.map(({ values }) => [values['id'], values]))
      expect([...found.keys()].sort()).toEqual(expected.map(({ id }) => id).sort())
      for (const { id, document, metadata, embedding } of expected) {
        const row = found.get(id)!
        expect([id, row['document'] ?? null, row['metadata']]).toEqual([id, document, { ...metadata }])
        expect([id, isAlike(row['embedding'] as Float32Array, embedding)]).toEqual([id, true])
      }
      for (const at of [0, rows.length - 1]) {
        const left = await rowsOf(source, name, { after: rows[at]!.cursor })
        expect(left.map(({ values }) => values['id'])).toEqual(rows.slice(at + 1).map(({ values }) => values['id']))
      }
    }
    expect(await rowsOf(source, 'empty')).toEqual([])
    await source.close()
  })

  it('names what it lacks', async () => {
    const source = chromaSource(folder())
    await expect(source.stamp('other')).rejects.toMatchObject({ code: 'HW_NOT_FOUND' })
    await source.close()
    const elsewhere = chromaSource(path.join(folder(), 'nowhere'))
    await expect(elsewhere.parts()).rejects.toMatchObject({ code: 'HW_STORAGE' })
    const empty = path.join(folder(), 'other.sqlite3')
    await writeFile(empty, '')
    await expect(chromaSource(empty).parts()).rejects.toMatchObject({
      code: 'HW_STORAGE',
      message: expect.stringContaining('no database of Chroma'),
    })
    await writeFile(empty, 'rubbish'.repeat(1_000))
    await expect(chromaSource(empty).parts()).rejects.toMatchObject({ code: 'HW_STORAGE' })
  })

  it('a damaged index is HW_STORAGE, not fewer vectors', async () => {
    const damaged = path.join(folder(), 'damaged')
    await mkdir(damaged)
    await unpackChroma(damaged)
    const source = chromaSource(damaged)
    const files = await readdir(damaged, { recursive: true })
    const pickled = files.find((name) => name.endsWith('index_metadata.pickle'))!
    await truncate(path.join(damaged, path.dirname(pickled), 'data_level0.bin'), 1_000)
    await expect(rowsOf(source, 'handbook')).rejects.toMatchObject({ code: 'HW_STORAGE' })
    await truncate(path.join(damaged, pickled), 50)
    await expect(rowsOf(source, 'handbook')).rejects.toMatchObject({ code: 'HW_STORAGE' })
    await source.close()
  })
})

it('a pickle is read as far as it is plain, and nothing in it is called', () => {
  for (const bytes of pickles) {
    const shared = new Map([
      ['a', 1],
      ['ä', 300],
      ['c', 2 ** 31 - 1],
    ])
    expect(readPickle(Buffer.from(bytes, 'hex'))).toEqual(
      new Map<string, unknown>([
        ['dimensionality', 8],
        ['total', 70_000],
        ['id_to_label', shared],
        ['max_seq_id', 2 ** 40],
        ['t', [1, 2.5, null, true, []]],
        ['again', shared],
      ]),
    )
    // Cut anywhere, it is damaged.
    for (let end = 0; end < bytes.length; end += 26) {
      const cut = Buffer.from(bytes.slice(0, end), 'hex')
      expect(() => readPickle(cut)).toThrow(expect.objectContaining({ code: 'HW_STORAGE' }))
    }
  }
  // cos\nsystem\n(S'true'\ntR.
  const call = Buffer.from("cos\nsystem\n(S'true'\ntR.")
  expect(() => readPickle(call)).toThrow(expect.objectContaining({ code: 'HW_STORAGE' }))
  expect(() => readPickle(Buffer.from('80047d', 'hex'))).toThrow(expect.objectContaining({ code: 'HW_STORAGE' }))
})

/** An object of a class by protocols 2 and 4, as older versions of Chroma have it, and a dictionary by them. */
const pickles = [
  '8002635f5f6d61696e5f5f0a50657273697374656e74446174610a7100298171017d710228580e00000064696d656e73696f6e616c69747971034b085805000000746f74616c71044a70110100580b00000069645f746f5f6c6162656c71057d71062858010000006171074b015802000000c3a471084d2c0158010000006371094affffff7f75580a0000006d61785f7365715f6964710a8a06000000000001580100000074710b284b014740040000000000004e885d710c74710d5805000000616761696e710e680675622e',
  '800495a5000000000000008c085f5f6d61696e5f5f948c0e50657273697374656e74446174619493942981947d94288c0e64696d656e73696f6e616c697479944b088c05746f74616c944a701101008c0b69645f746f5f6c6162656c947d94288c0161944b018c02c3a4944d2c018c0163944affffff7f758c0a6d61785f7365715f6964948a060000000000018c017494284b014740040000000000004e885d9474948c05616761696e94680875622e',
  '80027d710028580e00000064696d656e73696f6e616c69747971014b085805000000746f74616c71024a70110100580b00000069645f746f5f6c6162656c71037d71042858010000006171054b015802000000c3a471064d2c0158010000006371074affffff7f75580a0000006d61785f7365715f696471088a060000000000015801000000747109284b014740040000000000004e885d710a74710b5805000000616761696e710c6804752e',
  '80049583000000000000007d94288c0e64696d656e73696f6e616c697479944b088c05746f74616c944a701101008c0b69645f746f5f6c6162656c947d94288c0161944b018c02c3a4944d2c018c0163944affffff7f758c0a6d61785f7365715f6964948a060000000000018c017494284b014740040000000000004e885d9474948c05616761696e946804752e',
]
