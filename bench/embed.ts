/**
 * `npm run bench -- embed MODEL_FOLDER [texts] [threads]`: texts a second of the ONNX embedder against transformers.js,
 * on the same model, texts and threads, in turn. Texts are packages of `apt-cache dumpavail`. transformers.js
 * is installed by `npm install --prefix bench/peers`.
 */
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { OnnxEmbedder } from '../index'
import { seededRandom } from '../src/core/random'
import { median, ms } from './figures'
import { add, argument, finish, note } from './report'

/** What we use of `@huggingface/transformers`, which is no dependency of ours. */
interface Transformers {
  readonly env: { allowRemoteModels: boolean; localModelPath: string }
  pipeline(task: 'feature-extraction', model: string, options: object): Promise<Extractor>
}
interface Extractor {
  (texts: readonly string[], options: object): Promise<{ readonly data: Float32Array; readonly dims: number[] }>
  dispose(): Promise<unknown>
}

/** Texts of one call, of both. */
const batchSize = 64
const rounds = 3
const folder = resolve(argument(0) ?? 'model')
const count = Number(argument(1) ?? 256)
const threads = Number(argument(2) ?? Math.min(availableParallelism(), 4))

/** Package records, their description first, evenly over the alphabet; cut at 40 to 640 characters, more of them short. */
function records(): string[] {
  const dump = execFileSync('apt-cache', ['dumpavail'], { encoding: 'utf8', maxBuffer: 1 << 30 })
  const all = dump.split('\n\n').flatMap((record) => {
    const description = /^Description(?:-en)?: (.*)/m.exec(record)?.[1]
    return description === undefined ? [] : `${description}. ${record.replaceAll('\n', ' ')}`
  })
  if (all.length < count) throw new Error(`apt-cache has ${all.length} packages, ${count} are wanted`)
  const random = seededRandom(1)
  return Array.from({ length: count }, (_, i) => {
    const length = 40 + 600 * random.next() ** 2
    return all[Math.floor((i * all.length) / count)]!.slice(0, length)
  })
}

async function peer(): Promise<Extractor> {
  const require = createRequire(new URL('./peers/package.json', import.meta.url))
  const { env, pipeline } = (await import(require.resolve('@huggingface/transformers'))) as Transformers
  env.allowRemoteModels = false
  env.localModelPath = dirname(folder)
  return pipeline('feature-extraction', basename(folder), {
    dtype: 'q8',
    device: 'cpu',
    session_options: { intraOpNumThreads: threads },
  })
}

function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0) / (Math.hypot(...a) * Math.hypot(...b))
}

const texts = records()
const extractor = await peer()
// The tokenizer's own limit, which is what transformers.js cuts at.
const embedder = await OnnxEmbedder.open({ path: folder, threads, maxTokens: 512 })
note(
  'texts',
  `${texts.length}, ${Math.round(texts.join('').length / texts.length)} characters on average; ${threads} threads`,
)

const batches = Array.from({ length: Math.ceil(texts.length / batchSize) }, (_, i) =>
  texts.slice(i * batchSize, (i + 1) * batchSize),
)
const theirs = async (): Promise<Float32Array[]> => {
  const vectors: Float32Array[] = []
  for (const batch of batches) {
    const { data, dims } = await extractor(batch, { pooling: 'mean', normalize: true })
    for (let at = 0; at < batch.length; at++) vectors.push(data.slice(at * dims[1]!, (at + 1) * dims[1]!))
  }
  return vectors
}
const ours = async (): Promise<Float32Array[]> => {
  const vectors: Float32Array[] = []
  for (const batch of batches) vectors.push(...(await embedder.embed(batch, { kind: 'passage' })))
  return vectors
}
const calls = { theirs, ours }
const rates = { theirs: [] as number[], ours: [] as number[] }
const delays = { theirs: 0, ours: 0 }
const vectors = { theirs: [] as Float32Array[], ours: [] as Float32Array[] }
for (let round = 0; round <= rounds; round++) {
  for (const name of ['theirs', 'ours'] as const) {
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const started = performance.now()
    vectors[name] = await calls[name]()
    const rate = texts.length / ((performance.now() - started) / 1_000)
    // A loop that was held all the time has to turn once to tell.
    await new Promise((resolve) => setTimeout(resolve, 20))
    delay.disable()
    // The first round warms up.
    if (round === 0) continue
    rates[name].push(rate)
    delays[name] = Math.max(delays[name], delay.percentile(99) / 1e6)
  }
}
add('embed, calls of 64 texts', '/s', median(rates.theirs), median(rates.ours), { compare: 'ratio', atLeast: 2 })
note('event loop delay p99, worst round', `theirs ${ms(delays.theirs)}, ours ${ms(delays.ours)}`)
const similar = vectors.ours.map((vector, i) => cosine(vector, vectors.theirs[i]!))
note('cosine of ours to theirs', `at least ${Math.min(...similar).toFixed(4)}, median ${median(similar).toFixed(4)}`)
await embedder.close()
await extractor.dispose()
finish()
