import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type AuditEntry, checkAuditProof, defineEntity, defineMetadata, type Store } from '../../index'
import { sealAll } from './seal-all'

const courses = defineEntity(
  'courses',
  z.object({
    title: z.string(),
    credits: z.int(),
    kind: z.enum(['lecture', 'lab']).default('lecture'),
    starts: z.iso.datetime().optional(),
    day: z.iso.date().nullable().default(null),
    open: z.boolean().default(true),
    passphrase: z.string().default('sesame-secret'),
    tags: z.array(z.string()).default([]),
  }),
  { audit: true, softDelete: true, unique: [['title']] },
)
const rooms = defineEntity('rooms', z.object({ code: z.string(), note: z.string(), seats: z.int() }), {
  key: 'code',
  audit: { fields: ['note'] },
})
const seats = defineEntity('seats', z.object({ room: z.string().optional(), course: z.uuid().optional() }), {
  audit: true,
  references: { room: { to: rooms, onDelete: 'set null' }, course: { to: courses, onDelete: 'cascade' } },
})
const plans = defineEntity('plans', z.object({ price: z.number() }), { audit: true, tenant: false })
/** Beside them, and not written down. */
const quiet = defineEntity('quiet', z.object({ n: z.int() }))

export const entities = { courses, rooms, seats, plans, quiet }
export const collections = {
  documents: { audit: true, metadata: defineMetadata({ section: 'keyword', 'author.name': 'keyword', memo: 'text' }) },
  questions: { audit: { fields: ['level'] }, metadata: defineMetadata({ level: 'integer', hint: 'keyword' }) },
  silent: {},
} as const
// biome-ignore lint/suspicious/noExplicitAny: what is written down does not depend on the types
export type AuditStore = Store<any, typeof entities>

let tenants = 0
const refused = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('resolved'),
    (error: unknown) => error,
  )
/** What of each entry a test says, the oldest first. */
const told = (items: readonly AuditEntry[]) =>
  items.toReversed().map(({ actor, action, kind, name, key, version }) => [actor, action, kind, name, key, version])

