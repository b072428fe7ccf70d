import { afterEach, expect, it } from 'vitest'
import { ElasticsearchConnection } from '../../src/connections/elasticsearch/connection'
import type { CallOptions } from '../../src/core/abort'
import { collectionName } from '../../src/core/ids'
import { ElasticsearchTextRepository } from '../../src/repositories/elasticsearch/texts'
import { type Generation, textIndexOf } from '../../src/repositories/generations'
import type { WriterPorts } from '../../src/writer/ports'
import { followAlias } from '../../src/writer/rebuild/generations'
import { describeWithElasticsearch } from '../support/elasticsearch'
import { freshPrefix } from '../support/index-prefix'
import { Gate, type Step, stepped } from './steps'

const things = { target: 'text', collection: collectionName('things') } as const
const generation = (name: string) => ({ ...things, name, language: 'english', format: {} }) as unknown as Generation
const [first, second] = [generation('first'), generation('second')]

/** Each waits until as many have come. */
function meeting(count: number): () => Promise<void> {
  const gate = new Gate()
  let missing = count
  return () => {
    missing -= 1
    if (missing === 0) gate.open()
    return gate.pass()
  }
}

describeWithElasticsearch('two who lead the public alias at once, across a switch', (url) => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  /** `follow` is one who finds `live.now` in the rows, with a step before the first request that sets the alias. */
  async function open() {
    const connection = new ElasticsearchConnection({ url })
    const { prefix, dispose } = freshPrefix(connection)
    closing.push(() => connection.close(), dispose)
    const live = { now: first }
    const truth = { session: () => ({ generations: { list: async () => [live.now] } }) }
    const repository = (step: Step) =>
      new ElasticsearchTextRepository(stepped(connection, step), { prefix, analysis: 'library' })
    const texts = repository((_call, _args, go) => go())
    for (const one of [first, second]) await texts.create(textIndexOf(one))
    const follow = (step: Step, call?: CallOptions): Promise<void> => {
      let setting = 0
      const ports = {
        truth,
        texts: repository((name, args, go) =>
          name === 'request' && args[0].path === '/_aliases' && setting++ === 0 ? step(name, args, go) : go(),
        ),
      }
      return followAlias(ports as unknown as WriterPorts, things, call)
    }
    const leads = () => texts.alias.leadsTo('things', textIndexOf(second))
    return { live, follow, leads }
  }

  it('in one another’s way: both look again', async () => {
    const { live, follow, leads } = await open()
    const [sending, sent] = [meeting(2), meeting(2)]
    const known = new Gate()
    const step: Step = async (_call, _args, go) => {
      void known.pass()
      await sending()
      const answer = await go()
      await sent()
      return answer
    }
    const late = follow(step)
    await known.reached
    live.now = second
    await Promise.all([late, follow(step)])
    expect(await leads()).toBe(true)
  })

  it('one that is to stop, and whose request arrives all the same, looks again', async () => {
    const { live, follow, leads } = await open()
    const gate = new Gate()
    const stop = new AbortController()
    const late = follow(
      async (_call, [request, { signal }], go) => {
        await gate.pass()
        const answer = await go(request, { idempotent: true })
        if (signal?.aborted) throw signal.reason
        return answer
      },
      { signal: stop.signal },
    )
    await gate.reached
    live.now = second
    await follow((_call, _args, go) => go())
    expect(await leads()).toBe(true)
    stop.abort()
    gate.open()
    await late.catch(() => undefined)
    expect(await leads()).toBe(true)
  })
})
