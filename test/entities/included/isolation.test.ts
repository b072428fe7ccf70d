import { expect, it } from 'vitest'
import { everythingIn } from '../../store/reveal'
import { onEachTruth } from './included-suite'

// biome-ignore lint/suspicious/noExplicitAny: what leaks does so whatever the types
type Any = any

const marker = 'QUAGGAMARKER'
const reads = ['get', 'getMany', 'list', 'first', 'count', 'aggregate']

/** Names of all that can be called on an object, own or of its classes. */
function methodsOf(object: object): string[] {
  const names = new Set(Object.keys(object).filter((name) => typeof Reflect.get(object, name) === 'function'))
  for (let at = Object.getPrototypeOf(object); at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) if (name !== 'constructor') names.add(name)
  }
  return [...names].sort()
}

/** What a tenant does with an entity, so that rows of his are there. */
async function fill({ entities, documents }: Any): Promise<void> {
  await documents.putMany(['a', 'b'].map((id) => ({ id, text: `Words ${marker}` })))
  await entities.agents.insert({ id: 'a', title: marker, capabilities: [marker] })
  await entities.agents.heartbeat('a')
  await entities.processing.setProcessing('a', 'processing', { reason: marker })
  await entities.relations.relate('a', 'parent', 'b')
  await entities.remarks.insert({ about: 'documents/a', words: marker })
  await entities.users.insert({ name: marker, subject: 'same', profile: { of: marker } })
  await entities.configuration.write('search', { limit: 7 }, { by: marker })
  await entities.mastery.review('ada', marker, 'good')
}

/** By what another tenant tries to see or change that, with the key of a row; all that he is told. */
const tries: Readonly<Record<string, (entity: Any, key: string | number) => unknown>> = {
  get: (entity, key) => entity.get(key),
  getMany: (entity, key) => entity.getMany([key]),
  list: (entity) => entity.list(),
  first: (entity) => entity.first(),
  count: async (entity) => expect(await entity.count()).toBe(0),
  aggregate: (entity) => entity.aggregate({ count: true, max: ['updatedAt'] }),
  insert: (entity) => entity.insert({}),
  insertMany: (entity) => entity.insertMany([{}]),
  upsert: (entity, key) => entity.upsert({ id: key }),
  update: (entity, key) => entity.update(key, {}),
  delete: async (entity, key) => expect(await entity.delete(key)).toBe(false),
  restore: (entity, key) => entity.restore(key),
  heartbeat: (entity) => entity.heartbeat('a'),
  alive: (entity) => entity.alive({ withinMs: 3_600_000 }),
  setProcessing: (entity) => entity.setProcessing('a', 'failed', { from: 'processing' }),
  processingOf: (entity) => entity.processingOf('a'),
  relate: (entity) => entity.relate('a', 'references', 'b'),
  unrelate: async (entity) => expect(await entity.unrelate('a', 'parent', 'b')).toBe(false),
  related: (entity) => entity.related('a'),
  patchProfile: (entity, key) => entity.patchProfile(key, { of: 'me' }),
  read: async (entity) => expect(await entity.read('search')).toBe(null),
  write: (entity) => entity.write('search', { limit: 0 }),
  history: (entity) => entity.history(...(entity.review ? ['ada', marker.toLowerCase()] : ['search'])),
  rollback: (entity) => entity.rollback('search', 1),
  watch: async (entity) => {
    for await (const setting of entity.watch('search')) return expect(setting).toBe(null)
  },
  review: (entity) => entity.review('', 'x', 'good'),
  levelOf: async (entity) => expect(await entity.levelOf('ada', marker)).toBe(null),
  due: (entity) => entity.due('ada', { at: '2100-01-01' }),
  recompute: (entity) => entity.recompute(),
}

onEachTruth((tenant) => {
  it('keeps tenants apart by every method of every entity, in transactions too', async () => {
    const [them, me] = [tenant(), tenant()] as Any[]
    await fill(them)
    const rowsOf = async () => {
      const found: Record<string, unknown> = {}
      for (const name of Object.keys(them.entities)) found[name] = (await them.entities[name].list()).items
      return found
    }
    const before: Any = await rowsOf()
    expect(await everythingIn(before)).toContain(marker)
    const seen = new Set<string>()
    for (const [name, rows] of Object.entries<Any>(before)) {
      const [row] = rows
      const key = row.id ?? row.name ?? row.agent
      const methods = methodsOf(me.entities[name])
      expect(methods).toEqual(expect.arrayContaining(reads))
      for (const method of methods) {
        seen.add(method)
        const attempt = (entities: Any) =>
          Promise.resolve(tries[method]!(entities[name], key)).catch((error: Any) => {
            expect(error).toMatchObject({ code: expect.stringMatching(/^HW_/) })
            return error.details
          })
        const told = [await attempt(me.entities)]
        await me.transaction(async (tx: Any) => void told.push(await attempt(tx.entities))).catch(() => undefined)
        expect(await everythingIn(told)).not.toContain(marker)
      }
      // What was added by the way is his who did.
      for (const own of name === 'agents' ? (await me.entities.agents.list()).items : [])
        await me.entities.agents.delete(own.id)
    }
    expect([...seen].sort()).toEqual(Object.keys(tries).sort())
    expect(await rowsOf()).toEqual(before)
  })
})
