import { describe, expect } from 'vitest'
import { purgeExpired } from '../../src/writer/maintenance'
import { writerDefaults } from '../../src/writer/ports'
import { Stage, scope, trap, useStages } from './stage'

const whileJobsWait = /NOT EXISTS \(SELECT FROM \S*queue\S* j WHERE j\.target IN \([^)]*\)[^)]*\)/g

/** A tombstone is old enough at once. */
const impatient = { ...writerDefaults, tombstoneMs: -1_000 }

describe('a removed chunk whose job completed early', () => {
  useStages()

  async function afterPurge(change: 'edit' | 'deletion', guarded: boolean) {
    const stage = await Stage.open()
    const { writer } = stage.process()
    await writer.put(scope, { id: 'd', text: 'first words' })
    await writer.relay.drain()
    if (change === 'edit') await writer.put(scope, { id: 'd', text: 'second words' })
    else await writer.delete(scope, 'd')
    await stage.serveOnce('text')
    expect(await stage.jobs()).toBe(1)
    const forgetful = stage.rewritten((text) => text.replace(whileJobsWait, 'true'))
    await purgeExpired(stage.process({ truth: guarded ? stage.truth : forgetful.truth }).ports, impatient)
    if (!guarded) expect(forgetful.changed()).toBeGreaterThan(0)
    await writer.relay.drain()
    return { vectors: await stage.vectored(), jobs: await stage.jobs() }
  }

  trap(
    'after an edit the text index has forgotten it, the vector index is still to hear of it',
    'the tombstone that stays while a job of the document waits',
    (guarded) => afterPurge('edit', guarded),
    { safe: { vectors: ['d'], jobs: 0 }, broken: { vectors: ['d', 'd'], jobs: 0 } },
  )

  trap(
    'after a deletion the text index has forgotten it, the vector index is still to hear of it',
    'the tombstone that stays while a job of the document waits',
    (guarded) => afterPurge('deletion', guarded),
    { safe: { vectors: [], jobs: 0 }, broken: { vectors: ['d'], jobs: 0 } },
  )
})
