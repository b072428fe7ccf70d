// The lowest version of each optional peer that package.json allows, with one store over all of them: real servers where
// this machine has them. A peer without its server is loaded and said to be so.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { metrics } from '@opentelemetry/api'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { openStore } from 'headwater'
import { verifyBackup } from 'headwater/backup'
import { openTelemetryMetrics } from 'headwater/opentelemetry'
import { prometheusMetrics } from 'headwater/prometheus'
import prom from 'prom-client'

const prefix = `lowest${randomBytes(4).toString('hex')}`
const closing = []

async function freePort() {
  const probe = createServer()
  await once(probe.listen(0, '127.0.0.1'), 'listening')
  const { port } = probe.address()
  probe.close()
  return port
}

/** Undefined where the command is not on this machine. */
async function serve(what, command, env = {}) {
  const port = await freePort()
  const child = spawn(
    command[0],
    command.slice(1).map((word) => word.replace('PORT', port)),
    {
      stdio: 'ignore',
      env: { ...process.env, ...env },
    },
  )
  const started = await Promise.race([once(child, 'spawn').then(() => true), once(child, 'error').then(() => false)])
  if (!started) return void console.log(`NOT RUN: ${what}, for want of ${command[0]}`)
  closing.push(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return port
}

const data = mkdtempSync(path.join(tmpdir(), 'headwater-lowest-'))
closing.push(async () => rmSync(data, { recursive: true, force: true }))
const cache = process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache')
const keys = { accessKey: 'headwater', secretKey: 'headwater-secret' }

let failed
try {
  const redis = await serve('ioredis', ['redis-server', '--port', 'PORT', '--bind', '127.0.0.1', '--save', ''])
  const minio = await serve(
    'minio',
    [path.join(cache, 'headwater-ci/minio'), 'server', data, '--quiet', '--address', '127.0.0.1:PORT'],
    { MINIO_ROOT_USER: keys.accessKey, MINIO_ROOT_PASSWORD: keys.secretKey, MINIO_BROWSER: 'off', MINIO_UPDATE: 'off' },
  )
  const elasticsearch = process.env.HW_TEST_ELASTICSEARCH_URL
  if (!elasticsearch) console.log('NOT RUN: @elastic/elasticsearch, for want of HW_TEST_ELASTICSEARCH_URL')

  const stops = [prometheusMetrics(), openTelemetryMetrics()]
  assert.equal(typeof metrics.getMeter, 'function')
  const store = await openStore({
    embedded: { path: ':memory:' },
    embedder: { hashing: {} },
    ...(redis && { redis: { url: `redis://127.0.0.1:${redis}/0` } }),
    ...(minio && { s3: { endpoint: `http://127.0.0.1:${minio}`, ...keys } }),
    ...(elasticsearch && { elasticsearch: { url: elasticsearch, prefix } }),
  })
  try {
    const acme = store.forTenant('acme')
    const receipt = await acme.documents.put({ id: 'a', title: 'Leave', text: 'Parental leave is sixteen weeks.' })
    await acme.waitFor(receipt, { timeoutMs: 60_000 })
    const { hits, degraded } = await acme.search({ query: 'parental leave' })
    assert.deepEqual([hits[0]?.documentId, degraded], ['a', []])
    await acme.cache.set('key', { some: 'value' })
    assert.deepEqual(await acme.cache.get('key'), { some: 'value' })
    if (minio) await withPatience(() => acme.blobs.put('some bytes'))
    const identity = await generateIdentity()
    const place = mkdtempSync(path.join(tmpdir(), 'headwater-lowest-backup-'))
    closing.push(async () => rmSync(place, { recursive: true, force: true }))
    await store.createBackup({ to: { path: place, recipients: [await identityToRecipient(identity)] } })
    assert.equal((await verifyBackup({ from: { path: place, identities: [identity] } })).ok, true)
    const health = await store.health()
    assert.ok(Object.values(health.connections).every(({ status }) => status === 'up'))
    console.log('up:', Object.keys(health.connections).join(', '))
  } finally {
    await store.close()
    if (elasticsearch) await forget(elasticsearch)
  }
  assert.match(await prom.register.metrics(), /headwater_write_seconds_count/)
  for (const stop of stops) stop()
} catch (error) {
  failed = error
} finally {
  for (const close of closing.reverse()) await close()
}
if (failed) throw failed
console.log('lowest: ok')

/** Indexes of ours, each by its name: a server may refuse a pattern. */
async function forget(url) {
  const listed = await fetch(new URL(`_cat/indices/${prefix}*?expand_wildcards=all&h=index`, url))
  for (const name of (await listed.text()).split(/\s+/).filter(Boolean)) {
    await fetch(new URL(name, url), { method: 'DELETE' })
  }
}

/** MinIO answers with 503 until it has read its users and buckets. */
async function withPatience(work) {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (tries === 20) throw error
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
}
