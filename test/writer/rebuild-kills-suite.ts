import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openStore, type Store, type StoreOptions } from '../../index'
import type { Target } from '../../src/repositories/generations'
import { startChild } from '../support/child'
import type { TestDatabase } from '../support/postgres'

type Line = { readonly halted?: string; readonly done?: object }

/** Where the process is killed, and what of the copy the next run has to do. */
export const kills: readonly (readonly [string, string, 'all' | 'rest'])[] = [
  ['before its index is made', 'create', 'all'],
  ['before its index is marked', 'mark', 'all'],
  ['in the copy, before a batch is written', 'upsert 6', 'rest'],
  ['in the copy, after a batch was written and before its checkpoint', 'after upsert 6', 'rest'],
  ['while it verifies', 'scan', 'rest'],
  ['before the row is switched', 'generations.switch', 'rest'],
  ['between the switch of the row and that of the alias', 'after transaction 2', 'all'],
  ['before the index that was live before the last one is dropped', 'drop', 'all'],
]

/** Where a rebuild with another splitter is killed. */
const cutKills: readonly (readonly [string, string])[] = [
  ['when one of both generations is there', 'generations.create 2'],
  ['before the index of texts is made', 'create 2'],
  ['in the cut, before a batch is committed', 'chunks.apply 3'],
  ['in the cut, after a batch was committed', 'after documents.uncut 2'],
  ['in the copy of the vectors', 'upsert 4'],
  ['in the copy of the texts', 'upsert 14'],
  ['while it verifies the texts', 'scan 2'],
  ['before the second of both is switched', 'generations.switch 2'],
  ['after both were switched, before anybody hears of it', 'after generations.switch 2'],
]

export const chunks = 300
const copyBatch = 35
/** Of the batches before a kill in the copy, those that at least have their checkpoint. */
export const copiedBefore = 2 * copyBatch

/** What makes the rebuilds of these suites small enough to be killed often. */
export const killable = {
  embedder: { hashing: { dimensions: 16 } },
  writer: { pollMs: 20, checkMs: 3_600_000, copyBatch },
}

function documents(of: string, count: number) {
  return Array.from({ length: count }, (_, at) => ({ id: `${of}${at}`, text: `Text number ${at} of ${of}.` }))
}

export async function filled(options: StoreOptions): Promise<Store> {
  const store = await openStore(options)
  await store.forTenant('acme').documents.putMany(documents('a', chunks - 40))
  await store.forTenant('blue').documents.putMany(documents('b', 40))
  await store.relay.drain({ timeoutMs: 60_000 })
  return store
}

/** Runs a rebuild, into this engine, in a process of its own and kills that with SIGKILL at a step. */
export async function kill(options: StoreOptions, what: string, halt: string, engine = ''): Promise<void> {
  const child = startChild<Line>('writer/children/rebuild.ts', JSON.stringify(options), what, halt, engine)
  await child.line(({ halted }) => halted !== undefined)
  child.process.kill('SIGKILL')
  await child.ended
}

/** A rebuild killed at each of its steps, and what the next one makes of that. */
export function killSuite(
  targets: readonly Target[],
  options: () => StoreOptions,
  database: () => TestDatabase,
  aliasOf: (target: Target) => Promise<readonly string[]> = async () => [],
): void {
  let store: Store

  beforeAll(async () => {
    store = await filled(options())
  }, 120_000)
  afterAll(() => store.close())
  // So that there is one to drop.
  beforeEach(async () => {
    for (const { target, state } of await store.generations()) {
      if (state === 'building') await store.rebuild({ target })
    }
  }, 60_000)

  describe.each(targets)('%s', (target) => {
    beforeAll(async () => void (await store.rebuild({ target })), 60_000)

    it.each(kills)('%s', { timeout: 60_000 }, async (_name, halt, left) => {
      await kill(options(), target, halt)
      // Life goes on: what is written now reaches both.
      const { documents: docs } = store.forTenant('acme')
      const changed = await docs.put({ id: 'a1', text: `Changed after ${halt} of ${target}.` })
      await docs.delete('a2')
      await store.forTenant('acme').waitFor(changed, { timeoutMs: 20_000 })
      expect((await store.forTenant('acme').search({ query: 'number', limit: 5 })).degraded).toEqual([])

      const { copied, generation } = await store.rebuild({ target })
      expect(copied).toBeGreaterThan(0)
      if (left === 'rest') expect(copied).toBeLessThanOrEqual(chunks - copiedBefore)
      await docs.put({ id: 'a2', text: 'Text number 2 of a.' })
      await store.relay.drain({ timeoutMs: 20_000 })
      const generations = (await store.generations()).filter((one) => one.target === target)
      expect(generations.map(({ state }) => state).sort()).toEqual(['live', 'standby'])
      expect(generations.find(({ state }) => state === 'live')!.name).toBe(generation)
      expect(await store.reconcile({ target, deep: true })).toMatchObject({
        checked: 2 * chunks,
        missing: 0,
        stale: 0,
        orphaned: 0,
        foreign: 0,
      })
      // No index is left behind, and who reads by the alias reads the live one.
      const { rows } = await database().admin(`SELECT value FROM headwater.registry WHERE name = 'retired'`)
      expect(rows[0]?.value ?? []).toEqual([])
      for (const name of await aliasOf(target)) expect(name).toContain(generation)
    })
  })
}

/** A rebuild with another splitter, which moves both targets, killed at each of its steps. */
export function cutKillSuite(options: () => StoreOptions): void {
  let store: Store

  beforeAll(async () => {
    store = await filled(options())
  }, 120_000)
  afterAll(() => store.close())

  it.each(cutKills)('%s', { timeout: 90_000 }, async (_name, halt) => {
    const splitter = { size: 100 + cutKills.findIndex(([, one]) => one === halt) }
    await kill(options(), JSON.stringify(splitter), halt)
    const { documents: docs } = store.forTenant('acme')
    const changed = await docs.put({ id: 'a1', text: `Changed after ${halt}.` })
    await docs.delete('a2')
    await store.forTenant('acme').waitFor(changed, { timeoutMs: 20_000 })

    const { cut, copied, generations: names } = await store.rebuild({ splitter })
    // What was written meanwhile was cut by its writer.
    expect(cut).toBeLessThanOrEqual(2 * chunks)
    expect(copied).toBeGreaterThan(0)
    await docs.put({ id: 'a2', text: 'Text number 2 of a.' })
    await store.relay.drain({ timeoutMs: 20_000 })
    const all = await store.generations()
    expect(all.map(({ state }) => state).sort()).toEqual(['live', 'live', 'standby', 'standby'])
    const live = all.filter(({ state }) => state === 'live')
    expect(live.map(({ name }) => name).sort()).toEqual(Object.values(names).sort())
    expect(new Set(live.map(({ chunking }) => chunking)).size).toBe(1)
    expect((await docs.get('a1'))?.version).toBeLessThan(20)
    expect(await store.reconcile({ deep: true })).toMatchObject({
      checked: 4 * chunks,
      missing: 0,
      stale: 0,
      orphaned: 0,
      foreign: 0,
    })
  })
}
