import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { HeadwaterError } from '../../core/errors'
import type { Pooling } from './messages'
import { defaultModel } from './options'

/** A folder in hub layout, and what its files say about the model. */
export interface ModelFolder {
  readonly modelFile: string
  readonly tokenizerFile: string
  readonly tokenizerConfigFile: string | undefined
  readonly dimensions: number
  readonly maxTokens: number
  readonly pooling: Pooling
  /** SHA-256 over the weights and the tokenizer. */
  readonly contentHash: string
}

/** In order of preference: the small one is as good within 0.002 of cosine and several times as fast. */
const modelFiles = ['onnx/model_quantized.onnx', 'onnx/model.onnx', 'model_quantized.onnx', 'model.onnx']
/** The longest texts that a model was trained on, where its folder tells only what it can bear. */
const trainedTokens: Readonly<Record<string, number>> = { [defaultModel]: 256 }
/** Tokenizers without a limit say 1e30. */
const mostTokens = 1_000_000
const fallbackTokens = 512
const hashBufferBytes = 1 << 20

type JsonFile = Readonly<Record<string, unknown>>

/** True when a model is in the folder, or at least most of it. */
export function isModelFolder(folder: string): boolean {
  return existsSync(join(folder, 'tokenizer.json')) && modelFiles.some((file) => existsSync(join(folder, file)))
}

/** Reads the folder; HW_MODEL_UNAVAILABLE, naming it, when something is missing. `name` is the model's own name. */
export async function readModelFolder(
  path: string,
  name: string,
  given: { file?: string | undefined; dimensions?: number | undefined; maxTokens?: number | undefined },
): Promise<ModelFolder> {
  const folder = resolve(path)
  if (!existsSync(folder)) throw unavailable(folder, 'there is no such folder')
  const file = (given.file === undefined ? modelFiles : [given.file]).find((at) => existsSync(join(folder, at)))
  if (file === undefined) throw unavailable(folder, `there is no ${given.file ?? modelFiles.join(', nor ')}`)
  const tokenizerFile = join(folder, 'tokenizer.json')
  if (!existsSync(tokenizerFile)) throw unavailable(folder, 'there is no tokenizer.json')
  const tokenizerConfigFile = join(folder, 'tokenizer_config.json')
  const [config, tokenizer, sentences, pooling] = await Promise.all(
    ['config.json', 'tokenizer_config.json', 'sentence_bert_config.json', '1_Pooling/config.json'].map((json) =>
      jsonIn(folder, json),
    ),
  )
  const dimensions = given.dimensions ?? firstNumber(config!, ['hidden_size', 'd_model', 'n_embd', 'dim'])
  if (dimensions === undefined) throw unavailable(folder, 'config.json does not say hidden_size: set onnx.dimensions')
  const modelFile = join(folder, file)
  return {
    modelFile,
    tokenizerFile,
    tokenizerConfigFile: existsSync(tokenizerConfigFile) ? tokenizerConfigFile : undefined,
    dimensions,
    maxTokens: given.maxTokens ?? maxTokensOf(name, config!, tokenizer!, sentences!),
    pooling: pooling!['pooling_mode_cls_token'] ? 'cls' : pooling!['pooling_mode_lasttoken'] ? 'last' : 'mean',
    // Weights of more than 2 GB lie in a second file.
    contentHash: await hashOf([modelFile, `${modelFile}_data`, tokenizerFile].filter((at) => existsSync(at))),
  }
}

function maxTokensOf(name: string, config: JsonFile, tokenizer: JsonFile, sentences: JsonFile): number {
  const trained = firstNumber(sentences, ['max_seq_length']) ?? trainedTokens[basename(name)]
  const limits = [
    trained,
    firstNumber(tokenizer, ['model_max_length']),
    firstNumber(config, ['max_position_embeddings', 'n_positions']),
  ].filter((limit) => limit !== undefined && limit < mostTokens)
  return limits.length > 0 ? Math.min(...(limits as number[])) : fallbackTokens
}

function firstNumber(json: JsonFile, keys: readonly string[]): number | undefined {
  return keys.map((key) => json[key]).find((value) => typeof value === 'number' && value > 0) as number | undefined
}

/** An empty object when the file is not there. */
async function jsonIn(folder: string, file: string): Promise<JsonFile> {
  const path = join(folder, file)
  if (!existsSync(path)) return {}
  try {
    return JSON.parse(await readFile(path, 'utf8')) as JsonFile
  } catch (cause) {
    throw unavailable(folder, `${file} cannot be read as JSON`, cause)
  }
}

async function hashOf(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) {
    for await (const bytes of createReadStream(file, { highWaterMark: hashBufferBytes })) hash.update(bytes as Buffer)
  }
  return hash.digest('hex')
}

function unavailable(folder: string, problem: string, cause?: unknown): HeadwaterError {
  return new HeadwaterError('HW_MODEL_UNAVAILABLE', `The model in ${folder}: ${problem}`, {
    cause,
    details: { folder },
  })
}
