/**
 * The embedded profile's two projections at 10,000 chunks of about 120 words: half real text (README files of the
 * installed packages, varied), half drawn from a Zipfian vocabulary. `npm run bench -- legs [chunks] [url]`;
 * with a URL on a server instead of PGlite.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PostgresConnection } from '../src/connections/postgres/connection'
import { sha256, tenantId, uuidV5 } from '../src/core/ids'
import { seededRandom } from '../src/core/random'
import { HashingEmbedder } from '../src/embeddings/hashing'
import { PostgresTextRepository } from '../src/repositories/bm25/texts'
import { PostgresVectorRepository } from '../src/repositories/pgvector/vectors'

const size = Number(process.argv[2] ?? 10_000)
const url = process.argv[3]
const wordsPerChunk = 120
const batch = 250
const random = seededRandom(7)
const tenant = tenantId('bench')

function zipfian(vocabulary: number): () => string {
  const letters = 'etaoinshrdlucmfwypvbgkjqxz'
  const cumulative = new Float64Array(vocabulary)
  let total = 0
  for (let i = 0; i < vocabulary; i++) {
    total += 1 / (i + 2.7)
    cumulative[i] = total
  }
  return () => {
    const at = random.next() * total
    let low = 0
    let high = vocabulary - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (cumulative[middle]! < at) low = middle + 1
      else high = middle
    }
    let word = ''
    for (let rest = low + 40; rest > 0; rest = Math.floor(rest / 26)) word += letters[rest % 26]
    return word
  }
}

function corpus(draw: () => string): string[] {
  const real = readdirSync('node_modules', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .sort()
    .flatMap((file) => {
      const words = readFileSync(join('node_modules', file), 'utf8').replaceAll('\0', '').split(/\s+/)
      const chunks: string[] = []
      for (let i = 0; i + 20 < words.length; i += wordsPerChunk) {
        chunks.push(
          words
            .slice(i, i + wordsPerChunk)
            .join(' ')
            .slice(0, 4_000),
        )
      }
      return chunks
    })
    .slice(0, size / 2)
  const drawn = Array.from({ length: size - real.length }, () => Array.from({ length: wordsPerChunk }, draw).join(' '))
  return [...real, ...drawn]
}

function percentile(times: readonly number[], share: number): string {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)]!.toFixed(2)
}

const draw = zipfian(30_000)
const texts = corpus(draw)
const embedder = new HashingEmbedder()
const vectors = await embedder.embed(texts)
const connection = new PostgresConnection(url ? { url } : { embedded: { path: ':memory:' } })
const schema = `bench_${process.pid}`
await connection.session({ worker: true }).query(`CREATE SCHEMA ${schema}`)
const vectorLeg = new PostgresVectorRepository(connection, { schema })
const textLeg = new PostgresTextRepository(connection, { schema })
const vectorIndex = { name: 'bench_vector', fingerprint: embedder.fingerprint, dimensions: embedder.dimensions }
const textIndex = { name: 'bench_text', language: 'english' }
await vectorLeg.create(vectorIndex)
await textLeg.create(textIndex)

const rows = texts.map((text, i) => ({
  id: uuidV5('bench', String(i)),
  fence: i + 1,
  stamp: sha256(text),
  payload: {
    tenant,
    document: `document ${i >> 3}`,
    source: null,
    createdAt: 1,
    updatedAt: 1,
    version: 1,
    leaves: { 's:section': [`s${i % 7}`], 'n:year': [2000 + (i % 25)] },
  },
  title: `Document ${i >> 3}`,
  text,
  vector: vectors[i]!,
}))

/** CPU time of this process so far, ms: PGlite runs in it, and a busy machine does not change it much. */
function cpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

async function ingest(name: string, write: (part: typeof rows) => Promise<void>): Promise<void> {
  let slowest = 0
  const cpuBefore = cpu()
  const started = performance.now()
  for (let i = 0; i < rows.length; i += batch) {
    const at = performance.now()
    await write(rows.slice(i, i + batch))
    slowest = Math.max(slowest, performance.now() - at)
  }
  const ms = performance.now() - started
  console.log(
    `${name}: ${Math.round((rows.length / ms) * 1000)} chunks/s (${((ms / rows.length) * 1000).toFixed(0)} us each, ` +
      `CPU ${(((cpu() - cpuBefore) / rows.length) * 1000).toFixed(0)} us, slowest batch ${slowest.toFixed(0)} ms)`,
  )
}

async function time(name: string, queries: number, run: (i: number) => Promise<number>): Promise<void> {
  const times: number[] = []
  let hits = 0
  const cpuBefore = cpu()
  for (let i = 0; i < queries + 20; i++) {
    const at = performance.now()
    hits += await run(i)
    if (i >= 20) times.push(performance.now() - at)
  }
  console.log(
    `${name}: p50 ${percentile(times, 0.5)} ms, p95 ${percentile(times, 0.95)} ms, max ${percentile(times, 0.999)} ms ` +
      `(${(hits / (queries + 20)).toFixed(1)} hits, CPU ${((cpu() - cpuBefore) / (queries + 20)).toFixed(2)} ms each)`,
  )
}

console.log(`${size} chunks on ${url ? 'a server' : 'PGlite'}, ${process.version}`)
await ingest('vectors, ingest', (part) => vectorLeg.upsert(vectorIndex, part))
await ingest('texts, ingest', (part) => textLeg.upsert(textIndex, part))
await ingest('texts, same text again', (part) =>
  textLeg.upsert(
    textIndex,
    part.map((row) => ({ ...row, fence: row.fence + size })),
  ),
)
if (url) {
  const at = performance.now()
  await vectorLeg.refresh(vectorIndex)
  console.log(`vectors, refresh: ${(performance.now() - at).toFixed(0)} ms`)
  await connection.session({ worker: true }).query(`ANALYZE`)
}

// Three to six words of some chunk: a query has answers.
const queries = Array.from({ length: 220 }, () => {
  const words = texts[Math.floor(random.next() * texts.length)]!.split(' ')
  const start = Math.floor(random.next() * Math.max(1, words.length - 6))
  return words.slice(start, start + 3 + Math.floor(random.next() * 4)).join(' ')
})
const embedded = await embedder.embed(queries)
const searchVectors = async (i: number): Promise<number> =>
  (await vectorLeg.search(vectorIndex, { tenant, vector: embedded[i]!, limit: 50 })).length
const searchTexts = async (i: number): Promise<number> =>
  (await textLeg.search(textIndex, { tenant, query: queries[i]!, limit: 50 })).length
await time('vectors, search', 200, searchVectors)
await time('texts, search', 200, searchTexts)
await time('both at once', 200, async (i) => (await Promise.all([searchVectors(i), searchTexts(i)])).length)
await connection.session({ worker: true }).query(`DROP SCHEMA ${schema} CASCADE`)
await connection.close()
