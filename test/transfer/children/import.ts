import { writeSync } from 'node:fs'
import { openStore } from '../../../index'
import type { RegistryRepository } from '../../../src/repositories/registry'
import { applyImport } from '../../../src/store/transfer/import'
import { jsonlSource } from '../../../src/transfer/import/sources/jsonl'

/** Imports a file, and stands still at the step that is named, until it is killed. */
const [where, plan, file, step] = process.argv.slice(2) as [string, string, string, string]

const stop = (): void => {
  writeSync(1, `${JSON.stringify({ at: step })}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
const store = await openStore(JSON.parse(where))
const { truth } = store.ports
const session = truth.session.bind(truth)
// Steps at the registry: before the second cursor is written, after it, and before the end.
let moves = 0
truth.session = (as) => {
  const made = session(as)
  if (!('worker' in as)) return made
  const { registry } = made
  const replace: RegistryRepository['replace'] = async (name, from, value) => {
    if (!name.startsWith('import:')) return registry.replace(name, from, value)
    const isEnd = JSON.stringify(value) === '{}'
    if (step === 'before the cursor' && ++moves === 2) stop()
    if (step === 'before the end' && isEnd) stop()
    const replaced = await registry.replace(name, from, value)
    if (step === 'after the cursor' && ++moves === 2) stop()
    return replaced
  }
  const watched = new Proxy(registry, {
    get: (target, name) => {
      if (name === 'replace') return replace
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return new Proxy(made, { get: (target, name) => (name === 'registry' ? watched : Reflect.get(target, name)) })
}
const source = jsonlSource(file)
let read = 0
let passes = 0
await applyImport(
  store,
  {
    ...source,
    async *rows(part, options) {
      if (++passes === 2 && step === 'while pruning') stop()
      for await (const row of source.rows(part, options)) {
        if (step === 'at the beginning' && ++read === 100) stop()
        if (step === 'while reading' && ++read === 4_500) stop()
        yield row
      }
    },
  },
  JSON.parse(plan),
  { prune: step === 'while pruning' },
)
