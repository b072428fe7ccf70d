import { afterEach, describe, expect, it, vi } from 'vitest'
import { HeadwaterError } from '../../src/core/errors'
import { type Logger, Troubles } from '../../src/observability/troubles'
import { FakeClock } from '../../src/testing/fake-clock'
import { createTestStore } from '../../src/testing/test-store'

const away = new HeadwaterError('HW_UNAVAILABLE', 'nobody answers')
const refused = new HeadwaterError('HW_UNAUTHORIZED', 'the key is wrong')

function listening() {
  const lines: string[] = []
  const told: string[] = []
  const say =
    (level: string) =>
    (details: object, message: string): void => {
      lines.push(`${level} ${message}`)
      expect(details).toMatchObject({ what: expect.any(String) })
    }
  const logger: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  const onError = (error: HeadwaterError, { what }: { what: string }) => void told.push(`${what} ${error.code}`)
  return { lines, told, logger, onError }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('troubles', () => {
  it('are told once, again when the code changes, and when they are over', () => {
    const { lines, told, logger, onError } = listening()
    const troubles = new Troubles({ logger, onError })
    for (let round = 0; round < 5; round++) {
      troubles.met('relay of text', away)
      troubles.met('relay of text', new HeadwaterError('HW_CIRCUIT_OPEN', 'open'))
      if (round > 2) troubles.met('relay of text', refused)
    }
    troubles.met('relay of vector', away)
    for (let round = 0; round < 3; round++) troubles.over('relay of text')
    troubles.met('relay of text', away)
    expect(told).toEqual([
      'relay of text HW_UNAVAILABLE',
      'relay of text HW_UNAUTHORIZED',
      'relay of vector HW_UNAVAILABLE',
      'relay of text HW_UNAVAILABLE',
    ])
    expect(lines.map((line) => line.slice(0, line.indexOf(': ')))).toEqual([
      'warn relay of text',
      'error relay of text',
      'warn relay of vector',
      'info relay of text',
      'warn relay of text',
    ])
    expect(lines[0]).toContain(away.remedy)
  })

  it('are a warning of the process where nobody listens', () => {
    const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const troubles = new Troubles()
    for (let round = 0; round < 3; round++) troubles.met('relay of text', away)
    troubles.over('relay of text')
    expect(emitted.mock.calls).toEqual([
      [expect.stringContaining('nobody answers'), { type: 'HeadwaterWarning', code: 'HW_UNAVAILABLE' }],
    ])
    emitted.mockClear()
    new Troubles({ onError: () => undefined }).met('relay of text', away)
    expect(emitted).not.toHaveBeenCalled()
  })

  it('are told to the others when a listener throws or rejects, and its failure is told too', async () => {
    const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const { lines, logger } = listening()
    const bad = (async () => {
      throw new TypeError('my own fault')
    }) as () => never
    new Troubles({ logger, onError: bad }).met('relay of text', away)
    new Troubles({ logger: { ...logger, warn: bad }, onError: bad }).met('relay of text', away)
    await vi.waitFor(() => expect(emitted).toHaveBeenCalledTimes(3))
    expect(emitted.mock.calls[0]![0]).toContain('my own fault')
    expect(lines).toHaveLength(1)
  })
})

describe('a store', () => {
  it('tells what its relay meets once, while it tries again and again, and that it is over', async () => {
    const { lines, told, logger, onError } = listening()
    const clock = new FakeClock()
    const store = await createTestStore({ clock, logger, onError, writer: { checkMs: 1_000, backoffMaxMs: 1_000 } })
    store.faults.down('vector')
    await store.forTenant('acme').documents.put({ id: 'a', text: 'words' })
    for (let i = 0; i < 60; i++) await clock.advance(500)
    expect(told.sort()).toEqual(['relay of vector HW_UNAVAILABLE', 'watch over the indexes HW_UNAVAILABLE'])
    store.faults.up('vector')
    for (let i = 0; i < 20; i++) await clock.advance(500)
    expect(lines.filter((line) => line.startsWith('info')).sort()).toEqual([
      'info relay of vector: well again',
      'info watch over the indexes: well again',
    ])
    expect(await store.backlog()).toMatchObject({ waiting: 0 })
    await store.close()
    expect(told).toHaveLength(2)
  })

  it('tells of parked jobs, and once none is left', async () => {
    const { lines, told, logger, onError } = listening()
    const clock = new FakeClock()
    let poison = true
    const store = await createTestStore({
      clock,
      logger,
      onError,
      embedder: {
        fingerprint: 'mine',
        dimensions: 2,
        maxTokens: 100,
        embed: async (texts) => {
          if (poison && texts.some((text) => text.includes('poison'))) throw new TypeError('cannot read this')
          return texts.map(() => Float32Array.of(1, 0))
        },
      },
      writer: { maxAttempts: 2, backoffMs: 1, backoffMaxMs: 1 },
    })
    await store.forTenant('acme').documents.putMany(
      ['one', 'poison', 'poison too'].map((text, at) => ({ id: String(at), text })),
      { embed: 'deferred' },
    )
    for (let i = 0; i < 30; i++) await clock.advance(500)
    expect(await store.backlog()).toMatchObject({ waiting: 0, parked: 2 })
    expect(told).toEqual(['parked jobs of vector HW_JOB_PARKED'])
    expect(lines).toEqual([expect.stringMatching(/^error parked jobs of vector: .*cannot read this/)])
    poison = false
    await store.redrive()
    for (let i = 0; i < 60; i++) await clock.advance(500)
    expect(lines.at(-1)).toBe('info parked jobs of vector: well again')
    await store.close()
  })

  it('refuses a logger that cannot be told', async () => {
    for (const [options, path] of [
      [{ logger: { warn: () => undefined } }, 'logger'],
      [{ logger: 'console' }, 'logger'],
      [{ onError: 'console.error' }, 'onError'],
    ] as const) {
      await expect(createTestStore(options as never)).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path })
    }
    await (await createTestStore({ logger: console })).close()
  })
})
