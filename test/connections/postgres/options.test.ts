import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { postgresDefaults, resolvePostgresOptions } from '../../../src/connections/postgres/options'
import { isRead, literal, openingStatement } from '../../../src/connections/postgres/statement'
import { driverMissing } from '../../../src/resilience/driver-missing'

describe('options', () => {
  const url = 'postgres://me:secret@localhost/app'

  it.each([
    [{}, 'postgres'],
    [{ url, embedded: { path: 'x' } }, 'postgres'],
    [{ url: 'mysql://me:secret@localhost/app' }, 'postgres.url'],
    [{ url: 'postgres://me:secret@:no:port/' }, 'postgres.url'],
    [{ embedded: { path: '' } }, 'postgres.embedded.path'],
    [{ url, max: 0 }, 'postgres.max'],
    [{ url, max: 1.5 }, 'postgres.max'],
    [{ url, lockTimeoutMs: Number.NaN }, 'postgres.lockTimeoutMs'],
    [{ url, queryTimeoutMs: 1_000 }, 'postgres.queryTimeoutMs'],
  ])('%j is refused by its path and shows no secret', (options, path) => {
    try {
      resolvePostgresOptions(options)
      expect.unreachable('accepted')
    } catch (error) {
      expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS', path })
      expect(inspect(error)).not.toContain('secret')
    }
  })

  it('takes undefined for not given, and freezes a copy', () => {
    const resolved = resolvePostgresOptions({ url, max: undefined })
    expect(resolved).toMatchObject({ max: postgresDefaults.max, target: { kind: 'server' } })
    expect(Object.isFrozen(resolved)).toBe(true)
    expect(resolvePostgresOptions({ embedded: { path: ':memory:' }, max: 20 }).max).toBe(1)
  })
})

describe('drivers', () => {
  it('a missing package is named with the command that installs it', async () => {
    const missing = 'headwater-no-such-package'
    const cause = await import(/* @vite-ignore */ missing).catch((error: unknown) => error)
    const error = driverMissing('some-driver@1.2.3', cause)
    expect(error).toMatchObject({ code: 'HW_DRIVER_MISSING', details: { package: 'some-driver@1.2.3' }, cause })
    expect(error.message).toContain('npm install some-driver@1.2.3')
  })

  it('of one that is there and fails while it is loaded the message tells why, and advises no installation', async () => {
    const broken = 'data:text/javascript,throw new TypeError("broken in itself")'
    const cause = await import(/* @vite-ignore */ broken).catch((error: unknown) => error)
    const error = driverMissing('some-driver', cause)
    expect(error).toMatchObject({ code: 'HW_DRIVER_MISSING', message: expect.stringContaining('broken in itself') })
    expect(error.message).not.toContain('npm install')
  })
})

describe('statements', () => {
  it.each([
    ['SELECT 1', true],
    ['  -- why\n /* how */ (select 1) union select 2', true],
    ['WITH a AS (SELECT 1) SELECT * FROM a', true],
    ['VALUES (1)', true],
    ['WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a', false],
    ['WITH a AS (SELECT 1 FOR UPDATE) SELECT 1', false],
    ['INSERT INTO t VALUES (1)', false],
    ['EXPLAIN ANALYZE DELETE FROM t', false],
    ['selection()', false],
    ['', false],
  ])('%j is a read: %s', (text, read) => {
    expect(isRead(text)).toBe(read)
  })

  it('quotes what it puts into text', () => {
    expect(literal("a'b")).toBe("'a''b'")
    expect(literal("a\\'b")).toBe(" E'a\\\\''b'")
    expect(openingStatement({ as: { worker: true }, security: { active: false }, pinned: true })).toBe('BEGIN')
    expect(openingStatement({ as: { worker: true }, security: { active: false }, pinned: false })).toBe(
      `BEGIN; SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)`,
    )
  })
})
