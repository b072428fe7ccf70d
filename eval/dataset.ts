import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Grades } from './metrics'

export interface CorpusDocument {
  readonly id: string
  readonly title: string
  readonly text: string
}

/** A BEIR folder: corpus.jsonl, queries.jsonl, qrels/<split>.tsv (or qrels.tsv). */
export interface Dataset {
  readonly name: string
  /** Streamed: a corpus need not fit into memory. Documents without a word are left out. */
  corpus(): AsyncIterable<CorpusDocument>
  /** Texts of the judged queries by id. */
  readonly queries: ReadonlyMap<string, string>
  /** By query and document. */
  readonly judged: ReadonlyMap<string, Grades>
}

export async function readDataset(folder: string, split: string): Promise<Dataset> {
  for (const file of ['corpus.jsonl', 'queries.jsonl']) {
    if (!existsSync(path.join(folder, file))) throw new Error(`--dataset: there is no ${file} in ${folder}`)
  }
  const judged = readJudgements(judgementsFile(folder, split))
  const queries = new Map<string, string>()
  for await (const row of lines(path.join(folder, 'queries.jsonl'))) {
    if (judged.has(row.id)) queries.set(row.id, row.text)
  }
  const missing = [...judged.keys()].filter((id) => !queries.has(id))
  if (missing.length > 0) {
    throw new Error(`queries.jsonl lacks ${missing.length} judged queries, ${JSON.stringify(missing[0])} first`)
  }
  return {
    name: path.basename(path.resolve(folder)),
    async *corpus() {
      for await (const { id, title, text } of lines(path.join(folder, 'corpus.jsonl'))) {
        const words = text.trim() === '' ? title : text
        if (words.trim() !== '') yield { id, title, text: words }
      }
    },
    queries,
    judged,
  }
}

function judgementsFile(folder: string, split: string): string {
  const named = path.join(folder, 'qrels', `${split}.tsv`)
  if (existsSync(named)) return named
  const flat = ['qrels.tsv', `${split}.tsv`].map((name) => path.join(folder, name)).find(existsSync)
  if (flat) return flat
  const inside = path.join(folder, 'qrels')
  const others = existsSync(inside) ? readdirSync(inside).filter((name) => name.endsWith('.tsv')) : []
  if (others.length === 1) return path.join(inside, others[0]!)
  throw new Error(`--split: there is no qrels/${split}.tsv in ${folder} (found: ${others.join(', ') || 'none'})`)
}

/** `query-id corpus-id score` with a header, or TREC's four columns without one. */
function readJudgements(file: string): Map<string, Map<string, number>> {
  const judged = new Map<string, Map<string, number>>()
  for (const [at, line] of readFileSync(file, 'utf8').split(/\r?\n/).entries()) {
    if (line.trim() === '') continue
    const columns = line.split('\t').length > 1 ? line.split('\t') : line.trim().split(/\s+/)
    const [query, document, score] = columns.length === 4 ? [columns[0], columns[2], columns[3]] : columns
    const grade = Number(score)
    if (at === 0 && Number.isNaN(grade)) continue
    if (!query || !document || !Number.isFinite(grade)) throw new Error(`${file}:${at + 1}: ${JSON.stringify(line)}`)
    const grades = judged.get(query) ?? new Map<string, number>()
    judged.set(query, grades.set(document, grade))
  }
  return judged
}

async function* lines(file: string): AsyncIterable<CorpusDocument> {
  let at = 0
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    at++
    if (line.trim() === '') continue
    const row = JSON.parse(line) as { _id?: unknown; title?: unknown; text?: unknown }
    if (row._id === undefined || typeof row.text !== 'string') throw new Error(`${file}:${at}: no _id or text`)
    // Lone surrogates and NUL, which no store takes, are in some collections.
    yield { id: String(row._id), title: clean(row.title ?? ''), text: clean(row.text) }
  }
}

function clean(value: unknown): string {
  return String(value).toWellFormed().replaceAll('\0', ' ')
}
