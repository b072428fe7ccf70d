import type { Embedder } from '../../embeddings/embedder'
import { inputText } from '../../splitter/input-text'
import type { DocumentInput } from '../../writer/write/document-input'

/** How vectors of a source compare with those that an embedder makes of the same texts. */
export interface CosineCheck {
  readonly fingerprint: string
  readonly compared: number
  /** The least cosine, and the one in the middle; 1 is the same direction. Null where nothing could be compared. */
  readonly least: number | null
  readonly median: number | null
}

const most = 20

/** Some texts with their vectors, from the whole of a stream: each is kept with the same chance. */
export class CosineSample {
  readonly #kept: { readonly text: string; readonly vector: Float32Array }[] = []
  #seen = 0

  add({ title = '', text }: DocumentInput, vector: Float32Array): void {
    // Every so many rows, and less often as there are more: the same in each run.
    const at = this.#seen++
    if (at >= most && at % Math.ceil(at / most) !== 0) return
    const kept = { text: inputText(title, { heading: '', tableHeader: '', text }), vector }
    if (this.#kept.length < most) this.#kept.push(kept)
    else this.#kept[at % most] = kept
  }

  async compare(embedder: Embedder, signal: AbortSignal | undefined): Promise<CosineCheck> {
    const { fingerprint, dimensions } = embedder
    const fitting = this.#kept.filter(({ vector }) => vector.length === dimensions)
    if (fitting.length === 0) return { fingerprint, compared: 0, least: null, median: null }
    const texts = fitting.map(({ text }) => text)
    const made = await embedder.embed(texts, { kind: 'passage', ...(signal && { signal }) })
    const cosines = fitting.map(({ vector }, at) => cosine(vector, made[at]!)).sort((a, b) => a - b)
    return { fingerprint, compared: cosines.length, least: cosines[0]!, median: cosines[cosines.length >> 1]! }
  }
}

export function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, one, other] = [0, 0, 0]
  for (let at = 0; at < a.length; at++) {
    dot += a[at]! * b[at]!
    one += a[at]! ** 2
    other += b[at]! ** 2
  }
  return one === 0 || other === 0 ? 0 : dot / Math.sqrt(one * other)
}
