/** `npm run eval -- --dataset FOLDER`: how good the hits are, by the measures of the field. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import { Command, Option } from 'commander'
import { readDataset } from './dataset'
import { type Embedder, embeddedProfile, fullProfile } from './profiles'
import { type Evaluation, evaluate, modes } from './run'

const beside = fileURLToPath(new URL('../../shared/models/all-MiniLM-L6-v2', import.meta.url))

const program = new Command('npm run eval --')
  .description(
    'Puts a BEIR-format folder (corpus.jsonl, queries.jsonl, qrels/*.tsv) into a store and measures what searches find.\n' +
      'The full profile uses DATABASE_URL, QDRANT_URL and ELASTICSEARCH_URL, and starts what they leave out.',
  )
  .requiredOption('--dataset <folder>', 'corpus.jsonl, queries.jsonl and qrels/<split>.tsv')
  .option('--split <name>', 'which judgements', 'test')
  .option(
    '--model <folder>',
    `ONNX model in hub layout; ${existsSync(beside) ? 'the one in shared' : 'none'} by default`,
  )
  .addOption(new Option('--embedder <kind>', 'hashing needs no model').choices(['onnx', 'hashing']))
  .addOption(new Option('--profile <name>', 'one of the two').choices(['embedded', 'full', 'both']).default('both'))
  .option('--json', 'one JSON document on stdout')
  .parse()
const options = program.opts<{
  dataset: string
  split: string
  model?: string
  embedder?: 'onnx' | 'hashing'
  profile: 'embedded' | 'full' | 'both'
  json?: boolean
}>()

const model = options.model ?? (existsSync(beside) ? beside : undefined)
if (options.embedder === 'onnx' && !model) program.error('--model: name the folder of an ONNX model')
const local = model !== undefined && options.embedder !== 'hashing'
const embedder: Embedder = local ? { onnx: { model } } : { hashing: {} }
const profiles = { embedded: embeddedProfile, full: fullProfile }
const wanted = options.profile === 'both' ? (['embedded', 'full'] as const) : ([options.profile] as const)

const dataset = await readDataset(options.dataset, options.split)
const results: Record<string, Evaluation & { readonly about: string }> = {}
for (const name of wanted) {
  const profile = await profiles[name](embedder)
  try {
    let said = 0
    const evaluation = await evaluate(profile.store, dataset, (what, done, total) => {
      if (performance.now() - said < 2_000) return
      said = performance.now()
      console.error(`${name}: ${what} ${done}${total ? ` of ${total}` : ''}`)
    })
    results[name] = { about: profile.about, ...evaluation }
  } finally {
    await profile.close()
  }
}

const space = local ? `ONNX model ${model}` : 'hashing (words only)'
if (options.json) console.log(JSON.stringify({ dataset: dataset.name, embedder: space, profiles: results }))
else {
  const figure = (value: number): string => value.toFixed(4)
  const table = new Table({
    head: ['profile', 'mode', 'nDCG@10', 'MRR@10', 'recall@100', 'p50 ms', 'p95 ms'],
    style: { head: [], border: [] },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
  })
  for (const [name, { quality }] of Object.entries(results)) {
    for (const mode of modes) {
      const { ndcg10, mrr10, recall100, p50Ms, p95Ms } = quality[mode]
      table.push([name, mode, figure(ndcg10), figure(mrr10), figure(recall100), p50Ms.toFixed(1), p95Ms.toFixed(1)])
    }
  }
  const [first] = Object.values(results)
  console.log(`${dataset.name}: ${first?.documents} documents, ${first?.queries} judged queries, ${space}`)
  for (const [name, { about, ingestMs }] of Object.entries(results)) {
    console.log(`${name}: ${about}, ingested in ${(ingestMs / 1_000).toFixed(1)} s`)
  }
  console.log(table.toString())
}
