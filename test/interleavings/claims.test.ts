import { describe } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { vectorIndexOf } from '../../src/repositories/generations'
import { PostgresTruth } from '../../src/repositories/postgres/truth'
import { FakeClock } from '../../src/testing/fake-clock'
import { liveGeneration } from '../../src/writer/rebuild/generations'
import type { CoordinatedWriter } from '../../src/writer/writer'
import { Stage, scope, trap, useStages } from './stage'
import { Gate } from './steps'

describe('claims of jobs', () => {
  useStages()

  trap(
    'a worker that lost its lease and comes back late completes nothing that another holds',
    'the claim token',
    async (guarded) => {
      const stage = await Stage.open()
      const { writer } = stage.process()
      await writer.put(scope, { id: 'd', text: 'first words' })
      await stage.serveOnce('vector')
      const [late, current] = [new Gate(), new Gate()]
      const first = stage.serveOnce('text', {
        truth: new PostgresTruth(stage.connection, guarded ? {} : { withoutGuard: 'claim-token' }),
        // Its clock stands, so that it renews nothing.
        clock: new FakeClock(),
        options: { leaseMs: 1 },
        inTruth: async (call, _args, go) => {
          if (call === 'jobs.settle') await late.pass()
          return go()
        },
      })
      await late.reached
      const second = stage.serveOnce('text', {
        inTexts: async (call, _args, go) => {
          if (call === 'upsert') await current.pass()
          return go()
        },
      })
      await current.reached
      late.open()
      await first
      const { rows } = await stage.database.admin('SELECT count(*)::int AS held FROM headwater.claims')
      current.open()
      await second
      return { held: rows[0].held, jobs: await stage.jobs() }
    },
    { safe: { held: 1, jobs: 0 }, broken: { held: 0, jobs: 0 } },
  )

  trap(
    'a document that is written while it is applied has a job of its own in the queue at once',
    'the job that is not the claim',
    async (guarded) => {
      const stage = await Stage.open()
      const { writer } = stage.process()
      await writer.put(scope, { id: 'd', text: 'first words' })
      const applied = new Gate()
      const serving = stage.serveOnce('text', {
        truth: new PostgresTruth(stage.connection, guarded ? {} : { withoutGuard: 'overlap' }),
        inTruth: async (call, _args, go) => {
          if (call === 'jobs.settle') await applied.pass()
          return go()
        },
      })
      await applied.reached
      await writer.put(scope, { id: 'd', text: 'second words' })
      // As if it had been coalesced with what is claimed.
      if (!guarded) await stage.database.admin(`DELETE FROM headwater.queue WHERE target = 'text'`)
      applied.open()
      await serving
      const { rows } = await stage.database.admin(
        `SELECT due_at <= clock_timestamp() AS free FROM headwater.queue WHERE target = 'text'`,
      )
      await writer.relay.drain()
      return { free: rows.map(({ free }) => free), index: await stage.texted() }
    },
    { safe: { free: [true], index: ['second words'] }, broken: { free: [], index: ['first words'] } },
  )

  /**
   * A worker that claimed a document's first state stands before the index while another applies what came after it,
   * and goes on when that has settled.
   */
  async function overtaken(
    guarded: boolean,
    before: (writer: CoordinatedWriter) => Promise<unknown>,
    after: (writer: CoordinatedWriter) => Promise<unknown>,
  ): Promise<{ stage: Stage; writer: CoordinatedWriter }> {
    const stage = await Stage.open()
    const { writer } = stage.process()
    await before(writer)
    const stalls = new Gate()
    const slow = stage.serveOnce('vector', {
      truth: new PostgresTruth(stage.connection, guarded ? {} : { withoutGuard: 'overlap' }),
      inVectors: async (call, _args, go) => {
        if (call === 'upsert') await stalls.pass()
        return go()
      },
    })
    await stalls.reached
    await after(writer)
    await stage.serveOnce('vector')
    stalls.open()
    await slow
    await writer.relay.drain()
    return { stage, writer }
  }

  trap(
    'what only changes a payload finds no point, for the claim that makes it stands still before the index',
    'the document that is looked at when a claim ends',
    async (guarded) => {
      const { stage, writer } = await overtaken(
        guarded,
        (it) => it.put(scope, { id: 'd', text: 'first words', metadata: { year: 1 } }),
        (it) => it.patch(scope, 'd', { metadata: { year: 2 } }),
      )
      const { rows } = await stage.database.admin('SELECT fence::float8 FROM headwater.documents')
      const index = vectorIndexOf(await liveGeneration(stage.process().ports, 'vector', scope.collection))
      const [point] = await stage.vectors.scan(index, { limit: 5 })
      await writer.relay.drain()
      return { behind: rows[0].fence - (point?.fence ?? 0), jobs: await stage.jobs() }
    },
    { safe: { behind: 0, jobs: 0 }, broken: { behind: 1, jobs: 0 } },
  )

  trap(
    'a removal comes before what it removes, for the claim that brings it stands still before the index',
    'the document that is looked at when a claim ends',
    async (guarded) => {
      const { stage } = await overtaken(
        guarded,
        (it) => it.put(scope, { id: 'd', text: 'first words' }),
        (it) => it.delete(scope, 'd'),
      )
      return { index: await stage.vectored(), jobs: await stage.jobs() }
    },
    { safe: { index: [], jobs: 0 }, broken: { index: ['d'], jobs: 0 } },
  )

  /** Ten documents, and an index that refuses some batches; how far one claim of them gets. */
  async function refusedBy(
    refuses: (documents: string[]) => boolean,
    code: 'HW_DATABASE' | 'HW_LIMIT_EXCEEDED',
    guarded: boolean,
  ) {
    const stage = await Stage.open()
    const { writer } = stage.process()
    const ids = Array.from({ length: 10 }, (_, at) => `d${at}`)
    await writer.putMany(
      scope,
      ids.map((id) => ({ id, text: `words of ${id}` })),
    )
    await stage.serveOnce('text', {
      inTexts: async (call, args, go) => {
        if (
          call !== 'upsert' ||
          !refuses(args[1].map((entry: { payload: { document: string } }) => entry.payload.document))
        )
          return go()
        // Taken for an outage, it says nothing about a document.
        throw new HeadwaterError(guarded ? code : 'HW_UNAVAILABLE', 'refused')
      },
    })
    const { rows } = await stage.database.admin(
      `SELECT document, attempts FROM headwater.queue WHERE target = 'text' ORDER BY document`,
    )
    return {
      index: (await stage.texted()).length,
      left: rows.length,
      blamed: rows.filter(({ attempts }) => attempts > 0),
    }
  }

  trap(
    'one poison in a batch is found and blamed alone; the others go on',
    'telling a refusal of a document from an outage',
    (guarded) => refusedBy((documents) => documents.includes('d7'), 'HW_DATABASE', guarded),
    {
      safe: { index: 9, left: 1, blamed: [{ document: 'd7', attempts: 1 }] },
      broken: { index: 0, left: 10, blamed: [] },
    },
  )

  trap(
    'a batch that is too large for the engine is halved until it fits, and nobody is blamed',
    'telling 413 from an outage',
    (guarded) => refusedBy((documents) => documents.length > 3, 'HW_LIMIT_EXCEEDED', guarded),
    { safe: { index: 10, left: 0, blamed: [] }, broken: { index: 0, left: 10, blamed: [] } },
  )
})
