import { afterEach, describe } from 'vitest'
import { QdrantConnection } from '../../src/connections/qdrant/connection'
import { HeadwaterError, isHeadwaterError } from '../../src/core/errors'
import { QdrantVectorRepository } from '../../src/repositories/qdrant/vectors'
import { FakeClock } from '../../src/testing/fake-clock'
import { clearFaults, startQdrantDouble } from '../support/qdrant-double'
import { Stage, scope, trap, useStages } from './stage'
import type { Step } from './steps'

const hours = 2
const pollMs = 300_000

describe('credentials that have expired', () => {
  useStages()
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  for (const code of [401, 403]) {
    trap(
      `${code} for ${hours} hours pauses the target; no attempt is counted, nothing parked, and it drains afterwards`,
      'telling it from a refusal of the documents',
      async (guarded) => {
        const double = await startQdrantDouble()
        const connection = new QdrantConnection({ url: double.url })
        closing.push(
          () => double.close(),
          () => connection.close(),
        )
        const stage = await Stage.open({ vectors: new QdrantVectorRepository(connection) })
        let refusals = 0
        let underway = 0
        const counting: Step = async (_call, _args, go) => {
          underway++
          try {
            return await go()
          } finally {
            underway--
          }
        }
        const clock = new FakeClock()
        const { writer } = stage.process({
          clock,
          options: { pollMs, checkMs: pollMs },
          inTruth: counting,
          inVectors: (call, args, go) =>
            counting(call, args, () =>
              go().catch((error: unknown) => {
                if (!isHeadwaterError(error, 'HW_UNAUTHORIZED')) throw error
                refusals++
                if (guarded) throw error
                throw new HeadwaterError('HW_DATABASE', 'refused')
              }),
            ),
        })
        await writer.putMany(scope, [
          { id: 'd', text: 'first words' },
          { id: 'e', text: 'other words' },
        ])
        Object.assign(double.faults, { status: { code } })
        const stop = new AbortController()
        const running = writer.relay.run({ signal: stop.signal })
        /** Until the worker does nothing but wait for its clock. */
        const resting = async (): Promise<void> => {
          for (let quiet = 0; quiet < 5; ) {
            await clock.settle()
            quiet = underway === 0 ? quiet + 1 : 0
          }
        }
        for (let passed = 0; passed < hours * 3_600_000; passed += pollMs) {
          await resting()
          await clock.advance(pollMs)
        }
        await resting()
        const { rows } = await stage.database.admin(
          `SELECT count(*)::int AS jobs, count(parked_at)::int AS parked, max(attempts) AS attempts FROM headwater.queue`,
        )
        clearFaults(double.faults)
        await clock.advance(pollMs)
        await resting()
        stop.abort()
        await running
        return { ...rows[0], refused: refusals > 10, vectors: await stage.vectored(), texts: await stage.texted() }
      },
      {
        safe: {
          jobs: 2,
          parked: 0,
          attempts: 0,
          refused: true,
          vectors: ['d', 'e'],
          texts: ['first words', 'other words'],
        },
        // Both wait for somebody who redrives them.
        broken: {
          jobs: 2,
          parked: 2,
          attempts: 8,
          refused: true,
          vectors: [],
          texts: ['first words', 'other words'],
        },
      },
    )
  }
})
