import { existsSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore, settingsFromEnv, storeOptionsFrom } from '../../index'
import type { Check } from '../../src/cli/doctor/check'
import { describeWithElasticsearch, once } from '../support/elasticsearch'
import { describeWithS3 } from '../support/minio'
import { useDatabase } from '../support/postgres'
import { clearFaults, type QdrantDouble, startQdrantDouble } from '../support/qdrant-double'
import { describeWithRedis } from '../support/redis'
import { TcpProxy } from '../support/tcp-proxy'
import { type CliOptions, cli, useFolder } from './harness'

interface Diagnosis {
  readonly code: number
  readonly status: string
  readonly checks: readonly Check[]
  readonly bad: readonly Check[]
  /** The checks of this name. */
  of(name: string): readonly Check[]
}

async function doctor(options: CliOptions, ...args: string[]): Promise<Diagnosis> {
  const env = { EMBEDDING_MODEL: 'hashing', ...options.env }
  const { code, json, stdout, stderr } = await cli(['doctor', '--json', ...args], { ...options, env })
  expect(stdout.trim().split('\n')).toHaveLength(1)
  for (const secret of ['hush', options.env?.['S3_SECRET_KEY'] ?? 'hush']) {
    expect(stdout + stderr).not.toContain(secret)
  }
  const { status, checks } = json() as Diagnosis
  for (const check of checks) {
    expect(Object.keys(check)).toEqual(['name', 'state', 'detail', 'remedy', 'code'])
    if (check.state === 'ok') expect(check.remedy).toBeNull()
    else expect(check.remedy).toMatch(/\w{3,}/)
  }
  const bad = checks.filter(({ state }) => state !== 'ok')
  expect(code).toBe(checks.some(({ state }) => state === 'failed') ? 1 : 0)
  return { code, status, checks, bad, of: (name) => checks.filter((check) => check.name === name) }
}

