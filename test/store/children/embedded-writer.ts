import { writeSync } from 'node:fs'
import { openStore } from '../../../index'

/** Writes to an embedded store until it is killed; says what it is about to do, and what was acknowledged. */
export interface WriterLine {
  readonly kind: 'open' | 'begin' | 'done'
  readonly id: string
  /** Null: deleted. */
  readonly text: string | null
  readonly version: number
}

const [folder, round] = process.argv.slice(2) as [string, string]
const say = (line: WriterLine): void => void writeSync(1, `${JSON.stringify(line)}\n`)

const store = await openStore({
  embedded: { path: folder },
  embedder: { hashing: { dimensions: 32 } },
  // What the killed process had claimed is free again that soon.
  writer: { leaseMs: 1_000 },
})
say({ kind: 'open', id: '', text: null, version: 0 })
const { documents } = store.forTenant('acme')

async function write(writer: number): Promise<never> {
  for (let turn = 0; ; turn++) {
    const id = `w${writer}-d${turn % 4}`
    const text =
      turn % 7 === 5 ? null : `Round ${round}, turn ${turn} of writer ${writer}. ${'Words to cut. '.repeat(30)}`
    say({ kind: 'begin', id, text, version: 0 })
    const receipt = text === null ? await documents.delete(id) : await documents.put({ id, text })
    say({ kind: 'done', id, text, version: receipt.version })
  }
}

await Promise.all([0, 1, 2].map(write))
