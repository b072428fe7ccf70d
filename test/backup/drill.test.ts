import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type BackupStep, drillBackup, listBackups, runBackups } from 'headwater/backup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listen } from '../../src/observability/channels'
import { PostgresTextRepository } from '../../src/repositories/bm25/texts'
import { withSource } from '../../src/store/backup/source'
import { cli } from '../cli/harness'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { type Filled, fill, open } from './filled'

const leftovers = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('headwater-drill-'))

describe('a drill in this process', () => {
  let folder = ''
  let store: Filled
  const at = (name: string): string => path.join(folder, name)
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-drill-'))
    store = await open({ embedded: { path: at('store') } })
    await fill(store)
    await store.createBackup({ to: at('place') })
  })
  afterAll(async () => {
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('restores, asks, and leaves nothing behind', async () => {
    const before = await leftovers()
    const report = await drillBackup({ from: at('place') })
    expect(report.checks.map(({ name, ok }) => [name, ok])).toEqual(
      ['rows', 'blobs', 'indexes', 'words', 'vectors', 'isolation'].map((name) => [name, true]),
    )
    expect(report).toMatchObject({ ok: true })
    for (const name of ['words', 'vectors']) {
      expect(report.checks.find((one) => one.name === name)!.detail).toBe('6 asked')
    }
    expect(await leftovers()).toEqual(before)
  })

  it('fails where searches do not find what is there', async () => {
    const { search } = PostgresTextRepository.prototype
    PostgresTextRepository.prototype.search = async () => []
    try {
      const report = await drillBackup({ from: at('place') })
      expect([report.ok, report.checks.filter(({ ok }) => !ok).map(({ name }) => name)]).toEqual([false, ['words']])
    } finally {
      PostgresTextRepository.prototype.search = search
    }
  })

  it('fails where the backup cannot be restored', async () => {
    const { manifest } = await store.createBackup({ to: at('damaged') })
    const { file } = manifest.tables.find(({ name }) => name === 'documents')!.parts[0]!
    const bytes = await readFile(path.join(at('damaged'), file))
    bytes[40]! ^= 1
    await writeFile(path.join(at('damaged'), file), bytes)
    const report = await drillBackup({ from: at('damaged') })
    expect(report).toMatchObject({ ok: false, checks: [{ name: 'rows', ok: false }] })
  })
})

