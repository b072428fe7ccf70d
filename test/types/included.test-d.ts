import { expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type { EntityRepository, RepositoryOf, RestorableRepository } from '../../index'
import {
  type AgentShape,
  type Agents,
  agent_heartbeats,
  agents,
  type Configuration,
  configuration,
  configuration_history,
  type EntityReads,
  mastery,
  mastery_reviews,
  type ProcessingState,
  processing,
  type RelationKind,
  relations,
  type Setting,
  type SettingSchemas,
  type UserShape,
  users,
} from '../../src/entities/included'
import { createTestStore } from '../../src/testing'

const schemas = { theme: z.enum(['light', 'dark']), search: z.object({ limit: z.int().default(10) }) }
const entities = {
  agents,
  agent_heartbeats,
  processing,
  relations,
  users,
  configuration: configuration(schemas),
  configuration_history,
  mastery: mastery({ retention: 0.9 }),
  mastery_reviews,
}

it('what comes with it is reached by what it is', () => {
  async function reached() {
    const store = await createTestStore({ entities })
    const acme = store.forTenant('acme').entities
    expectTypeOf(acme.agents).toEqualTypeOf<Agents>()
    expectTypeOf<Agents>().toExtend<EntityRepository<AgentShape>>()
    expectTypeOf(acme.users).toExtend<RestorableRepository<UserShape>>()
    expectTypeOf(acme.agent_heartbeats).toEqualTypeOf<RepositoryOf<typeof agent_heartbeats>>()
    expectTypeOf<EntityReads<AgentShape>>().toHaveProperty('list')
    expectTypeOf(acme.processing).not.toHaveProperty('insert')
    expectTypeOf(acme.mastery_reviews).not.toHaveProperty('delete')
    expectTypeOf(acme.processing.setProcessing).parameter(1).toEqualTypeOf<ProcessingState>()
    expectTypeOf(acme.relations.relate).parameter(1).toEqualTypeOf<RelationKind>()
    // @ts-expect-error no such state
    acme.processing.setProcessing('a', 'done')
    // @ts-expect-error no such column
    acme.processing.list({ filter: { status: 'x' } })
    await store.forTenant('acme').transaction(async (tx) => {
      expectTypeOf(tx.entities.processing).toEqualTypeOf(acme.processing)
    })
  }
  return reached
})

it('a setting is of its schema', () => {
  expectTypeOf<typeof schemas>().toExtend<SettingSchemas>()
  async function read(settings: Configuration<typeof schemas>) {
    expectTypeOf(await settings.read('theme')).toEqualTypeOf<Setting<'light' | 'dark'> | null>()
    expectTypeOf((await settings.write('search', {})).value).toEqualTypeOf<{ limit: number }>()
    for await (const setting of settings.watch('theme'))
      expectTypeOf(setting).toEqualTypeOf<Setting<'light' | 'dark'> | null>()
    // @ts-expect-error no such value
    settings.write('theme', 'blue')
    // @ts-expect-error no such setting
    settings.read('none')
  }
  return read
})
