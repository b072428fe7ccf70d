import { writeSync } from 'node:fs'
import type { TargetEngines } from '../../../src/repositories/index-engines'
import { splitterOf } from '../../../src/splitter/select'
import { openParts } from '../../../src/store/open-parts'
import { rebuild, recut } from '../../../src/writer/rebuild/rebuild'
import { type Step, stepped, steppedTruth } from '../../interleavings/steps'

/**
 * A rebuild that stands still at one step until it is killed. `stores`: options of openStore, as JSON; instead of a target,
 * the sizes of a splitter, as JSON. `engine` may be empty.
 */
const [stores, what, halt, engine] = process.argv.slice(2) as [string, string, string, string]

/** `create`, `upsert 2` (the second one), `after transaction 2`: when that call is made, or has returned. */
const [, after, call, nth = '1'] = /^(after )?(\S+)(?: (\d+))?$/.exec(halt)!
let left = Number(nth)
function stop(): void {
  writeSync(1, `${JSON.stringify({ halted: halt })}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
const step: Step = async (name, _args, go) => {
  const isIt = name === call && --left === 0
  if (isIt && !after) stop()
  const answer = await go()
  if (isIt && after) stop()
  return answer
}

const { ports } = await openParts({ ...JSON.parse(stores), relay: 'external' })
const collection = ports.collections.get('documents')!
const { vector, text } = ports.engines!
const steppedEngines = <R extends object>({ main, others }: TargetEngines<R>): TargetEngines<R> => ({
  main,
  others: new Map([...others].map(([name, one]) => [name, { ...one, repository: stepped(one.repository, step) }])),
})
const stopping = {
  ...ports,
  engines: { vector: steppedEngines(vector), text: steppedEngines(text) },
  truth: steppedTruth(ports.truth, step),
  vectors: stepped(ports.vectors, step),
  texts: stepped(ports.texts, step),
}
const result = what.startsWith('{')
  ? await recut(stopping, { splitter: splitterOf(JSON.parse(what), 'splitter', collection.embedder), collection })
  : await rebuild(stopping, { target: what as 'vector' | 'text', collection, engine: engine || undefined })
writeSync(1, `${JSON.stringify({ done: result })}\n`)
process.exit(0)
