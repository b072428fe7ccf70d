import { sha256 } from '../../core/ids'
import type { Embedder } from '../../embeddings/embedder'
import type { ChunkDraft, Splitter, SplitterInput } from '../../splitter/splitter'
import type { Network } from './network'
import type { SimProcess } from './sim-process'

const dimensions = 4

/** Vector of a text: four numbers of its hash. The checker calculates it too. */
export function vectorOf(text: string): Float32Array {
  const known = vectors.get(text)
  if (known) return known.slice()
  const hash = sha256(text)
  const vector = Float32Array.from({ length: dimensions }, (_, at) => {
    return 1 + Number.parseInt(hash.slice(at * 4, at * 4 + 4), 16)
  })
  if (vectors.size === mostVectors) vectors.clear()
  vectors.set(text, vector)
  return vector.slice()
}

/** The checker asks for the same ones again and again. */
const vectors = new Map<string, Float32Array>()
const mostVectors = 10_000

/** A model behind the network. */
export function modelEmbedder(network: Network, process: SimProcess): Embedder {
  return {
    fingerprint: 'simulated',
    dimensions,
    maxTokens: Number.POSITIVE_INFINITY,
    embed: (texts, options) =>
      network.call(process, `embed ${texts.length}`, options, async () => texts.map((text) => vectorOf(text))),
  }
}

/** A line a chunk. */
export const lineSplitter = {
  id: 'lines',
  split({ text }: SplitterInput) {
    const drafts: ChunkDraft[] = []
    let start = 0
    for (const line of text.split('\n')) {
      if (line !== '') drafts.push({ text: line, start, end: start + line.length })
      start += line.length + 1
    }
    return drafts
  },
} satisfies Splitter

/** Two lines a chunk: what some processes know, and a rebuild moves to. */
export const coupleSplitter = {
  id: 'couples',
  split(document: SplitterInput) {
    const lines = lineSplitter.split(document)
    return lines.flatMap(({ start, end }, at): ChunkDraft[] => {
      if (at % 2 === 1) return []
      const last = lines[at + 1]?.end ?? end
      return [{ text: document.text.slice(start, last), start, end: last }]
    })
  },
} satisfies Splitter

export const modelSplitters = [lineSplitter, coupleSplitter] as const

/** The splitter of a chunking. */
export function modelSplitter(chunking: string): (typeof modelSplitters)[number] {
  return modelSplitters.find(({ id }) => id === chunking)!
}
