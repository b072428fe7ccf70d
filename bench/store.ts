/** The whole store, embedded or on a server, over the Markdown of the installed packages. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DocumentInput, openStore } from '../index'
import { ms, percentile } from './figures'

const wanted = Number(process.argv[2] ?? 10_000)
const url = process.argv[3]

/** Real texts; when they are used up, again with other words at their start, so that every document is its own. */
function* documents(): Generator<DocumentInput> {
  const names = readdirSync('node_modules', { recursive: true, encoding: 'utf8' })
  const files = names.filter((name) => name.endsWith('.md')).sort()
  for (let round = 0; ; round++) {
    for (const name of files) {
      const text = readFileSync(join('node_modules', name), 'utf8').replaceAll('\0', '')
      if (text.trim() === '' || !text.isWellFormed() || text.length > 200_000) continue
      const varied = round === 0 ? text : text.replaceAll('\n\n', `\n\nRound ${round}. `)
      yield { id: `${round}/${name}`, title: name, text: varied, contentType: 'text/markdown', metadata: { round } }
    }
  }
}

const store = await openStore({
  embedder: { hashing: {} },
  ...(url ? { postgres: { url } } : { embedded: { path: ':memory:' } }),
})
const acme = store.forTenant(`bench-${Date.now()}`)
const stored: DocumentInput[] = []
let chunks = 0
let ingestMs = 0
const source = documents()
while (chunks < wanted) {
  const batch = Array.from({ length: 100 }, () => source.next().value as DocumentInput)
  const at = performance.now()
  const result = await acme.documents.putMany(batch)
  ingestMs += performance.now() - at
  if (result.failed.length > 0 || result.receipt.targets.vector !== 'applied') throw new Error(JSON.stringify(result))
  for (const { id } of batch) chunks += (await acme.documents.chunks(id)).length
  stored.push(...batch)
}
console.log(`${url ? 'server' : 'PGlite'}, ${process.version}: ${stored.length} documents, ${chunks} chunks`)
console.log(`ingest        ${Math.round((chunks / ingestMs) * 1_000)} chunks/s, ${ms(ingestMs)}`)

const again = performance.now()
const { unchanged } = await acme.documents.putMany(stored)
const againMs = performance.now() - again
console.log(`unchanged     ${unchanged} documents, ${(ingestMs / againMs).toFixed(1)} times the rate of the first run`)

const queries = Array.from({ length: 220 }, (_, at) => {
  const words = stored[(at * 37) % stored.length]!.text.split(/\W+/).filter((word) => word.length > 3)
  const from = Math.floor(words.length / 3)
  return words.slice(from, from + 4).join(' ') || 'package'
})
for (const mode of ['hybrid', 'text', 'vector'] as const) {
  const times: number[] = []
  for (const [at, query] of queries.entries()) {
    const started = performance.now()
    await acme.search({ query, mode })
    if (at >= 20) times.push(performance.now() - started)
  }
  console.log(`${mode.padEnd(13)} p50 ${ms(percentile(times, 0.5))}, p95 ${ms(percentile(times, 0.95))}`)
}
console.log(`memory        ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB resident`)
await store.close()