/** What an audit promises, whatever it stands on. Each test has a tenant of its own. */
export function auditSuite(
  name: string,
  open: () => Promise<{ readonly store: AuditStore; close(): Promise<void> }>,
): void {
  describe(`audit on ${name}`, () => {
    let store: AuditStore
    let close: () => Promise<void>
    beforeAll(async () => {
      ;({ store, close } = await open())
    })
    afterAll(() => close?.())
    const tenant = (actor?: string) => store.forTenant(`a${++tenants}`, { actor })
    const log = async (handle: ReturnType<typeof tenant>) => (await handle.audit.list({ limit: 1_000 })).items

    it('tells who did what to which row, before and after, of declared fields alone', async () => {
      const acme = tenant('ann')
      const values = { title: 'Algebra', credits: 5, starts: '2026-03-01T08:00:00.120Z', day: '2026-05-01' }
      const row = await acme.entities.courses.insert(values)
      await acme.entities.courses.update(row.id, { credits: 6, title: 'Geometry', tags: ['x'] })
      await acme.entities.courses.delete(row.id)
      await acme.entities.courses.restore(row.id)
      const items = await log(acme)
      expect(told(items)).toEqual([
        ['ann', 'insert', 'entity', 'courses', row.id, 1],
        ['ann', 'update', 'entity', 'courses', row.id, 2],
        ['ann', 'delete', 'entity', 'courses', row.id, 3],
        ['ann', 'restore', 'entity', 'courses', row.id, 4],
      ])
      const first = { credits: 5, kind: 'lecture', starts: values.starts, day: '2026-05-01', open: true }
      const second = { ...first, credits: 6 }
      expect(items.toReversed().map(({ before, after, changed }) => ({ before, after, changed }))).toEqual([
        { before: null, after: first, changed: null },
        { before: first, after: second, changed: ['title', 'credits', 'tags'] },
        { before: second, after: null, changed: null },
        { before: null, after: second, changed: null },
      ])
      const whole = JSON.stringify(items)
      for (const secret of ['Algebra', 'Geometry', 'sesame']) expect(whole).not.toContain(secret)
      expect(Date.parse(items[0]!.at)).toBeGreaterThan(Date.now() - 3_600_000)
      expect(items.every(({ batch, erased }) => batch === null && !erased)).toBe(true)
    })

    it('shows the fields that are named, and no others', async () => {
      const { entities: own, audit } = tenant()
      await own.rooms.insert({ code: 'R1', note: 'by the stairs', seats: 9 })
      await own.rooms.upsert({ code: 'R1', note: 'upstairs', seats: 8 })
      await own.rooms.upsert({ code: 'R2', note: 'new', seats: 1 })
      await own.rooms.delete('R2')
      const { items } = await audit.list({ entity: 'rooms' })
      expect(
        items
          .toReversed()
          .map(({ actor, action, key, before, after, changed }) => [actor, action, key, before, after, changed]),
      ).toEqual([
        [null, 'insert', 'R1', null, { note: 'by the stairs' }, null],
        [null, 'update', 'R1', { note: 'by the stairs' }, { note: 'upstairs' }, ['note', 'seats']],
        [null, 'insert', 'R2', null, { note: 'new' }, null],
        [null, 'delete', 'R2', { note: 'new' }, null, null],
      ])
    })

    it('tells of many rows, and of those that go with others', async () => {
      const acme = tenant('batch')
      const { courses: rows, rooms: places, seats: own } = acme.entities
      await places.insert({ code: 'R', note: '', seats: 1 })
      const [course] = await rows.insertMany(Array.from({ length: 20 }, (_, at) => ({ title: `c${at}`, credits: at })))
      const [free, bound] = await own.insertMany([{ room: 'R' }, { course: course!.id }])
      await places.delete('R')
      await rows.delete(course!.id)
      const of = async (entity: string, key?: string) =>
        told((await acme.audit.list({ entity, key })).items).map(([, action, , , which]) => [action, which])
      expect(await of('courses')).toHaveLength(21)
      expect(await of('seats', free!.id)).toEqual([
        ['insert', free!.id],
        ['update', free!.id],
      ])
      expect(await of('seats', bound!.id)).toEqual([
        ['insert', bound!.id],
        ['delete', bound!.id],
      ])
    })

    it('tells of documents by every way that writes them, and never their texts', async () => {
      const acme = tenant('doc')
      const { documents } = acme
      const metadata = { section: 'hr', author: { name: 'Bo' }, memo: 'a-memo', other: 'undeclared-value' }
      await documents.put({ id: 'a', title: 'a-title', text: 'a-text of a', source: 'file:a', metadata })
      await documents.put({ id: 'a', title: 'a-title', text: 'a-text of a', source: 'file:a', metadata })
      await documents.put({ id: 'a', title: 'a-title', text: 'a-text otherwise', source: 'file:a', metadata })
      await documents.patch('a', { metadata: { section: 'it' } })
      await documents.delete('a')
      await documents.put({ id: 'a', text: 'a-text again' })
      await documents.putMany([
        { id: 'a', text: 'a-text more' },
        { id: 'b', text: 'a-text b' },
      ])
      await documents.deleteMany(['b', 'none'])
      await documents.deleteWhere({ $id: { in: ['a'] } } as never)
      const items = await log(acme)
      expect(
        told(items).map(
          ([actor, action, kind, at, key, version]) => `${actor} ${action} ${kind} ${at} ${key} ${version}`,
        ),
      ).toEqual(
        [
          'doc insert document documents a 1',
          'doc update document documents a 2',
          'doc update document documents a 3',
          'doc delete document documents a 4',
          'doc insert document documents a 5',
          ...['doc insert document documents b 1', 'doc update document documents a 6'].sort(),
          'doc delete document documents b 2',
          'doc delete document documents a 7',
        ].toSorted(byPlace(items)),
      )
      const update = items.find(({ version }) => version === 3)!
      const shown = { status: 'active', source: 'file:a', contentType: 'text/plain' }
      expect(update.before).toMatchObject({ ...shown, metadata: { section: 'hr', 'author.name': 'Bo' } })
      expect(update.after).toMatchObject({ ...shown, metadata: { section: 'it', 'author.name': 'Bo' } })
      expect(Object.keys(update.after!).sort()).toEqual(['contentHash', 'contentType', 'metadata', 'source', 'status'])
      expect(update.after!['contentHash']).not.toBe(update.before!['contentHash'])
      const whole = JSON.stringify(items)
      for (const secret of ['a-text', 'a-title', 'a-memo', 'undeclared']) expect(whole).not.toContain(secret)
    })

    it('a transaction has an actor of its own, and a rollback leaves nothing', async () => {
      const acme = tenant('handle')
      await acme.transaction(
        async (tx) => {
          await tx.documents.put({ id: 'one', text: 'words' })
          await tx.collection('questions').documents.put({ id: 'q', text: 'why', metadata: { level: 3, hint: 'h' } })
          await tx.entities.courses.insert({ title: 'kept', credits: 1 })
          await refused(
            tx.savepoint(async (inner) => {
              await inner.entities.courses.insert({ title: 'undone', credits: 1 })
              throw new Error('back')
            }),
          )
          await tx.documents.patch('one', { status: 'draft' })
          await tx.documents.delete('one')
        },
        { actor: 'tx' },
      )
      await refused(
        acme.transaction(async (tx) => {
          await tx.documents.put({ id: 'two', text: 'words' })
          await tx.entities.courses.insert({ title: 'gone', credits: 1 })
          throw new Error('back')
        }),
      )
      await refused(acme.entities.courses.insert({ title: 'kept', credits: 1 }))
      const items = await log(acme)
      expect(told(items).map(([actor, action, , at]) => `${actor} ${action} ${at}`)).toEqual([
        'tx insert documents',
        'tx insert questions',
        'tx insert courses',
        'tx update documents',
        'tx delete documents',
      ])
      expect(items.find((one) => one.name === 'questions')!.after!['metadata']).toEqual({ level: 3 })
      await acme.transaction(async (tx) => tx.documents.put({ id: 'three', text: 'words' }))
      expect((await log(acme))[0]).toMatchObject({ actor: 'handle', key: 'three' })
    })

    it('callers who write at once are each told for himself', async () => {
      const id = `a${++tenants}`
      const handles = Array.from({ length: 6 }, (_, at) => store.forTenant(id, { actor: `caller ${at}` }))
      await Promise.all(handles.map(({ documents }, at) => documents.put({ id: `d${at}`, text: `words ${at}` })))
      const items = await log(handles[0]!)
      expect(items.map(({ actor, key }) => `${actor} ${key}`).sort()).toEqual(
        handles.map((_, at) => `caller ${at} d${at}`).sort(),
      )
    })

    it('writes nothing down of what is not declared', async () => {
      const acme = tenant('ann')
      await acme.entities.quiet.insert({ n: 1 })
      await acme.collection('silent').documents.put({ id: 'x', text: 'words' })
      expect(await log(acme)).toEqual([])
    })

    it('what an errand changes is told to be its own', async () => {
      const id = `a${++tenants}`
      store.on(`note-${id}`, async ({ handle }) => {
        await handle.entities.courses.insert({ title: 'by errand', credits: 1 })
      })
      await store.forTenant(id, { actor: 'ann' }).transaction((tx) => tx.afterCommit(`note-${id}`, null))
      await store.relay.drain({ timeoutMs: 20_000 })
      expect(told(await log(store.forTenant(id))).map(([actor, action]) => [actor, action])).toEqual([
        [`errand:note-${id}`, 'insert'],
      ])
    })

    it('rows of the installation are in an audit of their own', async () => {
      const row = await store.entities.plans.insert({ price: 2.5 })
      const { items } = await store.audit.list({ entity: 'plans', key: row.id })
      expect(items).toMatchObject([{ action: 'insert', actor: null, after: { price: 2.5 } }])
      await sealAll(store, store.audit)
      expect(checkAuditProof(await store.audit.prove(items[0]!.id))).toMatchObject({ valid: true })
      expect(await store.audit.erase({ entity: 'plans', key: row.id, actor: 'boss' })).toBe(1)
      expect((await store.audit.list({ entity: 'plans', key: row.id })).items).toMatchObject([
        { action: 'erase', actor: 'boss' },
        { action: 'insert', erased: true, after: null },
      ])
    })

    it('lists page by page, and what is asked for alone', async () => {
      const acme = tenant('ann')
      const rows = await acme.entities.courses.insertMany(
        Array.from({ length: 7 }, (_, at) => ({ title: `t${at}`, credits: at })),
      )
      await store.forTenant(acme.tenant, { actor: 'bob' }).entities.courses.delete(rows[2]!.id)
      await acme.documents.put({ id: 'd', text: 'words' })
      const seen: AuditEntry[] = []
      for (let cursor: string | undefined; ; ) {
        const page = await acme.audit.list({ entity: 'courses', limit: 3, cursor })
        seen.push(...page.items)
        cursor = page.cursor
        if (cursor === undefined) break
      }
      expect(seen).toEqual((await acme.audit.list({ entity: 'courses' })).items)
      expect(seen).toHaveLength(8)
      expect(seen.map(({ id }) => id)).toEqual(seen.map(({ id }) => id).toSorted((a, b) => b - a))
      expect((await acme.audit.list({ actor: 'bob' })).items).toMatchObject([{ action: 'delete', key: rows[2]!.id }])
      expect((await acme.audit.list({ entity: 'courses', key: rows[2]!.id, action: 'insert' })).items).toHaveLength(1)
      expect((await acme.audit.list({ collection: 'documents', key: 'd' })).items).toHaveLength(1)
      expect((await acme.audit.list({ collection: 'documents', key: 'e' })).items).toEqual([])
    })

    it('seals what was committed, proves a row of it, and finds all as it was', async () => {
      const acme = tenant('ann')
      await acme.entities.courses.insertMany(Array.from({ length: 11 }, (_, at) => ({ title: `t${at}`, credits: at })))
      const [last] = await log(acme)
      expect(await refused(acme.audit.prove(last!.id))).toMatchObject({ code: 'HW_NOT_FOUND', path: 'id' })
      await sealAll(store, acme.audit)
      await acme.entities.rooms.insert({ code: 'later', note: 'x', seats: 1 })
      await sealAll(store, acme.audit)
      const items = await log(acme)
      expect(items.map(({ batch }) => batch)).toEqual([2, ...Array.from({ length: 11 }, () => 1)])
      for (const { id } of items) {
        const proof = JSON.parse(JSON.stringify(await acme.audit.prove(id)))
        expect(checkAuditProof(proof)).toEqual({ valid: true, seal: proof.batch.seal })
        const bare = { ...proof, row: { ...proof.row, content: null } }
        expect(checkAuditProof(bare)).toMatchObject({ valid: true })
        const { row, batch } = proof
        const forged = [
          { ...proof, row: { ...row, actor: 'eve' } },
          { ...proof, row: { ...row, content: `${row.content} ` } },
          { ...proof, row: { ...row, content: '{}', contentHash: null } },
          { ...proof, batch: { ...batch, size: batch.size + 1 } },
          { ...proof, batch: { ...batch, root: 'f'.repeat(64) } },
        ]
        for (const one of forged) expect(checkAuditProof(one)).toMatchObject({ valid: false })
      }
      expect(await acme.audit.verify()).toMatchObject({ ok: true, tenants: 1, batches: 2, rows: 12, problems: [] })
      expect(await store.audit.verify({ tenant: acme.tenant })).toMatchObject({ ok: true, compared: 2 })
      expect(await store.audit.verify()).toMatchObject({ ok: true, problemCount: 0 })
    })

    it('an erasure takes contents away and leaves the proof', async () => {
      const acme = tenant('ann')
      const room = { code: 'P', note: 'a person lives here', seats: 1 }
      await acme.entities.rooms.insert(room)
      await sealAll(store, acme.audit)
      await acme.entities.rooms.update('P', { note: 'a person left' })
      expect(await store.audit.erase({ tenant: acme.tenant, entity: 'rooms', key: 'P', actor: 'officer' })).toBe(2)
      expect(await store.audit.erase({ tenant: acme.tenant, entity: 'rooms', key: 'P' })).toBe(0)
      await sealAll(store, acme.audit)
      const items = await log(acme)
      expect(items).toMatchObject([
        { action: 'erase', actor: 'officer', erased: false },
        { action: 'update', actor: 'ann', erased: true, before: null, after: null, changed: null },
        { action: 'insert', actor: 'ann', erased: true },
      ])
      expect(JSON.stringify(await Promise.all(items.map(({ id }) => acme.audit.prove(id))))).not.toContain('person')
      for (const { id } of items) expect(checkAuditProof(await acme.audit.prove(id))).toMatchObject({ valid: true })
      expect(await acme.audit.verify()).toMatchObject({ ok: true, rows: 3, erased: 2 })
    })

    it('refuses what it cannot take, by its path', async () => {
      const acme = tenant()
      const bad = async (work: () => Promise<unknown>, code: string, path: string | undefined) =>
        expect(await refused((async () => work())())).toMatchObject({ code, path })
      const invalid = 'HW_INVALID_ARGUMENT'
      await bad(() => acme.audit.list({ who: 'x' } as never), invalid, 'who')
      await bad(() => acme.audit.list({ entity: 'a', collection: 'b' }), invalid, 'collection')
      await bad(() => acme.audit.list({ key: 'a' }), invalid, 'key')
      await bad(() => acme.audit.list({ action: 'read' as never }), invalid, 'action')
      await bad(() => acme.audit.list({ limit: 0 }), invalid, 'limit')
      await bad(() => acme.audit.list({ limit: 1_001 }), 'HW_LIMIT_EXCEEDED', 'limit')
      await bad(() => acme.audit.list({ cursor: 'x' }), 'HW_INVALID_CURSOR', 'cursor')
      await bad(() => acme.audit.prove(0), invalid, 'id')
      await bad(() => acme.audit.prove('1' as never), invalid, 'id')
      await bad(() => acme.audit.prove(999_999_999), 'HW_NOT_FOUND', 'id')
      await bad(() => store.audit.verify({ tenant: 'no such name!' }), invalid, 'tenant')
      await bad(() => store.audit.erase({ tenant: 'acme' }), invalid, 'entity')
      await bad(() => store.audit.erase({ tenant: 'acme', collection: 'documents' }), invalid, 'key')
      await bad(() => store.audit.erase({ tenant: 'acme', entity: 'x', key: 1, actor: '' }), invalid, 'actor')
      await bad(async () => store.forTenant('acme', { actor: 7 as never }), invalid, 'actor')
      await bad(async () => store.forTenant('acme', { actor: 'x'.repeat(257) }), invalid, 'actor')
      await bad(() => acme.transaction(async () => 1, { actor: '' }), invalid, 'actor')
      for (const proof of [
        null,
        {},
        { row: {}, batch: {}, steps: [] },
        { row: {}, batch: {}, steps: [{ side: 'up' }] },
      ]) {
        await bad(async () => checkAuditProof(proof), invalid, expect.stringMatching(/^proof/) as never)
      }
    })
  })
}

/** Rows that one statement writes come in no order of their own. */
function byPlace(items: readonly AuditEntry[]) {
  const places = told(items).map(
    ([actor, action, kind, at, key, version]) => `${actor} ${action} ${kind} ${at} ${key} ${version}`,
  )
  return (a: string, b: string): number => places.indexOf(a) - places.indexOf(b)
}
