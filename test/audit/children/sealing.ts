import { writeSync } from 'node:fs'
import { openStore } from '../../../index'

/** Seals again and again until it is killed, and tells how much. */
export interface Line {
  readonly sealed: number
}

const [url, blobs] = process.argv.slice(2) as [string, string]
const store = await openStore({
  postgres: { url },
  blobs: { path: blobs },
  embedder: { hashing: { dimensions: 16 } },
  relay: 'external',
})
for (;;) {
  const { rows } = await store.audit.seal()
  writeSync(1, `${JSON.stringify({ sealed: rows })}\n`)
}
