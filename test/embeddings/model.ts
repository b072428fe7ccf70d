import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The model for tests lies beside the repository: data, never part of it. */
export const modelFolder = fileURLToPath(new URL('../../../shared/models/all-MiniLM-L6-v2', import.meta.url))
export const hasModel = existsSync(modelFolder)

export interface Reference {
  readonly text: string
  readonly input_ids: number[]
  /** Of the float32 model. */
  readonly embedding: number[]
}

export function references(): Reference[] {
  return (JSON.parse(readFileSync(`${modelFolder}/reference.json`, 'utf8')) as { sentences: Reference[] }).sentences
}

export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!
    aa += a[i]! * a[i]!
    bb += b[i]! * b[i]!
  }
  return dot / Math.sqrt(aa * bb)
}
