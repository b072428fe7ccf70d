import { expect, it } from 'vitest'
import { documentKey } from '../../../index'
import { onEachTruth, refused } from './included-suite'

onEachTruth((tenant) => {
  it('relates documents, and tells both ends', async () => {
    const acme = tenant()
    const { relations } = acme.entities
    await acme.documents.putMany(['book', 'one', 'two'].map((id) => ({ id, text: `Words of ${id}` })))
    await acme.collection('notes').documents.put({ id: 'note', text: 'A note' })
    const first = await relations.relate('one', 'parent', 'book')
    expect(first).toMatchObject({ document: 'documents/one', kind: 'parent', target: 'documents/book' })
    expect(await relations.relate('one', 'parent', 'book')).toEqual(first)
    await relations.relate('two', 'parent', 'book')
    await relations.relate('one', 'references', 'two')
    await relations.relate('note', 'derived-from', 'book', { collection: 'notes', targetCollection: 'documents' })
    expect((await relations.related('one')).items).toEqual([
      { kind: 'parent', collection: 'documents', id: 'book' },
      { kind: 'references', collection: 'documents', id: 'two' },
    ])
    const children = await relations.related('book', { kind: 'parent', end: 'source', limit: 1 })
    const rest = await relations.related('book', { kind: 'parent', end: 'source', cursor: children.cursor })
    expect([...children.items, ...rest.items].map(({ id }) => id).sort()).toEqual(['one', 'two'])
    expect((await relations.related('book', { kind: 'derived-from', end: 'source' })).items).toEqual([
      { kind: 'derived-from', collection: 'notes', id: 'note' },
    ])
    expect((await relations.related('note', { collection: 'notes' })).items).toHaveLength(1)
    expect(await relations.unrelate('one', 'references', 'two')).toBe(true)
    expect(await relations.unrelate('one', 'references', 'two')).toBe(false)
    expect((await tenant().entities.relations.related('book', { end: 'source' })).items).toEqual([])
  })

  it('leaves no relation to a document that is deleted, from either end', async () => {
    const acme = tenant()
    const { relations } = acme.entities
    const put = () => acme.documents.putMany(['a', 'b', 'c'].map((id) => ({ id, text: `Words of ${id}` })))
    await put()
    await relations.relate('a', 'duplicate-of', 'b')
    await relations.relate('b', 'references', 'c')
    await relations.relate('c', 'references', 'a')
    await acme.documents.delete('b')
    expect((await relations.list()).items.map(({ document }) => document)).toEqual(['documents/c'])
    await put()
    expect((await relations.related('b')).items).toEqual([])
    for (let round = 0; round < 10; round++) {
      await acme.documents.put({ id: 'gone', text: `Words ${round}` })
      await Promise.allSettled([relations.relate('gone', 'parent', 'a'), acme.documents.delete('gone')])
      expect((await relations.related('a', { kind: 'parent', end: 'source' })).items).toEqual([])
    }
    // Both ways at once, so that each waits for what the other has.
    await Promise.all([
      ...Array.from({ length: 4 }, () => relations.relate('a', 'references', 'c')),
      ...Array.from({ length: 4 }, () => relations.relate('c', 'derived-from', 'a')),
    ])
    expect(await relations.count({ kind: { in: ['references', 'derived-from'] } })).toBe(3)
  })

  it('refuses what is no relation', async () => {
    const acme = tenant()
    const { relations } = acme.entities
    await acme.documents.putMany(['a', 'b'].map((id) => ({ id, text: `Words of ${id}` })))
    const cases: readonly [() => Promise<unknown>, string, string][] = [
      [() => relations.relate('a', 'parent', 'none'), 'HW_NOT_FOUND', 'target'],
      [() => relations.relate('none', 'parent', 'a'), 'HW_NOT_FOUND', 'id'],
      [() => relations.relate('a', 'parent', 'a'), 'HW_INVALID_ENTITY', 'target'],
      [() => relations.relate('a', 'child' as never, 'b'), 'HW_INVALID_ARGUMENT', 'kind'],
      [() => relations.relate('a', 'parent', 7 as never), 'HW_INVALID_DOCUMENT', 'target'],
      [() => relations.relate('a', 'parent', 'b', { collection: 'a b' }), 'HW_INVALID_ARGUMENT', 'collection'],
      [() => relations.related('a', { end: 'both' as never }), 'HW_INVALID_ARGUMENT', 'end'],
      [() => relations.related('a', { cursor: 'x' }), 'HW_INVALID_CURSOR', 'cursor'],
    ]
    for (const [work, code, path] of cases) expect(await refused(work())).toMatchObject({ code, path })
    expect(await relations.count()).toBe(0)
  })

  it('keeps rows of an entity of the user with their documents', async () => {
    const acme = tenant()
    const { remarks } = acme.entities
    await acme.documents.putMany(['a', 'b'].map((id) => ({ id, text: `Words of ${id}` })))
    const [about, beside] = [documentKey('documents', 'a'), documentKey('documents', 'b')]
    const row = await remarks.insert({ about, words: 'good' })
    for (const [values, code, path] of [
      [{ about: 'documents/none', words: 'x' }, 'HW_NOT_FOUND', 'about'],
      [{ about, beside: 'documents/none', words: 'x' }, 'HW_NOT_FOUND', 'beside'],
      [{ about: 'a', words: 'x' }, 'HW_INVALID_ENTITY', 'about'],
      [{ about: 'none/a', words: 'x' }, 'HW_COLLECTION_UNKNOWN', 'collections.none'],
    ] as const) {
      expect(await refused(remarks.insert(values))).toMatchObject({ code, path })
      expect(await refused(remarks.update(row.id, values))).toMatchObject({ code, path })
    }
    await acme.transaction(async (tx) => {
      // What is refused has written nothing, and the transaction goes on.
      expect(await refused(tx.entities.remarks.insert({ about: 'documents/none', words: 'x' }))).toMatchObject({
        code: 'HW_NOT_FOUND',
      })
      await tx.documents.put({ id: 'fresh', text: 'Fresh words' })
      await tx.entities.remarks.insert({ about: documentKey('documents', 'fresh'), words: 'at once' })
    })
    expect(await remarks.get(row.id)).toEqual(row)
    await remarks.insertMany(Array.from({ length: 2_100 }, (_, at) => ({ about, beside, words: `${at}` })))
    expect(await remarks.count()).toBe(2_102)
    await acme.documents.delete('b')
    expect(await remarks.count()).toBe(2)
    await acme.documents.deleteWhere({})
    expect(await remarks.count()).toBe(0)
  })
})
