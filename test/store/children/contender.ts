import { writeSync } from 'node:fs'
import { openStore } from '../../../index'
import { isHeadwaterError } from '../../../src/core/errors'
import { seededRandom } from '../../../src/core/random'

/** One change that was acknowledged, or refused. */
export interface Change {
  readonly kind: 'put' | 'patch' | 'delete' | 'refused' | 'end'
  readonly id: string
  readonly version: number
  readonly fence: number
  readonly unchanged: boolean
  /** What is there after this change, null where it deleted; undefined where that is not known from here. */
  readonly text?: string | null
}

const [stores, name, milliseconds] = process.argv.slice(2) as [string, string, string]
const say = (change: Change): void => void writeSync(1, `${JSON.stringify(change)}\n`)
const random = seededRandom(name.charCodeAt(0))
const below = (limit: number): number => Math.floor(random.next() * limit)

const store = await openStore({
  ...JSON.parse(stores),
  embedder: { hashing: { dimensions: 16 } },
  writer: { pollMs: 50, leaseMs: 5_000 },
})
const { documents } = store.forTenant('acme')
const until = performance.now() + Number(milliseconds)

async function contend(writer: number): Promise<void> {
  // On a busy machine the time alone would see too little.
  for (let turn = 0; turn < 25 || performance.now() < until; turn++) {
    const id = `d${below(20)}`
    const text = `${name}${writer}, turn ${turn}. ${'A sentence or two. '.repeat(below(60))}`
    const dice = below(10)
    try {
      if (dice < 6) say({ kind: 'put', ...(await documents.put({ id, text, metadata: { turn } })), text })
      else if (dice < 8) say({ kind: 'patch', ...(await documents.patch(id, { metadata: { by: name, turn } })) })
      else say({ kind: 'delete', ...(await documents.delete(id)), text: null })
    } catch (error) {
      // No document to patch, or too many others on it: refused whole.
      if (!isHeadwaterError(error) || !['HW_NOT_FOUND', 'HW_VERSION_CONFLICT'].includes(error.code)) throw error
      say({ kind: 'refused', id, version: 0, fence: 0, unchanged: true })
    }
  }
}

await Promise.all([0, 1, 2].map(contend))
await store.close()
say({ kind: 'end', id: '', version: 0, fence: 0, unchanged: true })
