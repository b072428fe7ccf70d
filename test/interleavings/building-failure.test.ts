import { describe } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { rebuild } from '../../src/writer/rebuild/rebuild'
import { Stage, scope, trap, useStages } from './stage'
import { both, Gate, type Step } from './steps'

/** The removal of the first words came through, the second words did not, and nobody will bring them. */
const broken = { index: [], jobs: 0 }
const safe = { index: ['second words'], jobs: 0 }

/** A worker whose first write to the index that is being built fails, once the gate is open. */
function failingBeside(live: string, refusing: Gate): Step {
  let failed = false
  return async (call, args, go) => {
    if (call !== 'upsert' || args[0].name === live || failed) return go()
    failed = true
    await refusing.pass()
    throw new HeadwaterError('HW_UNAVAILABLE', 'the new index does not answer')
  }
}

async function filled(): Promise<{ stage: Stage; live: string }> {
  const stage = await Stage.open()
  const { ports, writer } = stage.process()
  await writer.put(scope, { id: 'd', text: 'first words' })
  await writer.relay.drain()
  const [live] = await ports.truth.session({ worker: true }).generations.list({ target: 'text' })
  return { stage, live: live!.name }
}

/** Stops a rebuild when its index is proved equal, before it takes the lock to switch. */
function beforeSwitch(proved: Gate): Step {
  let locks = 0
  return async (call, _args, go) => {
    // Both targets are locked, first to make the generation.
    if (call === 'generations.lock' && ++locks === 3) await proved.pass()
    return go()
  }
}

/** As if nothing had failed on a generation. */
function unnoted(call: string, answer: unknown): unknown {
  if (call === 'registry.read' && (answer as { check?: unknown } | null)?.check) {
    return { ...(answer as object), check: null }
  }
  if (call !== 'generations.list') return answer
  return (answer as object[]).map((generation) => ({ ...generation, error: null }))
}

describe('a failure on the building generation only', () => {
  useStages()

  trap(
    'it keeps back that generation alone, until the next check has mended it',
    'the note on the generation',
    async (guarded) => {
      const { stage, live } = await filled()
      const { writer } = stage.process()
      const proved = new Gate()
      const stopped = beforeSwitch(proved)
      const builder = stage.process({
        inTruth: async (call, args, go) => {
          const answer = await stopped(call, args, go)
          return guarded ? answer : unnoted(call, answer)
        },
      })
      const building = rebuild(builder.ports, { target: 'text', collection: stage.plan })
      await proved.reached
      const refusing = new Gate()
      refusing.open()
      const worker = stage.process({ inTexts: failingBeside(live, refusing) })
      await writer.put(scope, { id: 'd', text: 'second words' })
      await worker.writer.relay.drain()
      // The live one has it, and nothing waits.
      const meanwhile = { index: await stage.texted(), jobs: await stage.jobs() }
      proved.open()
      await building
      return { meanwhile, index: await stage.texted(), jobs: await stage.jobs() }
    },
    { safe: { meanwhile: safe, ...safe }, broken: { meanwhile: safe, ...broken } },
  )

  trap(
    'a generation that became the live one while it failed gets the job all the same',
    'the look at who is live, under the lock',
    async (guarded) => {
      const { stage, live } = await filled()
      const { ports, writer } = stage.process()
      const proved = new Gate()
      const builder = stage.process({ inTruth: beforeSwitch(proved) })
      const refusing = new Gate()
      const worker = stage.process({
        inTexts: failingBeside(live, refusing),
        inTruth: async (call, args, go) => {
          const seen = call === 'generations.list' && args[0].states?.[0] === 'live'
          return seen && !guarded ? [{ name: live }] : go()
        },
      })
      const building = rebuild(builder.ports, { target: 'text', collection: stage.plan })
      await proved.reached
      await writer.put(scope, { id: 'd', text: 'second words' })
      const draining = worker.writer.relay.drain()
      await refusing.reached
      proved.open()
      await building
      refusing.open()
      await draining
      const left = await ports.truth.session({ worker: true }).generations.list({ target: 'text', states: ['live'] })
      return { switched: left[0]!.name !== live, index: await stage.texted(), jobs: await stage.jobs() }
    },
    { safe: { switched: true, ...safe }, broken: { switched: true, ...broken } },
  )

  trap(
    'a failure that is noted before a check and a job that is completed after it are one step',
    'the transaction around both',
    async (guarded) => {
      const { stage, live } = await filled()
      const { writer } = stage.process()
      const [copied, proved] = [new Gate(), new Gate()]
      let copying = false
      const builder = stage.process({
        inTruth: both(beforeSwitch(proved), async (call, _args, go) => {
          copying ||= call === 'chunks.contents'
          // The check begins by reading what failed before it.
          if (call === 'registry.read' && copying) await copied.pass()
          return go()
        }),
      })
      const building = rebuild(builder.ports, { target: 'text', collection: stage.plan })
      await copied.reached
      await writer.put(scope, { id: 'd', text: 'second words' })
      const [refusing, noted] = [new Gate(), new Gate()]
      refusing.open()
      const ofTexts = new Set<string>()
      const worker = stage.process({
        inTexts: failingBeside(live, refusing),
        inTruth: async (call, args, go) => {
          if (call === 'transaction' && !guarded) return args[1](stage.truth.session({ worker: true }))
          if (call === 'jobs.claim' && args[0].targets[0] === 'text') ofTexts.add(args[0].token)
          if (call === 'jobs.settle' && ofTexts.has(args[0][0])) await noted.pass()
          return go()
        },
      })
      const draining = worker.writer.relay.drain()
      await noted.reached
      copied.open()
      // It finds the difference covered by the job that is about to be completed, and without the transaction no note
      // of the failure either, for it has forgotten it.
      await proved.reached
      noted.open()
      await draining
      proved.open()
      await building
      return { index: await stage.texted(), jobs: await stage.jobs() }
    },
    { safe, broken },
  )

  trap(
    'what was proved before a failure is no proof, also while another rebuild checks the same',
    'the note on the generation',
    async (guarded) => {
      const { stage, live } = await filled()
      const { writer } = stage.process()
      const [proved, refusing, looking] = [new Gate(), new Gate(), new Gate()]
      const first = stage.process({
        inTruth: both(beforeSwitch(proved), async (call, _args, go) => {
          const answer = await go()
          return guarded ? answer : unnoted(call, answer)
        }),
      })
      const building = rebuild(first.ports, { target: 'text', collection: stage.plan })
      await proved.reached
      refusing.open()
      const worker = stage.process({ inTexts: failingBeside(live, refusing) })
      await writer.put(scope, { id: 'd', text: 'second words' })
      await worker.writer.relay.drain()
      const second = stage.process({
        // It goes on behind what the first has copied.
        inTruth: (call, args, go) => (call === 'chunks.contents' && !args[0].ids ? [] : go()),
        inTexts: async (call, _args, go) => {
          if (call === 'scan') await looking.pass()
          return go()
        },
      })
      const beside = rebuild(second.ports, { target: 'text', collection: stage.plan })
      await looking.reached
      proved.open()
      await building
      const switched = { index: await stage.texted(), jobs: await stage.jobs() }
      looking.open()
      await beside
      return switched
    },
    { safe, broken },
  )
})
