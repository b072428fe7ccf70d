import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PostgresConnection } from '../../../src/connections/postgres/connection'
import { FolderLock } from '../../../src/connections/postgres/folder-lock'
import { identityOf, thisProcess } from '../../../src/connections/postgres/process-identity'
import { systemRandom } from '../../../src/core/random'
import { FakeClock } from '../../../src/testing/fake-clock'
import { acme, rejection, useConnections, worker } from './backends'

const connectTo = useConnections()
let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'headwater-embedded-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('an embedded folder', () => {
  it('is made, keeps what is written, and has pgvector', async () => {
    const path = join(root, 'new', 'store')
    const first = connectTo({ embedded: { path } })
    await first.session(worker).query('CREATE EXTENSION vector SCHEMA public')
    await first.session(worker).query("CREATE TABLE public.kept AS SELECT '[1,2]'::public.vector AS v")
    expect(existsSync(join(path, 'headwater.lock'))).toBe(true)

    const second = connectTo({ embedded: { path } })
    const error = await rejection(second.session(worker).query('SELECT 1'))
    expect(error).toMatchObject({
      code: 'HW_EMBEDDED_LOCKED',
      path: 'postgres.embedded.path',
      details: { pid: process.pid },
    })

    await first.close()
    expect(readdirSync(path)).toEqual(['postgres'])
    const { rows } = await second.session(worker).query('SELECT v FROM public.kept')
    expect(rows).toEqual([{ v: '[1,2]' }])
    await second.close()
  })

  it('begins anew where a first start was cut off half-way', async () => {
    const path = join(root, 'half')
    mkdirSync(join(path, 'postgres.unfinished', 'base'), { recursive: true })
    writeFileSync(join(path, 'postgres.unfinished', 'PG_VERSION'), '18\n')
    const connection = connectTo({ embedded: { path } })
    await expect(connection.session(worker).query('SELECT 1 AS n')).resolves.toMatchObject({ rows: [{ n: 1 }] })
    await connection.close()
    expect(readdirSync(path)).toEqual(['postgres'])
  })

  it('never clears away what has the name of a whole database, whatever lies beside it', async () => {
    const path = join(root, 'marked')
    const first = connectTo({ embedded: { path } })
    await first.session(worker).query('CREATE TABLE public.kept AS SELECT 7 AS n')
    await first.close()
    writeFileSync(join(path, 'initialising'), '') // the mark of 0.1.0, which meant: begin anew
    mkdirSync(join(path, 'postgres.unfinished'))
    const second = connectTo({ embedded: { path } })
    await expect(second.session(worker).query('SELECT n FROM public.kept')).resolves.toMatchObject({ rows: [{ n: 7 }] })
    await second.close()

    const { size } = statSync(join(path, 'postgres', 'global', 'pg_control'))
    rmSync(join(path, 'postgres', 'PG_VERSION'))
    const third = connectTo({ embedded: { path } })
    expect(await rejection(third.session(worker).query('SELECT 1'))).toMatchObject({ code: 'HW_STORAGE' })
    expect(statSync(join(path, 'postgres', 'global', 'pg_control')).size).toBe(size)
  })

  it('lets nobody in whose user removes the lock of a running store', async () => {
    const path = join(root, 'unlocked')
    const first = connectTo({ embedded: { path } })
    await first.session(worker).query('SELECT 1')
    rmSync(join(path, 'headwater.lock'))
    const second = connectTo({ embedded: { path } })
    expect(await rejection(second.session(worker).query('SELECT 1'))).toMatchObject({ code: 'HW_EMBEDDED_LOCKED' })
    await expect(first.session(worker).query('SELECT 1 AS n')).resolves.toMatchObject({ rows: [{ n: 1 }] })
    await first.close()
    await expect(second.session(worker).query('SELECT 1 AS n')).resolves.toMatchObject({ rows: [{ n: 1 }] })
    await second.close()
    expect(readdirSync(path)).toEqual(['postgres'])
    expect(existsSync(join(path, 'postgres', 'headwater.lock'))).toBe(false)
  })

  it('is HW_STORAGE where a file is in the way, and nothing is left there', async () => {
    const file = join(root, 'file')
    writeFileSync(file, 'mine')
    const connection = connectTo({ embedded: { path: join(file, 'store') } })
    const error = await rejection(connection.session(worker).query('SELECT 1'))
    expect(error).toMatchObject({ code: 'HW_STORAGE', path: 'postgres.embedded.path' })
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })

  it('that may not be written is HW_STORAGE, and nothing is left in it', async () => {
    const path = join(root, 'read-only')
    mkdirSync(path)
    chmodSync(path, 0o555)
    chmodSync(root, 0o755)
    const connection = connectTo({ embedded: { path } })
    // Root may write anywhere, so for this call it is somebody else.
    const isRoot = process.geteuid?.() === 0
    if (isRoot) process.seteuid?.(65_534)
    const error = await rejection(connection.session(worker).query('SELECT 1')).finally(() => {
      if (isRoot) process.seteuid?.(0)
    })
    expect(error).toMatchObject({ code: 'HW_STORAGE', path: 'postgres.embedded.path', cause: { code: 'EACCES' } })
    expect(readdirSync(path)).toEqual([])
  })

  it('that could not be opened is tried anew by the next call', async () => {
    const path = join(root, 'late')
    writeFileSync(path, '')
    const connection = connectTo({ embedded: { path } })
    expect(await rejection(connection.session(worker).query('SELECT 1'))).toMatchObject({ code: 'HW_STORAGE' })
    rmSync(path)
    await expect(connection.session(worker).query('SELECT 1 AS n')).resolves.toMatchObject({ rowCount: 1 })
    await connection.close()
  })
})

