import type { Embedder } from './embedder'
import { cachedModel, defaultCacheFolder } from './onnx/model-cache'
import { OnnxEmbedder } from './onnx/onnx-embedder'
import { defaultModel } from './onnx/options'
import { type EmbedderOption, embedderOf } from './select'

/** The options that name embedders. */
interface Places {
  readonly embedders?: Readonly<Record<string, EmbedderOption>> | undefined
  readonly embedder?: string | EmbedderOption | undefined
  readonly collections?: object | undefined
}

/** As `embedderOf`, for options too whose files have to be read first. */
export async function openEmbedder(option: EmbedderOption, path = 'embedder'): Promise<Embedder> {
  return isModel(option) ? OnnxEmbedder.open(option.onnx, `${path}.onnx`) : embedderOf(option, path)
}

/**
 * The options with an embedder in the place of each ONNX model, and those embedders, which are the caller's to close.
 * Where no embedder is named it is the default model, if that is in the user's cache.
 */
export async function openModels<O extends Places>(options: O): Promise<{ options: O; opened: Embedder[] }> {
  const opened: Embedder[] = []
  const open = async <T>(option: T, path: string): Promise<T | Embedder> => {
    if (!isModel(option)) return option
    const embedder = await openEmbedder(option, path)
    opened.push(embedder)
    return embedder
  }
  const embedders = await mapped(options.embedders, (option, name) => open(option, `embedders.${name}`))
  const embedder = await open(options.embedder ?? cachedDefault(), 'embedder')
  const collections = await mapped(options.collections, async (collection, name) => {
    const choice = (collection as Places | undefined)?.embedder
    if (!isModel(choice)) return collection
    return { ...(collection as Places), embedder: await open(choice, `collections.${name}.embedder`) }
  })
  return { options: { ...options, embedders, embedder, collections }, opened }
}

function cachedDefault(): EmbedderOption | undefined {
  const path = cachedModel(defaultCacheFolder(), defaultModel)
  return path === undefined ? undefined : { onnx: { model: defaultModel } }
}

function isModel(option: unknown): option is Extract<EmbedderOption, { onnx: unknown }> {
  return typeof option === 'object' && option !== null && 'onnx' in option
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
