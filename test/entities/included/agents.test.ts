import { expect, it } from 'vitest'
import { onEachTruth, refused } from './included-suite'

onEachTruth((tenant) => {
  it('keeps what an agent is told, can do and is at, by its version', async () => {
    const { agents } = tenant().entities
    const agent = await agents.insert({
      id: 'crawler-1',
      configuration: { depth: 3, sites: ['a', 'b'] },
      capabilities: ['crawl', 'summarise'],
    })
    expect(agent).toMatchObject({ id: 'crawler-1', status: 'idle', state: {}, version: 1 })
    const busy = await agents.update(agent.id, { status: 'busy', state: { job: 7 } }, { ifVersion: 1 })
    expect(busy).toMatchObject({ status: 'busy', state: { job: 7 }, configuration: agent.configuration, version: 2 })
    expect(await refused(agents.update(agent.id, { state: {} }, { ifVersion: 1 }))).toMatchObject({
      code: 'HW_VERSION_CONFLICT',
      details: { version: 2 },
    })
    expect((await agents.list({ filter: { capabilities: 'crawl' } })).items).toEqual([busy])
    expect(await agents.count({ capabilities: 'cook' })).toBe(0)
    expect(await refused(agents.insert({ id: '', capabilities: [1 as never] }))).toMatchObject({
      code: 'HW_INVALID_ENTITY',
      path: 'values.id',
    })
    expect(await refused(agents.insert({ id: 'x', configuration: { at: Number.NaN } }))).toMatchObject({
      code: 'HW_INVALID_ENTITY',
      path: expect.stringMatching(/^values.configuration/),
    })
  })

  it('moves no version by a heartbeat, and loses none to a change', async () => {
    const { agents, agent_heartbeats } = tenant().entities
    const { id } = await agents.insert({ id: 'a' })
    await Promise.all([
      agents.heartbeat(id),
      agents.update(id, { state: { step: 1 } }, { ifVersion: 1 }),
      agents.heartbeat(id),
    ])
    expect(await agents.get(id)).toMatchObject({ state: { step: 1 }, version: 2 })
    expect(await agent_heartbeats.get(id)).toMatchObject({ version: 2 })
    expect(await refused(agents.heartbeat('nobody'))).toMatchObject({ code: 'HW_NOT_FOUND', path: 'id' })
    await agents.delete(id)
    expect(await agent_heartbeats.count()).toBe(0)
    expect(await refused(agents.heartbeat(id))).toMatchObject({ code: 'HW_NOT_FOUND' })
  })

  it('tells who was there lately, page by page', async () => {
    const acme = tenant()
    const { agents, agent_heartbeats } = acme.entities
    await agents.insertMany(['a', 'b', 'c', 'silent', 'never'].map((id) => ({ id, capabilities: [`of ${id}`] })))
    const now = Date.now()
    const beats = Object.entries({ a: 1_000, b: 2_000, c: 3_000, silent: 120_000 })
    for (const [agent, age] of beats) await agent_heartbeats.upsert({ agent, at: new Date(now - age).toISOString() })
    const first = await agents.alive({ limit: 2 })
    expect(first.items.map(({ id }) => id)).toEqual(['a', 'b'])
    expect(first.items[0]).toMatchObject({ capabilities: ['of a'], seenAt: new Date(now - 1_000).toISOString() })
    const second = await agents.alive({ limit: 2, cursor: first.cursor })
    expect(second.items.map(({ id }) => id)).toEqual(['c'])
    expect(second.cursor).toBe(undefined)
    expect((await agents.alive({ filter: { capabilities: 'of c' } })).items.map(({ id }) => id)).toEqual(['c'])
    expect((await agents.alive({ withinMs: 600_000 })).items).toHaveLength(4)
    expect((await agents.alive({ withinMs: 1 })).items).toEqual([])
    expect((await tenant().entities.agents.alive()).items).toEqual([])
    expect(await refused(agents.alive({ withinMs: 0 }))).toMatchObject({
      code: 'HW_INVALID_ARGUMENT',
      path: 'withinMs',
    })
    expect(await refused(agents.alive({ since: 1 } as never))).toMatchObject({ path: 'since' })
  })

  it('beats in the transaction of the caller, or not at all', async () => {
    const acme = tenant()
    await acme.entities.agents.insert({ id: 'a' })
    const failure = await refused(
      acme.transaction(async ({ entities }) => {
        await entities.agents.heartbeat('a')
        expect((await entities.agents.alive()).items).toHaveLength(1)
        throw new Error('undo')
      }),
    )
    expect(failure).toMatchObject({ message: 'undo' })
    expect((await acme.entities.agents.alive()).items).toEqual([])
  })
})