describe('the lock of a folder', () => {
  const clock = new FakeClock(Date.now())
  const take = (folder: string) => FolderLock.acquire(folder, join(folder, 'data'), clock, systemRandom)
  const folder = (name: string): string => {
    const path = join(root, `lock-${name}`)
    mkdirSync(path)
    return path
  }
  const leave = (path: string, owner: object): void =>
    writeFileSync(join(path, 'headwater.lock'), JSON.stringify({ ...thisProcess(), token: 'other', ...owner }))

  it('is one owner’s until it is given back', () => {
    const path = folder('once')
    const lock = take(path)
    expect(() => take(path)).toThrow(expect.objectContaining({ code: 'HW_EMBEDDED_LOCKED' }))
    lock.release()
    take(path).release()
    expect(readdirSync(path)).toEqual([])
  })

  it('of a process that was killed is taken over', async () => {
    const path = folder('killed')
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    await new Promise((resolve) => child.once('spawn', resolve))
    leave(path, identityOf(child.pid!))
    expect(() => take(path)).toThrow(/in use by process \d+ on /)
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
    take(path).release()
  })

  it('of an earlier process with the same number is taken over', () => {
    const path = folder('reused')
    leave(path, { started: '1' })
    take(path).release()
  })

  it('from before the machine restarted is taken over', () => {
    const path = folder('restarted')
    leave(path, { boot: 'another' })
    take(path).release()
  })

  it('of another machine holds while its heart beats', () => {
    const path = folder('elsewhere')
    leave(path, { host: 'elsewhere', pid: 1 })
    expect(() => take(path)).toThrow(/process 1 on elsewhere/)
    const longAgo = Date.now() / 1_000 - 3_600
    utimesSync(join(path, 'headwater.lock'), longAgo, longAgo)
    take(path).release()
  })

  it('that somebody removed is put back at the next beat, and one that became another store’s is told', async () => {
    const path = folder('vanishing')
    const file = join(path, 'headwater.lock')
    const lock = take(path)
    const lost: unknown[] = []
    lock.watch((error) => lost.push(error))
    rmSync(file)
    await clock.advance(5_000)
    expect(() => take(path)).toThrow(expect.objectContaining({ code: 'HW_EMBEDDED_LOCKED' }))
    rmSync(file)
    const other = take(path)
    await clock.advance(5_000)
    expect(lost).toMatchObject([{ code: 'HW_EMBEDDED_LOCKED' }])
    lock.release()
    expect(existsSync(file)).toBe(true)
    other.release()
    expect(clock.pending).toBe(0)
  })

  it('is kept by its copy among the data, which is stale with its owner', async () => {
    const path = folder('copied')
    mkdirSync(join(path, 'data'))
    const copy = join(path, 'data', 'headwater.lock')
    const lock = take(path)
    rmSync(join(path, 'headwater.lock'))
    expect(() => take(path)).toThrow(expect.objectContaining({ code: 'HW_EMBEDDED_LOCKED' }))
    rmSync(copy)
    await clock.advance(5_000)
    expect(existsSync(copy)).toBe(true)
    lock.release()
    expect(readdirSync(path, { recursive: true })).toEqual(['data'])
    writeFileSync(copy, JSON.stringify({ ...thisProcess(), token: 'other', boot: 'another' }))
    take(path).release()
    expect(existsSync(copy)).toBe(false)
  })

  it('beats by the clock and leaves no timer', async () => {
    const path = folder('beating')
    const lock = take(path)
    await clock.advance(20_000)
    expect(() => take(path)).toThrow(expect.objectContaining({ code: 'HW_EMBEDDED_LOCKED' }))
    lock.release()
    expect(clock.pending).toBe(0)
  })
})

describe('the one connection of an embedded store', () => {
  it('a call outside the transaction that holds it ends at its deadline, and says why', async () => {
    const connection = connectTo({ embedded: { path: ':memory:' } })
    await connection.transaction(acme, async (tx) => {
      await tx.query('SELECT 1')
      const error = await rejection(connection.session(acme).query('SELECT 1', [], { timeoutMs: 50 }))
      expect(error).toMatchObject({ code: 'HW_TIMEOUT', details: { leased: 1, max: 1 } })
      expect(error.message).toContain('its own handle')
    })
    // A statement cannot be stopped, so an abort leaves the session sound and the transaction undone.
    const controller = new AbortController()
    const aborted = connection.transaction(
      acme,
      async (tx) => {
        await tx.query('CREATE TABLE public.never (id int)')
        const running = tx.query('SELECT sum(n) FROM generate_series(1, 200000) AS n', [], {
          name: 'hw_sum',
          signal: controller.signal,
        })
        controller.abort()
        await running
        await new Promise(() => {})
      },
      { timeoutMs: 500 },
    )
    await rejection(aborted)
    const { rows } = await connection.session(acme).query("SELECT to_regclass('never') AS t")
    expect(rows).toEqual([{ t: null }])
    await connection.close()
  })

  it('memory is gone with it', async () => {
    const connection = new PostgresConnection({ embedded: { path: ':memory:' } })
    await connection.session(worker).query('CREATE TABLE public.gone (id int)')
    await connection[Symbol.asyncDispose]()
    const next = connectTo({ embedded: { path: ':memory:' } })
    expect(await rejection(next.session(worker).query('SELECT * FROM public.gone'))).toMatchObject({
      details: { sqlState: '42P01' },
    })
  })
})