once(describe)('doctor of settings and folders', () => {
  const folder = useFolder()

  it('names every problem of the settings at once', async () => {
    const env = { HEADWATER_QDRANT_PORT: 'many', HEADWATER_REDIS_URL: 'http://me:hush@x', S3_ENDPOINT: 'http://x' }
    const { code, checks } = await doctor({ cwd: folder(), env })
    expect(code).toBe(1)
    const details = checks.map(({ detail }) => detail).join('\n')
    for (const name of ['DATABASE_URL', 'QDRANT_PORT', 'REDIS_URL', 'S3_ACCESS_KEY']) expect(details).toContain(name)
    expect(checks.every((check) => check.code === 'HW_INVALID_SETTINGS')).toBe(true)
  })

  it('warns of what is meant for others, and goes on without it', async () => {
    const env = { LOG_LEVEL: 'verbose', EMBEDDING_MODEL: 'hashing' }
    const { code, of } = await doctor({ cwd: folder(), env }, '--path', ':memory:')
    expect(code).toBe(0)
    expect(of('settings')).toMatchObject([
      { state: 'ok' },
      { state: 'warning', detail: expect.stringContaining('LOG_LEVEL'), remedy: expect.stringContaining('HEADWATER_') },
    ])
  })

  it('warns of a hashing embedder that nobody named, and fails for it where that is asked', async () => {
    const options = { cwd: folder(), env: { HEADWATER_MODEL_DIR: folder() } }
    const embedder = { name: 'embedder', state: 'warning', detail: expect.stringContaining('hashing') }
    for (const [strict, exit] of [
      [[], 0],
      [['--strict'], 1],
    ] as const) {
      const { code, json } = await cli(['doctor', '--json', '--path', ':memory:', ...strict], options)
      expect(code).toBe(exit)
      expect(json()).toMatchObject({
        status: 'warning',
        checks: expect.arrayContaining([expect.objectContaining(embedder)]),
      })
    }
    expect(await doctor(options, '--path', ':memory:')).toMatchObject({ code: 0, status: 'ok' })
  })

  it.each([
    ['--timeout', '0'],
    ['--timeout', 'soon'],
    ['--collection', 'a b'],
  ])('%s %s is a wrong use', async (...args) => {
    const { code } = await cli(['doctor', '--path', '.x', ...args], { cwd: folder() })
    expect(code).toBe(2)
  })

  it('looks at an embedded store, and makes none', async () => {
    const options = { cwd: folder() }
    const none = await doctor(options, '--path', '.none')
    expect(none.bad).toMatchObject([{ name: 'postgres', state: 'failed', code: 'HW_MIGRATION_NEEDED' }])
    expect(none.bad[0]?.remedy).toContain('headwater init')
    expect(existsSync(path.join(folder(), '.none'))).toBe(false)
    expect(await doctor(options, '--path', ':memory:')).toMatchObject({ code: 0, status: 'ok' })

    await cli(['init'], options)
    const well = await doctor(options)
    expect(well).toMatchObject({ code: 0, status: 'ok', bad: [] })
    const names = ['settings', 'postgres', 'migrations', 'row level security', 'topology', 'jobs', 'workers']
    expect(well.checks.map(({ name }) => name)).toEqual(expect.arrayContaining(names))
    expect(well.of('index vector_documents_1')).toMatchObject([{ state: 'ok' }])

    await using store = await openStore({ embedded: { path: path.join(folder(), '.headwater') } })
    const locked = await doctor(options)
    expect(locked.of('postgres')).toMatchObject([{ state: 'failed', code: 'HW_EMBEDDED_LOCKED' }])
    expect(locked.of('migrations')).toMatchObject([{ state: 'warning' }])
    expect(await store.backlog()).toMatchObject({ waiting: 0 })
  }, 120_000)

  it('another embedder, splitter or language is failed; of a collection unknown here a warning', async () => {
    const made = { embedder: { hashing: { dimensions: 16 } }, language: 'german' } as const
    const collections = { documents: made, policies: made }
    const store = await openStore({ embedded: { path: path.join(folder(), '.other') }, collections })
    await store.close()
    const { of } = await doctor({ cwd: folder() }, '--path', '.other')
    expect(of('embedder of documents')).toMatchObject([
      { state: 'failed', code: 'HW_FINGERPRINT_MISMATCH', remedy: expect.stringContaining('embedder') },
    ])
    expect(of('language of documents')).toMatchObject([{ state: 'failed', code: 'HW_TOPOLOGY_MISMATCH' }])
    expect(of('embedder of policies')).toMatchObject([{ state: 'warning' }])
  }, 120_000)

  it('is a table for people, with what is wrong in bold', async () => {
    const { code, stdout } = await cli(['doctor', '--path', '.none'], { cwd: folder(), tty: true })
    expect(code).toBe(1)
    expect(stdout).toContain('\u001b[1mfailed\u001b[22m')
    expect(stdout).toContain('remedy')
    expect(stdout.split('\n').every((line) => line.length < 160)).toBe(true)
  })

  it('when nothing can be reached, says so of each store, in time', async () => {
    const env = {
      DATABASE_URL: 'postgres://me:hush@127.0.0.1:1/app',
      QDRANT_URL: 'http://127.0.0.1:1',
      ELASTICSEARCH_URL: 'http://127.0.0.1:1',
      REDIS_URL: 'redis://me:hush@127.0.0.1:1/0',
      S3_ENDPOINT: 'http://127.0.0.1:1',
      S3_ACCESS_KEY: 'me',
      S3_SECRET_KEY: 'hushhush',
    }
    const { of } = await doctor({ env })
    for (const name of ['postgres', 'qdrant', 'elasticsearch', 'redis', 's3']) {
      expect(of(name)).toMatchObject([{ state: 'failed', code: 'HW_UNAVAILABLE' }])
      expect(of(name)[0]?.detail).toMatch(/127\.0\.0\.1.*While it is so(, where the live index is in it)?: /)
    }
    expect(of('migrations')).toMatchObject([{ state: 'warning', remedy: expect.stringContaining('postgres') }])
  })
})

