import { describe, expect, it } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { collectionName, type Scope, tenantId } from '../../src/core/ids'
import { seededRandom } from '../../src/core/random'
import type { TextEntry } from '../../src/repositories/texts'
import { resolveCollections } from '../../src/store/store-options'
import { FakeClock } from '../../src/testing/fake-clock'
import { memoryPorts } from '../../src/testing/memory-ports'
import type { WriterOptions, WriterPorts } from '../../src/writer/ports'
import { ensureGenerations } from '../../src/writer/rebuild/generations'
import { createWriter } from '../../src/writer/writer'
import { Gate, type Step, stepped } from '../interleavings/steps'

const collection = collectionName('documents')
const acme: Scope = { tenant: tenantId('acme'), collection }
const globex: Scope = { tenant: tenantId('globex'), collection }

async function stage(inTexts: Step, options: Partial<WriterOptions> = {}) {
  const clock = new FakeClock()
  const settled: number[] = []
  const memory = memoryPorts({ clock })
  const { plans: collections, embedders } = resolveCollections({
    embedder: { hashing: { dimensions: 16 } },
    collections: { documents: {} },
  })
  const ports: WriterPorts = {
    ...memory,
    texts: stepped(memory.texts, inTexts),
    ...{ collections, embedders, clock, random: seededRandom(1), options },
  }
  await ensureGenerations(ports)
  const { truth } = ports
  const { session } = truth
  truth.session = (view) => {
    const real = session.call(truth, view)
    const counted: Step = (call, args, go) => {
      if (call === 'settle') settled.push(args[0].length)
      return go()
    }
    return { ...allOf(real), jobs: stepped(real.jobs, counted) }
  }
  return { writer: createWriter(ports), clock, settled, jobs: () => session.call(truth, { worker: true }).jobs }
}

function allOf<T extends object>(session: T): T {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(session)).filter((name) => name !== 'constructor')
  return Object.fromEntries(names.map((name) => [name, Reflect.get(session, name)])) as T
}

/** The first upsert waits at the gate; what each was asked to write. */
function gated(gate: Gate): { readonly step: Step; readonly upserts: string[][] } {
  const upserts: string[][] = []
  const step: Step = async (call, args, go) => {
    if (call !== 'upsert') return go()
    upserts.push((args[1] as TextEntry[]).map(({ text }) => text))
    if (upserts.length === 1) await gate.pass()
    return go()
  }
  return { step, upserts }
}

describe('what concurrent writes have committed', () => {
  it('goes together: one request an engine, one statement that ends the claims, of several tenants', async () => {
    const gate = new Gate()
    const { step, upserts } = gated(gate)
    const { writer, settled, jobs } = await stage(step)
    const first = writer.put(acme, { id: 'first', text: 'first' })
    await gate.reached
    const others = Array.from({ length: 19 }, (_, at) =>
      writer.put(at % 2 === 0 ? acme : globex, { id: `d${at >> 1}`, text: `text ${at}` }),
    )
    await expect.poll(async () => (await jobs().backlog()).claimed).toBe(40)
    gate.open()
    for (const receipt of await Promise.all([first, ...others])) {
      expect(receipt.targets).toEqual({ vector: 'applied', text: 'applied' })
    }
    expect(upserts.map((texts) => texts.length)).toEqual([1, 19])
    // What was written in one statement is one claim: of each tenant the first, and what came meanwhile.
    expect(settled[0]).toBe(1)
    expect(settled[1]).toBeLessThanOrEqual(6)
    expect(await jobs().backlog()).toMatchObject({ waiting: 0, claimed: 0 })
  })

  it('holds no document twice: a later write of it waits for the next', async () => {
    const gate = new Gate()
    const { step, upserts } = gated(gate)
    const { writer, jobs } = await stage(step)
    const puts = [writer.put(acme, { id: 'other', text: 'other' })]
    await gate.reached
    for (const text of ['one', 'two', 'three']) {
      puts.push(writer.put(acme, { id: 'same', text }), writer.put(globex, { id: 'same', text }))
      await expect.poll(async () => (await jobs().backlog()).claimed).toBe(puts.length * 2)
    }
    gate.open()
    const receipts = await Promise.all(puts)
    expect(receipts.map(({ version }) => version)).toEqual([1, 1, 1, 2, 2, 3, 3])
    expect(upserts).toEqual([['other'], ['one', 'one'], ['two', 'two'], ['three', 'three']])
    // What was overtaken before it was applied is looked at once more.
    await writer.relay.drain()
    expect(await jobs().backlog()).toMatchObject({ waiting: 0, claimed: 0 })
  })

  it('marks alone what is refused', async () => {
    const gate = new Gate()
    const { step } = gated(gate)
    const { writer, jobs } = await stage(async (call, args, go) => {
      if (call === 'upsert' && (args[1] as TextEntry[]).some(({ text }) => text === 'poison')) {
        throw new HeadwaterError('HW_INVALID_DOCUMENT', 'no')
      }
      return step(call, args, go)
    })
    const first = writer.put(acme, { id: 'first', text: 'first' })
    await gate.reached
    const others = ['a', 'poison', 'b'].map((text) => writer.put(acme, { id: text, text }))
    await expect.poll(async () => (await jobs().backlog()).claimed).toBe(8)
    gate.open()
    await first
    expect((await Promise.all(others)).map(({ targets }) => targets.text)).toEqual(['applied', 'queued', 'applied'])
    const waiting = await jobs().pending({ tenant: acme.tenant, upTo: Number.MAX_SAFE_INTEGER })
    expect(waiting.map(({ document, target, attempts }) => [document, target, attempts])).toEqual([
      ['poison', 'text', 1],
    ])
  })

  it('goes back in one statement behind an outage', async () => {
    const gate = new Gate()
    let down = false
    const { writer, settled, jobs } = await stage(async (call, _args, go) => {
      if (call !== 'upsert') return go()
      await gate.pass()
      if (down) throw new HeadwaterError('HW_UNAVAILABLE', 'down')
      return go()
    })
    const first = writer.put(acme, { id: 'first', text: 'first' })
    await gate.reached
    const others = ['a', 'b', 'c'].map((id) => writer.put(acme, { id, text: id }))
    await expect.poll(async () => (await jobs().backlog()).claimed).toBe(8)
    down = true
    gate.open()
    for (const { targets } of await Promise.all([first, ...others])) expect(targets.text).toBe('queued')
    expect(settled).toEqual([1, 1])
    expect(await jobs().backlog()).toMatchObject({ waiting: 7, claimed: 0 })
  })

  it('goes on when a caller goes: his abort and his time end his waiting alone', async () => {
    const gate = new Gate()
    const { step, upserts } = gated(gate)
    const { writer, clock, jobs } = await stage(step)
    const abort = new AbortController()
    const puts = [writer.put(acme, { id: 'a', text: 'a' }, { signal: abort.signal })]
    await gate.reached
    puts.push(writer.put(acme, { id: 'b', text: 'b' }, { timeoutMs: 100 }), writer.put(acme, { id: 'c', text: 'c' }))
    await expect.poll(async () => (await jobs().backlog()).claimed).toBe(6)
    abort.abort()
    expect((await puts[0]!).targets.text).toBe('queued')
    await clock.advance(100)
    expect((await puts[1]!).targets.text).toBe('queued')
    gate.open()
    expect((await puts[2]!).targets.text).toBe('applied')
    expect(upserts).toEqual([['a'], ['b', 'c']])
    expect(await jobs().backlog()).toMatchObject({ waiting: 0, claimed: 0 })
  })
})
