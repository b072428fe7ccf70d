import { writeSync } from 'node:fs'
import { openStore } from '../../../index'

/** What a worker of its own tells. */
export interface Line {
  readonly began?: unknown
  readonly attempt?: number
  readonly ended?: unknown
}

/**
 * A worker that handles one name and tells what it begins and ends, until it is killed. A payload of `stall` keeps the
 * process busy for ever; any other waits `ms`.
 */
const [url, name, ms] = process.argv.slice(2) as [string, string, string]
const say = (line: Line): void => void writeSync(1, `${JSON.stringify(line)}\n`)

const store = await openStore({
  postgres: { url, hints: false },
  embedder: { hashing: { dimensions: 16 } },
  relay: 'external',
  writer: { pollMs: 20, leaseMs: 1_000 },
})
store.on(
  name,
  async ({ payload, attempt }) => {
    say({ began: payload, attempt })
    if (payload === 'stall') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    await new Promise((resolve) => setTimeout(resolve, Number(ms)))
    say({ ended: payload })
  },
  { maxAttempts: 3 },
)
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
await store.relay.run({ signal: stop.signal })
await store.close()