describeWithPgvector('backups by a schedule', () => {
  const database = useDatabase(() => pgvectorUrl()!)
  let folder = ''
  let store: Filled
  const at = (name: string): string => path.join(folder, name)
  const where = () => ({ postgres: { url: database().url }, blobs: { path: at('blobs') } })
  const rewind = (doneAt: number, retryAt = 0) =>
    withSource(where(), ({ truth }) =>
      truth.session({ worker: true }).registry.write('backup:run', { holder: null, until: 0, doneAt, retryAt }),
    )
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-run-'))
    store = await open(where())
    await fill(store, 5)
  })
  afterAll(async () => {
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('once: creates, verifies, prunes and drills; health and metrics tell how old they are', async () => {
    expect((await store.health()).backups).toEqual({ backupAgeMs: null, drillAgeMs: null })
    const steps: BackupStep[] = []
    const report = await runBackups(where(), { to: at('place'), once: true, onStep: (step) => steps.push(step) })
    expect(steps.map(({ step, ok }) => [step, ok])).toEqual([
      ['create', true],
      ['verify', true],
      ['prune', true],
      ['drill', true],
    ])
    expect(report).toEqual({ cycles: 1, failed: 0 })
    const { backups } = await store.health()
    for (const age of [backups!.backupAgeMs!, backups!.drillAgeMs!]) {
      expect(age).toBeGreaterThanOrEqual(0)
      expect(age).toBeLessThan(60_000)
    }
    const heard: unknown[] = []
    const stopListening = listen('headwater:backups', (event) => heard.push(event))
    const stop = new AbortController()
    const running = store.relay.run({ signal: stop.signal })
    await expect.poll(() => heard.length).toBeGreaterThan(0)
    stop.abort()
    await running
    stopListening()
    expect(heard[0]).toEqual({ backupAgeMs: expect.any(Number), drillAgeMs: expect.any(Number) })
    // Within a week there is no other drill.
    const next: string[] = []
    await runBackups(where(), { to: at('place'), once: true, onStep: ({ step }) => next.push(step) })
    expect(next).toEqual(['create', 'verify', 'prune'])
  })

  it('drills on the server, in a schema that is gone afterwards', async () => {
    const report = await drillBackup({ from: at('place'), server: { url: database().url } })
    expect(report).toMatchObject({ ok: true })
    const { rows } = await database().admin(`SELECT nspname FROM pg_namespace WHERE nspname ~ '^headwater'`)
    expect(rows.map(({ nspname }) => nspname)).toEqual(['headwater'])
    expect(await store.forTenant('acme').documents.get('doc 0 x')).not.toBe(null)
  })

  it('what was missed is caught up once, by one of two processes', async () => {
    await rewind(Date.now() - 10 * 86_400_000)
    const stop = new AbortController()
    const to = at('caught up')
    const options = { to, signal: stop.signal, schedule: '0 3 * * *', verify: 'quick', drillEveryMs: 9e9 } as const
    const running = Promise.all([runBackups(where(), options), runBackups(where(), options)])
    await expect.poll(async () => (await listBackups({ from: to })).length, { timeout: 30_000 }).toBe(1)
    // The next is due at three o'clock.
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    stop.abort()
    const reports = await running
    expect(reports.map(({ cycles }) => cycles).sort()).toEqual([0, 1])
    expect(await listBackups({ from: to })).toHaveLength(1)
  })

  it('nothing is due that is not, and nothing is done under the lock of another', async () => {
    await rewind(Date.now())
    const stop = new AbortController()
    const running = runBackups(where(), { to: at('not due'), signal: stop.signal, schedule: '0 3 1 1 *' })
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    stop.abort()
    expect(await running).toEqual({ cycles: 0, failed: 0 })
    const held = { holder: 'another', until: Date.now() + 60_000, doneAt: 0, retryAt: 0 }
    await withSource(where(), ({ truth }) => truth.session({ worker: true }).registry.write('backup:run', held))
    await expect(runBackups(where(), { to: at('x'), once: true })).rejects.toMatchObject({ code: 'HW_BACKUP_BUSY' })
    await rewind(Date.now())
  })

  it('a step that fails is told, counted, and tried again later', async () => {
    await writeFile(at('a file'), '')
    const steps: BackupStep[] = []
    const report = await runBackups(where(), { to: at('a file'), once: true, onStep: (step) => steps.push(step) })
    expect(report).toEqual({ cycles: 1, failed: 1 })
    expect(steps).toEqual([{ step: 'create', ok: false, detail: expect.stringContaining('HW_STORAGE') }])
    const record = await withSource(where(), ({ truth }) => truth.session({ worker: true }).registry.read('backup:run'))
    expect(record).toMatchObject({ holder: null, retryAt: expect.any(Number) })
    expect((record as { retryAt: number }).retryAt).toBeGreaterThan(Date.now())
  })

  it('on the command line', async () => {
    const env = { DATABASE_URL: database().url }
    const run = (...args: string[]) => cli(['backup', ...args], { cwd: folder, env })
    await rewind(Date.now())
    // The settings name no place for the blobs that documents own.
    const once = await run('run', '--to', './by command', '--once', '--json')
    expect([once.code, once.json(), once.stderr]).toEqual([
      1,
      { cycles: 1, failed: 1 },
      expect.stringContaining('HW_INVALID_OPTIONS'),
    ])
    const drilled = await run('drill', '--from', './place')
    expect([drilled.code, drilled.stdout]).toEqual([
      0,
      expect.stringMatching(/ok {2}isolation.*a restore takes about/s),
    ])
    for (const [args, path] of [
      [['run', '--to', './x', '--schedule', 'daily'], 'schedule'],
      [['run', '--to', './x', '--schedule', '0 0 31 2 *'], 'schedule'],
      [['run', '--to', './x', '--timezone', 'Mars/Olympus'], 'schedule'],
      [['run', '--to', './x', '--drill-days', 'x'], '--drill-days'],
      [['run', '--to', './x', '--verify', 'x'], 'verify'],
    ] as const) {
      const wrong = await run(...args, '--json')
      expect([args, wrong.code, wrong.json().error.path]).toEqual([args, 2, path])
    }
    const embedded = await cli(['backup', 'run', '--to', './x', '--path', './e', '--json'], { cwd: folder })
    expect(embedded.json().error).toMatchObject({ code: 'HW_INVALID_OPTIONS', path: 'postgres' })
  })
})
