import { sha256 } from '../../core/ids'
import type { Embedder } from '../../embeddings/embedder'
import type { ChunkDraft, Splitter } from '../../splitter/splitter'
import type { Network } from './network'
import type { SimProcess } from './sim-process'

const dimensions = 4

/** Vector of a text: four numbers of its hash. The checker calculates it too. */
export function vectorOf(text: string): Float32Array {
  const hash = sha256(text)
  return Float32Array.from({ length: dimensions }, (_, at) => 1 + Number.parseInt(hash.slice(at * 4, at * 4 + 4), 16))
}

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
export const lineSplitter: Splitter = {
  id: 'lines',
  split({ text }) {
    const drafts: ChunkDraft[] = []
    let start = 0
    for (const line of text.split('\n')) {
      if (line !== '') drafts.push({ text: line, start, end: start + line.length })
      start += line.length + 1
    }
    return drafts
  },
}
