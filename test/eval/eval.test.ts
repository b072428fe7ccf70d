import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readDataset } from '../../eval/dataset'
import { measure } from '../../eval/metrics'
import { evaluate } from '../../eval/run'
import { createTestStore } from '../../src/testing/test-store'
// What ir_measures 0.4.3 (pytrec_eval-terrier 0.5.11) computed for nDCG@10, RR@10 and R@100 of these rankings.
import trusted from './ir-measures.json'

const handbook = fileURLToPath(new URL('./handbook', import.meta.url))

describe('measures', () => {
  it('agree with ir_measures, also on queries without an answer', () => {
    const judged = new Map(Object.entries(trusted.judged).map(([id, grades]) => [id, new Map(Object.entries(grades))]))
    const measured = measure(judged, new Map(Object.entries(trusted.ranked)))
    expect(measured.queries).toBe(trusted.expected.queries)
    for (const key of ['ndcg10', 'mrr10', 'recall100'] as const) {
      expect(measured[key]).toBeCloseTo(trusted.expected[key], 12)
    }
  })

  it('are 1 for the best order and 0 for nothing', () => {
    const judged = new Map([['q', new Map(Object.entries({ a: 1, b: 3, c: 0 }))]])
    expect(measure(judged, new Map([['q', ['b', 'a', 'c']]]))).toEqual({
      ndcg10: 1,
      mrr10: 1,
      recall100: 1,
      queries: 1,
    })
    expect(measure(judged, new Map())).toEqual({ ndcg10: 0, mrr10: 0, recall100: 0, queries: 1 })
    expect(measure(judged, new Map([['q', ['c', 'a', 'b']]])).ndcg10).toBeLessThan(1)
  })
})

describe('a dataset', () => {
  it('is read in BEIR format', async () => {
    const dataset = await readDataset(handbook, 'test')
    const ids: string[] = []
    for await (const { id } of dataset.corpus()) ids.push(id)
    expect([dataset.name, ids.length, dataset.queries.size]).toEqual(['handbook', 30, 16])
    expect(dataset.judged.get('q12')).toEqual(new Map(Object.entries({ abroad: 3, remote: 2, 'it-vpn': 1 })))
  })

  it('that is incomplete or damaged is refused by the name of the file', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'headwater-eval-'))
    const write = (name: string, text: string) => writeFile(path.join(folder, name), text)
    try {
      await expect(readDataset(folder, 'test')).rejects.toThrow('no corpus.jsonl')
      await write(
        'corpus.jsonl',
        '{"_id":"a","text":"one"}\n{"_id":"b","title":"Only a title","text":" "}\n{"_id":"c","text":""}\n',
      )
      await write('queries.jsonl', '{"_id":"q","text":"one"}\n')
      await expect(readDataset(folder, 'test')).rejects.toThrow('no qrels/test.tsv')
      await write('qrels.tsv', 'query-id\tcorpus-id\tscore\nq\ta\t1\nr\ta\t1\n')
      await expect(readDataset(folder, 'test')).rejects.toThrow('lacks 1 judged queries')
      // TREC's four columns, without a header.
      await write('qrels.tsv', 'q 0 a 2\n')
      const dataset = await readDataset(folder, 'test')
      const read: object[] = []
      for await (const document of dataset.corpus()) read.push(document)
      expect(read).toEqual([
        { id: 'a', title: '', text: 'one' },
        { id: 'b', title: 'Only a title', text: 'Only a title' },
      ])
      await write('qrels.tsv', 'q\ta\t1\nq\tb\tmuch\n')
      await expect(readDataset(folder, 'test')).rejects.toThrow('qrels.tsv:2')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('an evaluation', () => {
  it('puts, asks and measures: words alone find most of the handbook', async () => {
    const store = await createTestStore()
    try {
      const { documents, queries, quality } = await evaluate(store, await readDataset(handbook, 'test'), () => {})
      expect([documents, queries]).toEqual([30, 16])
      expect(quality.text.ndcg10).toBeGreaterThan(0.4)
      expect(quality.text.ndcg10).toBeLessThan(1)
      expect(quality.hybrid.recall100).toBeGreaterThan(0.9)
    } finally {
      await store.close()
    }
  })
})
