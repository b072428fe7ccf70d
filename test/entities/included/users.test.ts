import { expect, it } from 'vitest'
import { onEachTruth, refused } from './included-suite'

onEachTruth((tenant) => {
  it('keeps users, each address once, until they are deleted', async () => {
    const { users } = tenant().entities
    const ada = await users.insert({ email: 'Ada@Example.org', name: 'Ada', roles: ['teacher'] })
    expect(ada).toMatchObject({ email: 'ada@example.org', status: 'active', profile: {}, version: 1 })
    expect(await refused(users.insert({ email: 'ADA@example.org' }))).toMatchObject({
      code: 'HW_CONFLICT',
      details: { columns: ['email'] },
    })
    // Those without an address do not stand against each other.
    await users.insertMany([{ name: 'a' }, { name: 'b', subject: 'idp|1' }])
    expect(await refused(users.insert({ subject: 'idp|1' }))).toMatchObject({ details: { columns: ['subject'] } })
    expect((await users.list({ filter: { roles: 'teacher' } })).items).toEqual([ada])
    expect(await refused(users.insert({ email: 'nobody' }))).toMatchObject({
      code: 'HW_INVALID_ENTITY',
      path: 'values.email',
    })
    await users.delete(ada.id)
    await users.insert({ email: 'ada@example.org' })
    expect(await refused(users.restore(ada.id))).toMatchObject({ code: 'HW_CONFLICT' })
    expect(await tenant().entities.users.get(ada.id)).toBe(null)
  })

  it('patches a profile, and loses no patch of others', async () => {
    const { users } = tenant().entities
    const { id } = await users.insert({ profile: { language: 'de', size: 12 } })
    const changed = await users.patchProfile(id, { size: null, level: { maths: 3 } }, { ifVersion: 1 })
    expect(changed).toMatchObject({ profile: { language: 'de', level: { maths: 3 } }, version: 2 })
    expect('size' in changed.profile).toBe(false)
    await Promise.all(Array.from({ length: 6 }, (_, at) => users.patchProfile(id, { [`p${at}`]: at })))
    expect((await users.get(id))!.profile).toMatchObject({ language: 'de', p0: 0, p1: 1, p2: 2, p3: 3, p4: 4, p5: 5 })
    for (const [work, code, path] of [
      [() => users.patchProfile(id, { a: 1 }, { ifVersion: 1 }), 'HW_VERSION_CONFLICT', 'ifVersion'],
      [() => users.patchProfile(id, [] as never), 'HW_INVALID_ARGUMENT', 'patch'],
      [() => users.patchProfile('00000000-0000-7000-8000-000000000000', {}), 'HW_NOT_FOUND', 'id'],
    ] as const) {
      expect(await refused(work())).toMatchObject({ code, path })
    }
  })
})