describeWithElasticsearch('doctor of the full profile', (elasticsearch) => {
  describeWithRedis('and Redis', (redis) => {
    describeWithS3('and S3', (s3) => {
      const folder = useFolder()
      const database = useDatabase()
      let double: QdrantDouble
      let proxy: TcpProxy
      let env: Record<string, string>
      const look = (changed: Record<string, string> = {}, ...args: string[]) =>
        doctor({ cwd: folder(), env: { ...env, ...changed } }, ...args)

      beforeAll(async () => {
        double = await startQdrantDouble()
        proxy = await TcpProxy.to(double.url)
        const { accessKey, secretKey } = s3().options
        env = {
          DATABASE_URL: database().url,
          QDRANT_URL: new URL(proxy.url).origin,
          ELASTICSEARCH_URL: elasticsearch,
          REDIS_URL: redis().url,
          S3_ENDPOINT: s3().endpoint,
          S3_ACCESS_KEY: accessKey!,
          S3_SECRET_KEY: secretKey!,
        }
      })
      afterAll(async () => {
        await proxy.close()
        await double.close()
      })

      it('before the first migration: says what is pending, and changes nothing', async () => {
        const { bad } = await look()
        const [migrations, ...rest] = bad
        expect(migrations).toMatchObject({ name: 'migrations', state: 'failed', code: 'HW_MIGRATION_NEEDED' })
        expect(migrations?.remedy).toContain('headwater migrate up')
        expect(rest.every(({ state }) => state === 'warning')).toBe(true)
        const { rows } = await database().admin(`SELECT nspname FROM pg_namespace WHERE nspname = 'headwater'`)
        expect(rows).toEqual([])
        expect(double.collections().size).toBe(0)
      })

      it('migrated and never opened: nothing is wrong, with roles that another database’s store made or without', async () => {
        await cli(['migrate', 'up'], { cwd: folder(), env })
        expect(await look()).toMatchObject({ code: 0, bad: [] })
        for (const role of ['headwater_app NOLOGIN', 'headwater_worker NOLOGIN BYPASSRLS']) {
          const body = `BEGIN CREATE ROLE ${role}; EXCEPTION WHEN duplicate_object THEN NULL; END`
          await database().admin(`DO '${body}'`)
        }
        expect(await look()).toMatchObject({ code: 0, bad: [] })
        const { rows } = await database().admin(`SELECT name FROM headwater.registry WHERE name = 'topology'`)
        expect(rows).toEqual([])
      })

      it('healthy: every store, version, and index', async () => {
        const store = await openStore(settingsFromEnv(env))
        await store.forTenant('acme').documents.put({ id: 'a', text: 'words' })
        await store.relay.drain()
        await store.close()
        const { code, bad, checks, of } = await look()
        expect(bad).toEqual([])
        expect(code).toBe(0)
        expect(of('elasticsearch')[0]?.detail).toMatch(/\d+\.\d+\.\d+, [\d.]+ ms$/)
        expect(of('qdrant fences')).toMatchObject([{ state: 'ok' }])
        expect(of('row level security')[0]?.detail).toContain('headwater_app')
        const indexes = checks.filter(({ name }) => name.startsWith('index ')).map(({ detail }) => detail)
        expect(indexes).toEqual(['live, in qdrant', 'live, in elasticsearch'])
        expect([...double.collections().keys()].filter((name) => name.includes('canary'))).toEqual([])
      })

      it('an index that moves to another engine: live there, and the one before is fed beside it', async () => {
        const move = async (engine: string): Promise<unknown> => {
          const args = ['rebuild', '--target', 'text', '--engine', engine, '--json']
          return (await cli(args, { cwd: folder(), env })).json()
        }
        expect(await move('postgres')).toMatchObject({ target: 'text', engine: 'postgres', copied: 1 })
        const { bad, of } = await look()
        expect(bad).toEqual([])
        expect(of('engine of documents/text')[0]?.detail).toBe(
          'live in postgres; elasticsearch is fed beside it, until a rebuild or a way back is over; ' +
            '`headwater rebuild --target text --engine elasticsearch --collection documents` moves it to elasticsearch',
        )
        expect(of('engine of documents/vector')[0]?.detail).toBe('live in qdrant')
        const wrong = await cli(['rebuild', '--engine', 'postgres', '--splitter', 'default'], { cwd: folder(), env })
        expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('--engine') })
        expect(await move('elasticsearch')).toMatchObject({ engine: 'elasticsearch' })
        await cli(['rollback', '--target', 'text', '--drop'], { cwd: folder(), env })
        expect((await look()).of('engine of documents/text')[0]?.detail).toBe('live in elasticsearch')
      })

      it('an index of an older format is named with its remedy, one of a later version is failed', async () => {
        const format = (made: object) =>
          database().admin(
            `UPDATE headwater.generations SET format = '${JSON.stringify(made)}' WHERE target = 'vector'`,
          )
        const { rows } = await database().admin(
          `SELECT name, format FROM headwater.generations WHERE target = 'vector'`,
        )
        const name = `format of ${rows[0].name}`
        await format({ words: 1, payload: 0 })
        expect((await look()).bad).toMatchObject([
          { name, state: 'warning', remedy: 'Run `headwater rebuild --target vector --collection documents`.' },
        ])
        await format({ words: 1, payload: 99 })
        expect((await look()).bad).toMatchObject([{ name, state: 'failed', code: 'HW_TOPOLOGY_MISMATCH' }])
        await expect(openStore(settingsFromEnv(env))).rejects.toMatchObject({ code: 'HW_TOPOLOGY_MISMATCH' })
        await format(rows[0].format)
      })

      it('Qdrant down: failed with what users notice, and its index is not looked at', async () => {
        proxy.refuse()
        const { code, bad } = await look()
        proxy.resume()
        expect(code).toBe(1)
        expect(bad).toMatchObject([
          { name: 'qdrant', state: 'failed', code: 'HW_UNAVAILABLE', detail: expect.stringContaining('words alone') },
          { name: expect.stringContaining('index '), state: 'warning', remedy: expect.stringContaining('qdrant') },
        ])
      })

      it('Qdrant hangs: the rest is looked at all the same, within the time given', async () => {
        proxy.stall()
        const startedAt = performance.now()
        const { bad, of } = await look({}, '--timeout', '3')
        expect(performance.now() - startedAt).toBeLessThan(4_500)
        proxy.cut()
        proxy.resume()
        expect(bad[0]).toMatchObject({ name: 'qdrant', state: 'failed', code: 'HW_TIMEOUT' })
        expect(of('topology')).toMatchObject([{ state: 'ok' }])
      })

      it('Qdrant too old for fences', async () => {
        double.faults.forgetVersion = '1.15.4'
        const { bad } = await look()
        clearFaults(double.faults)
        expect(bad[0]).toMatchObject({ name: 'qdrant', state: 'failed', code: 'HW_SERVER_UNSUPPORTED' })
        expect(bad[0]?.detail).toContain('1.15.4')
        expect(bad[0]?.remedy).toContain('Upgrade')
      })

      it('without the engine of a live index: failed with what to configure', async () => {
        const { bad, of } = await look({ QDRANT_URL: '' })
        const [engine] = bad.filter(({ name }) => name === 'engine of documents/vector')
        expect(engine).toMatchObject({ state: 'failed', code: 'HW_TOPOLOGY_MISMATCH' })
        expect(engine?.detail).toContain('give `qdrant` (QDRANT_URL)')
        expect(of('topology')[0]?.detail).toBe(
          'configured: new vectors in postgres; new texts in elasticsearch, or postgres',
        )
        expect(of('engine of documents/text')).toMatchObject([{ state: 'ok', detail: 'live in elasticsearch' }])
      })

      it('an index that lost its alias, and one that is gone', async () => {
        const text = (await look()).checks.find(({ detail }) => detail.endsWith(', in elasticsearch'))
        const { rows } = await database().admin(`SELECT value FROM headwater.registry WHERE name = 'installation'`)
        const index = `headwater_${rows[0].value}-${text!.name.replace('index ', '')}`
        await fetch(`${elasticsearch}/${index}/_alias/headwater_${rows[0].value}-documents.live`, { method: 'DELETE' })
        const led = { name: text!.name, state: 'warning', remedy: expect.stringContaining('headwater relay') }
        expect((await look()).bad).toMatchObject([led])
        const alias = `${index}.write`
        await fetch(`${elasticsearch}/${index}/_alias/${alias}`, { method: 'DELETE' })
        expect((await look()).bad).toMatchObject([{ name: text!.name, state: 'failed', code: 'HW_GENERATION_MISSING' }])
        await fetch(`${elasticsearch}/${index}`, { method: 'DELETE' })
        const gone = await look()
        expect(gone.bad).toMatchObject([{ name: text!.name, state: 'failed', code: 'HW_GENERATION_MISSING' }])
        expect(gone.bad[0]?.remedy).toContain('headwater rebuild --target text')
        expect((await cli(['rebuild', '--target', 'text'], { cwd: folder(), env })).code).toBe(0)
        const after = (await look()).checks.filter(({ detail }) => detail === 'live, in elasticsearch')
        expect(after).toMatchObject([{ state: 'ok' }])
      })

      it('jobs that nobody does, a table without policies, a newer database', async () => {
        const url = database().url
        const store = await openStore({ ...storeOptionsFrom(settingsFromEnv(env)), relay: 'external' })
        await store.forTenant('acme').documents.put({ id: 'b', text: 'more words' })
        await store.close()
        await database().admin(`DELETE FROM headwater.workers`)
        const idle = await look()
        expect(idle.of('workers')).toMatchObject([{ state: 'warning', remedy: 'Run `headwater relay`.' }])
        await database().admin(`UPDATE headwater.queue SET parked_at = now(), reason = 'HW_X: no'`)
        expect((await look()).of('jobs')).toMatchObject([{ state: 'warning', remedy: expect.stringContaining('dlq') }])

        await database().admin('ALTER TABLE headwater.queue NO FORCE ROW LEVEL SECURITY')
        const open = await look({ DATABASE_URL: url })
        expect(open.of('row level security')).toMatchObject([{ state: 'failed', code: 'HW_RLS_REQUIRED' }])
        expect(open.of('row level security')[0]?.detail).toContain('queue')
        await database().admin('ALTER TABLE headwater.queue FORCE ROW LEVEL SECURITY')

        await database().admin(`CREATE ROLE doctor_bypass LOGIN PASSWORD 'hush' BYPASSRLS`)
        await database().admin('GRANT USAGE ON SCHEMA headwater TO doctor_bypass')
        await database().admin('GRANT SELECT ON ALL TABLES IN SCHEMA headwater TO doctor_bypass')
        const bypass = await look({ DATABASE_URL: database().urlAs('doctor_bypass', 'hush') })
        expect(bypass.of('row level security')).toMatchObject([{ state: 'warning' }])
        await database().admin('DROP OWNED BY doctor_bypass; DROP ROLE doctor_bypass')

        await database().admin(`INSERT INTO headwater.migrations (name, timestamp) VALUES ('9999_later', now())`)
        expect((await look()).of('migrations')).toMatchObject([{ state: 'failed', code: 'HW_MIGRATION_AHEAD' }])
      })
    })
  })
})
