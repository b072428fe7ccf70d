import type { CorePorts } from '../core/core-ports'
import { HeadwaterError } from '../core/errors'
import type { Embedder } from './embedder'
import { cachedModel, defaultCacheFolder } from './onnx/model-cache'
import { OnnxEmbedder } from './onnx/onnx-embedder'
import { checkOnnxOptions, defaultModel } from './onnx/options'
import { checkKind, type EmbedderOption, embedderOf, fallbackOf } from './select'

/** The options that name embedders. */
interface Places {
  readonly embedders?: Readonly<Record<string, EmbedderOption>> | undefined
  readonly embedder?: string | EmbedderOption | undefined
  readonly fallback?: string | EmbedderOption | undefined
  readonly collections?: object | undefined
}

/** As `embedderOf`, for options too whose files have to be read first. */
export async function openEmbedder(
  option: EmbedderOption,
  path = 'embedder',
  ports: CorePorts = {},
): Promise<Embedder> {
  if (isMade(option)) {
    checkKind(option, path)
    if ('onnx' in option) return OnnxEmbedder.open(option.onnx, `${path}.onnx`)
    if ('fallback' in option) {
      const open = (one: EmbedderOption, at: number) => openEmbedder(one, `${path}.fallback[${at}]`, ports)
      const opening = option.fallback.map(open)
      try {
        return fallbackOf(option, await Promise.all(opening), path, ports)
      } catch (error) {
        await closeAll(opening)
        throw error
      }
    }
  }
  return embedderOf(option, path, ports)
}

/**
 * The options with an embedder in the place of each that holds files, threads or connections, and those embedders,
 * which are the caller's to close; when one fails the others are closed. Where no embedder is named it is the default
 * model, if that is in the user's cache.
 */
export async function openModels<O extends Places>(
  options: O,
  ports: CorePorts = {},
): Promise<{ options: O; opened: Embedder[] }> {
  const opening: Promise<Embedder>[] = []
  try {
    const made = await replaced(options, (option, path) => {
      const embedder = openEmbedder(option, path, ports)
      opening.push(embedder)
      return embedder
    })
    return { options: made, opened: await Promise.all(opening) }
  } catch (error) {
    await closeAll(opening)
    throw error
  }
}

/** Closes those that open, when another has failed. */
async function closeAll(opening: readonly Promise<Embedder>[]): Promise<void> {
  const settled = await Promise.allSettled(opening)
  await Promise.all(settled.map((one) => (one.status === 'fulfilled' ? one.value.close?.() : undefined)))
}

/**
 * As `openModels`, without reading a file, downloading anything or starting a thread: a model in ONNX has something in
 * its place that embeds nothing. HW_INVALID_OPTIONS where an option is wrong.
 */
export function checkModels<O extends Places>(options: O): Promise<O> {
  return replaced(options, async (option, path) => standIn(option, path))
}

function standIn(option: Made, path: string): Embedder {
  checkKind(option, path)
  if ('onnx' in option) {
    checkOnnxOptions(option.onnx, `${path}.onnx`)
    return new Unread(path)
  }
  if (!('fallback' in option)) return embedderOf(option, path)
  const chain = option.fallback.map((one, at) => {
    const place = `${path}.fallback[${at}]`
    return isMade(one) ? standIn(one, place) : embedderOf(one, place)
  })
  // Which space a model is of is known when it has been read.
  const known = chain.filter((one) => !(one instanceof Unread))
  const made = fallbackOf(option, known.length > 0 ? known : chain.slice(0, 1), path, {})
  return known.length === chain.length ? made : new Unread(path)
}

/** Stands for a model that has not been read yet. */
class Unread implements Embedder {
  readonly fingerprint: string
  readonly dimensions = 1
  readonly maxTokens = 1

  constructor(path: string) {
    this.fingerprint = path
  }

  embed(): Promise<never> {
    return Promise.reject(new HeadwaterError('HW_INTERNAL', `${this.fingerprint} is not open`))
  }
}

async function replaced<O extends Places>(
  options: O,
  make: (option: Made, path: string) => Promise<Embedder>,
): Promise<O> {
  const open = async <T>(option: T, path: string): Promise<T | Embedder> =>
    isMade(option) ? make(option, path) : option
  const embedders = await mapped(options.embedders, (option, name) => open(option, `embedders.${name}`))
  const embedder = await open(options.embedder ?? cachedDefault(), 'embedder')
  const fallback = await open(options.fallback, 'fallback')
  const collections = await mapped(options.collections, async (collection, name) => {
    const { embedder, fallback } = (collection ?? {}) as Places
    if (!isMade(embedder) && !isMade(fallback)) return collection
    return {
      ...(collection as Places),
      embedder: await open(embedder, `collections.${name}.embedder`),
      fallback: await open(fallback, `collections.${name}.fallback`),
    }
  })
  return { ...options, embedders, embedder, fallback, collections }
}

function cachedDefault(): EmbedderOption | undefined {
  const path = cachedModel(defaultCacheFolder(), defaultModel)
  return path === undefined ? undefined : { onnx: { model: defaultModel } }
}

type Made = Extract<EmbedderOption, { onnx: unknown } | { http: unknown } | { openai: unknown } | { fallback: unknown }>

/** True for what holds something that has to be let go of. */
function isMade(option: unknown): option is Made {
  const kinds = ['onnx', 'http', 'openai', 'fallback']
  return typeof option === 'object' && option !== null && kinds.some((kind) => kind in option)
}

async function mapped<T extends object>(
  record: T | undefined,
  change: (value: T[keyof T], name: string) => Promise<unknown>,
): Promise<T | undefined> {
  if (record === undefined) return undefined
  const entries = Object.entries(record) as [string, T[keyof T]][]
  return Object.fromEntries(
    await Promise.all(entries.map(async ([name, value]) => [name, await change(value, name)])),
  ) as T
}
