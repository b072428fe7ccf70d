import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEntity, openStore } from '../../index'
import { deleteVectors } from '../../src/cli/demo/sabotage'
import { version } from '../../src/core/version'
import { type CliResult, cli, useFolder } from './harness'

const esc = '\u001b'

describe('the command line, from init to rebuild', () => {
  const folder = useFolder()
  const at = (...parts: string[]) => path.join(folder(), ...parts)
  const run = (...args: string[]): Promise<CliResult> => cli(args, { cwd: folder() })

  beforeAll(async () => {
    await mkdir(at('texts/deep/er'), { recursive: true })
    await writeFile(at('texts/leave.md'), '# Parental leave\n\nParental leave is sixteen weeks for everybody.')
    await writeFile(at('texts/deep/er/bicycle.txt'), `A bicycle is parked in the yard.${esc}[31m\u0007`)
    await writeFile(at('texts/deep/rest.rst'), 'Holidays\n========\n\nThirty days a year.')
    await writeFile(at('texts/image.md'), Buffer.from([0x89, 0x50, 0, 1]))
    await writeFile(at('texts/latin.txt'), Buffer.from('Grüße', 'latin1'))
    await writeFile(at('texts/huge.md'), 'x'.repeat(5_000))
    await writeFile(at('texts/program.js'), 'ignored')
    await symlink(at('texts'), at('texts/deep/loop'))
    await symlink(at('nowhere'), at('texts/gone.md'))
    const long = `${'x'.repeat(200)}/${'y'.repeat(200)}/${'z'.repeat(120)}.md`
    await mkdir(path.dirname(at('texts', long)), { recursive: true })
    await writeFile(at('texts', long), 'An id of more than 512 bytes.')
  })

  it('refuses to look at a store that is not there, and makes none', async () => {
    const nothing = await run('status')
    expect(nothing.code).toBe(2)
    expect(nothing.stderr).toContain('HW_INVALID_SETTINGS')
    expect(nothing.stderr).toContain('DATABASE_URL is missing')
    const mistyped = await run('search', 'words', '--path', './.mistyped', '--json')
    expect(mistyped.code).toBe(1)
    expect(mistyped.json()).toMatchObject({
      error: { code: 'HW_MIGRATION_NEEDED', path: at('.mistyped'), remedy: expect.any(String) },
    })
    expect(existsSync(at('.mistyped'))).toBe(false)
  })

  it('refuses an .env that is no file, instead of waiting for it', async () => {
    const cwd = await mkdtemp(path.join(tmpdir(), 'hw-env-'))
    execFileSync('mkfifo', [path.join(cwd, '.env')])
    const { code, stderr } = await cli(['status'], { cwd })
    expect([code, stderr]).toEqual([expect.any(Number), expect.stringContaining('.env is not a regular file')])
    expect(code).not.toBe(0)
    await rm(cwd, { recursive: true })
  })

  it('writes .env for its owner alone, once, and creates the store', async () => {
    const first = await run('init')
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('Wrote') })
    expect(await readFile(at('.env'), 'utf8')).toMatch(/^HEADWATER_PROFILE=embedded$/m)
    expect((await stat(at('.env'))).mode & 0o777).toBe(0o600)
    await chmod(at('.env'), 0o644)
    const again = await run('init', '--json')
    expect(again.json()).toMatchObject({ environment: { written: false }, profile: 'embedded' })
    expect(existsSync(at('.headwater'))).toBe(true)
  })

  it('ingests what is text, and reports each file that is not', async () => {
    const { code, json, stdout } = await run('ingest', 'texts', '--max-bytes', '4000', '--json')
    expect(stdout.trim().split('\n')).toHaveLength(1)
    expect(code).toBe(0)
    const report = json()
    expect(report).toMatchObject({ tenant: 'default', collection: 'documents', files: 8, written: 3, unchanged: 0 })
    const reasons = Object.fromEntries(
      report.skipped.map(({ path: file, reason }: { path: string; reason: string }) => [path.basename(file), reason]),
    )
    expect(reasons).toEqual({
      'image.md': 'binary',
      'latin.txt': 'not UTF-8',
      'huge.md': 'too large: 5000 bytes, at most 4000',
      'gone.md': 'vanished, or a link to nowhere',
      [`${'z'.repeat(120)}.md`]: expect.stringContaining('HW_INVALID_DOCUMENT'),
    })
  })

  it('leaves alone what is unchanged, and tells people too', async () => {
    await writeFile(at('texts/deep/rest.rst'), 'Holidays\n========\n\nThirty-one days a year.')
    const { code, stdout } = await run('ingest', 'texts', '--max-bytes', '4000')
    expect(code).toBe(0)
    expect(stdout).toMatch(/1 written, 2 unchanged, 5 skipped/)
    expect(stdout).toContain(`skipped ${at('texts/image.md')}: binary`)
  })

  it('refuses a folder that is not there', async () => {
    const { code, stderr } = await run('ingest', 'textes')
    expect(code).toBe(2)
    expect(stderr).toContain(at('textes'))
  })

  it('searches, for machines and for people, with bold on a terminal alone', async () => {
    const page = (await run('search', 'parental', 'leave', '--json', '--explain', '--limit', '1')).json()
    expect(page.hits[0]).toMatchObject({
      documentId: 'leave.md',
      title: 'Parental leave',
      source: at('texts/leave.md'),
      metadata: { extension: 'md', folders: [], bytes: 64 },
      highlights: [expect.stringContaining('<em>Parental</em>')],
      explain: { text: { rank: 1 } },
    })
    const plain = await run('search', 'parental leave')
    expect(plain.stdout).toContain('Parental leave is sixteen weeks')
    expect(plain.stdout).not.toContain(esc)
    const rich = await cli(['search', 'parental'], { cwd: folder(), tty: true })
    expect(rich.stdout).toContain(`${esc}[1mParental${esc}[22m`)
    const quiet = await cli(['search', 'parental'], { cwd: folder(), tty: true, env: { NO_COLOR: '1' } })
    expect(quiet.stdout).not.toContain(esc)
    const hostile = await cli(['search', 'bicycle', '--mode', 'text'], { cwd: folder(), tty: true })
    expect(hostile.stdout).toContain('yard')
    expect(hostile.stdout).not.toContain(`${esc}[31m`)
    expect(hostile.stdout).not.toContain('\u0007')
    const filtered = await run('search', 'days', '--filter', '{"folders":"deep","extension":"rst"}', '--json')
    expect(filtered.json().hits.map((hit: { documentId: string }) => hit.documentId)).toEqual(['deep/rest.rst'])
    expect((await run('search', 'parental', '--tenant', 'other')).stdout).toContain('Nothing found.')
  })

  it.each([
    [['search', 'x', '--limit', '0'], 'HW_INVALID_ARGUMENT'],
    [['search', 'x', '--limit', 'many'], 'HW_INVALID_ARGUMENT'],
    [['search', 'x', '--limit', '1000000'], 'HW_LIMIT_EXCEEDED'],
    [['search', 'x', '--mode', 'magic'], 'HW_INVALID_ARGUMENT'],
    [['search', 'x', '--filter', '{'], 'HW_INVALID_FILTER'],
    [['search', 'x', '--filter', '{"a":{"like":"b"}}'], 'HW_INVALID_FILTER'],
    [['search', 'x', '--cursor', 'nonsense'], 'HW_INVALID_CURSOR'],
    [['search', 'x', '--tenant', '../other'], 'HW_INVALID_ARGUMENT'],
    [['status', '--path', 'a', '--database-url', 'postgres://b/c'], 'HW_INVALID_ARGUMENT'],
    [['status', '--database-url', 'mysql://me:hush@b/c'], 'HW_INVALID_SETTINGS'],
    [['reconcile', '--target', 'everything'], 'HW_INVALID_ARGUMENT'],
    [['migrate', 'down'], 'HW_INVALID_ARGUMENT'],
    [['rebuild'], 'HW_INVALID_ARGUMENT'],
    [['rebuild', '--splitter', 'mine'], 'HW_INVALID_ARGUMENT'],
    [['rebuild', '--splitter', 'default', '--target', 'text'], 'HW_INVALID_ARGUMENT'],
    [['rebuild', '--splitter', '3'], 'HW_INVALID_OPTIONS'],
    [['blobs', 'collect', '--grace-hours', 'none'], 'HW_INVALID_ARGUMENT'],
    [['ingest', 'texts', '--max-bytes', '4 KB'], 'HW_INVALID_ARGUMENT'],
    [['dlq', 'list', '--limit', 'all'], 'HW_INVALID_ARGUMENT'],
    [['rebuild', '--target', 'text', '--rate', 'fast'], 'HW_INVALID_ARGUMENT'],
    [['relay', '--once', '--timeout', 'soon'], 'HW_INVALID_ARGUMENT'],
    [['relay', '--metrics-port', 'http'], 'HW_INVALID_ARGUMENT'],
    [['restored'], 'HW_INVALID_ARGUMENT'],
    [['demo', '.headwater'], 'HW_INVALID_ARGUMENT'],
    [['search', 'x', '--collection', 'documets'], 'HW_COLLECTION_UNKNOWN'],
    [['rebuild', '--target', 'text', '--collection', 'documets'], 'HW_COLLECTION_UNKNOWN'],
    [['reconcile', '--collection', 'documets'], 'HW_COLLECTION_UNKNOWN'],
    [['fly'], 'HW_INVALID_ARGUMENT'],
  ])('%j is a wrong use: exit code 2', async (args, code) => {
    const { json, stdout, stderr, code: exit } = await run(...args, '--json')
    expect(exit).toBe(2)
    expect(json()).toMatchObject({ error: { code, remedy: expect.any(String) } })
    expect(stdout + stderr).not.toContain('hush')
  })

  it('tells people what is wrong, where, and what to do', async () => {
    const { code, stdout, stderr } = await run('search', 'x', '--limit', '0')
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toBe(
      'HW_INVALID_ARGUMENT: --limit: must be a whole number from 1, got "0"\n  at: --limit\n' +
        '  remedy: Correct the value that the message names.\n',
    )
    expect(await run('fly')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('fly') })
  })

  it('names the flag, what it takes and what it got', async () => {
    expect((await run('search', 'x', '--limit', 'abc')).stderr).toContain(
      '--limit: must be a whole number from 1, got "abc"\n  at: --limit',
    )
  })

  it('names the collections that there are, and makes none for a mistyped name', async () => {
    const { stderr } = await run('search', 'x', '--collection', 'documets')
    expect(stderr).toContain('--collection: documets is not in this store; there are documents\n')
    expect((await run('status', '--json')).json().generations).toHaveLength(2)
  })

  it('helps, and tells its version', async () => {
    expect(await run('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('ingest') })
    expect(await run('--version')).toMatchObject({ code: 0, stdout: `${version}\n` })
    expect((await run()).code).toBe(2)
    expect((await run('--help')).stdout).not.toContain('demo')
  })

  it('shows the status, and takes a collection that nobody declared', async () => {
    const status = (await run('status', '--json')).json()
    expect(status).toMatchObject({
      profile: 'embedded',
      documents: 3,
      chunks: 3,
      health: { status: 'ok', backlog: { waiting: 0, parked: 0 } },
    })
    expect(status.generations).toHaveLength(2)
    await run('ingest', 'texts/leave.md', '--collection', 'policies')
    const other = (await run('status', '--json', '--collection', 'policies')).json()
    expect(other).toMatchObject({ collection: 'policies', documents: 1 })
    expect((await run('status')).stdout).toMatch(/vector_documents_1 .*live .*postgres/)
  })

  it('finds drift with exit code 1, repairs it, and finds none', async () => {
    expect((await run('reconcile')).code).toBe(0)
    const gone = await deleteVectors({ path: at('.headwater') }, [])
    const page = (await run('search', 'parental', '--json')).json()
    const more = await deleteVectors({ path: at('.headwater') }, [page.hits[0].chunkId])
    const deleted = gone.length + more.length
    const found = await run('reconcile', '--json', '--collection', 'documents')
    expect(found.code).toBe(1)
    expect(found.json()).toMatchObject({ drift: deleted, missing: deleted, repaired: 0 })
    expect((await run('reconcile', '--target', 'text')).code).toBe(0)
    const repaired = await run('reconcile', '--repair')
    expect(repaired).toMatchObject({ code: 0, stdout: expect.stringContaining(`${deleted} missing`) })
    expect((await run('reconcile', '--deep')).stdout).toContain('0 missing, 0 stale')
    expect((await run('restored', '--yes', '--json')).json()).toEqual({ epoch: 2 })
    expect((await run('reconcile')).code).toBe(0)
  })

  it('asks a terminal before a new epoch, and waits for nobody elsewhere', async () => {
    const asked = (typed: string) => cli(['restored'], { cwd: folder(), tty: true, typed })
    expect(await asked('n\n')).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing was done') })
    expect(await asked('')).toMatchObject({ code: 1, stderr: expect.stringContaining('[y/N]') })
    const piped = await cli(['restored'], { cwd: folder(), typed: 'y\n' })
    expect(piped).toMatchObject({ code: 2, stderr: expect.stringContaining('add --yes') })
    expect(await asked('y\n')).toMatchObject({ code: 0, stdout: expect.stringContaining('Epoch 3 has begun') })
    expect((await run('reconcile')).code).toBe(0)
  })

  it('rebuilds, relays what is left, and lists what was given up', async () => {
    const rebuilt = await run('rebuild', '--target', 'vector', '--json')
    expect(rebuilt.json()).toMatchObject({ target: 'vector', copied: 3, mended: 0 })
    expect((await run('status', '--json')).json().generations).toContainEqual(
      expect.objectContaining({ name: rebuilt.json().generation, state: 'live' }),
    )
    expect((await run('relay', '--once', '--json')).json()).toMatchObject({ remaining: 0, parked: 0 })
    expect((await run('dlq', 'list', '--json')).json()).toEqual({ jobs: [], errands: [] })
    expect((await run('dlq', 'redrive', '--target', 'text')).stdout).toContain('0 jobs are due again')
  })

  it('does errands by what a file exports, says who waits, and lists and redrives what was given up', async () => {
    const store = await openStore({ embedded: { path: at('.headwater') }, relay: 'external' })
    await store.forTenant('default').transaction(async (tx) => {
      await tx.afterCommit('sendMail', { to: 'a@example.org' })
      await tx.afterCommit('web-hook', 1)
    })
    await store.close()
    const unhandled = await run('status')
    expect(unhandled.stdout).toContain('errands: 2 waiting, 0 claimed, 0 parked, handled by nobody: sendMail, web-hook')
    expect((await run('doctor')).stdout).toMatch(/errands[\s\S]*nobody handles/)
    const none = await run('relay', '--once', '--handlers', 'none.mjs')
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('cannot load')])
    await writeFile(at('wrong.mjs'), 'export const sendMail = 7')
    const wrong = await run('relay', '--once', '--handlers', 'wrong.mjs')
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('export "sendMail": handler')])
    await writeFile(
      at('handlers.mjs'),
      `import { appendFileSync } from 'node:fs'
       const done = new URL('./done.txt', import.meta.url)
       export default {
         sendMail: ({ id, payload, handle }) => appendFileSync(done, payload.to + ' of ' + handle.tenant),
         'web-hook': { handler: () => { throw new Error('no such host') }, maxAttempts: 1 },
       }`,
    )
    const done = await run('relay', '--once', '--json', '--handlers', 'handlers.mjs')
    expect(done.json()).toMatchObject({ applied: 1, parked: 1, remaining: 0 })
    expect(await readFile(at('done.txt'), 'utf8')).toBe('a@example.org of default')
    const listed = (await run('dlq', 'list', '--json', '--name', 'web-hook')).json()
    expect(listed).toMatchObject({
      jobs: [],
      errands: [{ name: 'web-hook', tenant: 'default', payload: 1, attempts: 1, reason: 'Error: no such host' }],
    })
    expect((await run('dlq', 'list', '--target', 'text', '--json')).json()).toEqual({ jobs: [], errands: [] })
    expect((await run('dlq', 'list')).stdout).toContain('no such host')
    expect((await run('status', '--json')).json().health.errands).toMatchObject({ parked: 1, unhandled: [] })
    expect((await run('dlq', 'redrive', '--name', 'web-hook')).stdout).toContain('1 errands are due again')
    await writeFile(at('mended.mjs'), `const hook = () => undefined; export { hook as 'web-hook' }`)
    const mended = await run('relay', '--once', '--json', '--handlers', 'mended.mjs')
    expect(mended.json()).toMatchObject({ applied: 1, parked: 0, remaining: 0 })
  })

  it('tells who changed what, and proves it without the store', async () => {
    const rows = defineEntity('rows', z.object({ n: z.int() }), { audit: true })
    const options = { embedded: { path: at('audited') }, relay: 'external', entities: { rows } } as const
    const store = await openStore({ ...options, collections: { documents: { audit: true } } })
    const handle = store.forTenant('default', { actor: 'ann' })
    const row = await handle.entities.rows.insert({ n: 1 })
    await handle.entities.rows.update(row.id, { n: 2 })
    await handle.documents.put({ id: 'd', text: 'words' })
    await store.audit.seal()
    await store.close()
    const audit = (...args: string[]) => run('audit', ...args, '--path', 'audited')
    const table = await audit('log')
    expect(table.stdout).toMatch(/ann[\s\S]*update[\s\S]*\{"n":1\}[\s\S]*\{"n":2\}/)
    const { items } = (await audit('log', '--json', '--entity', 'rows', '--key', row.id, '--limit', '1')).json()
    expect(items).toMatchObject([{ actor: 'ann', action: 'update', before: { n: 1 }, after: { n: 2 }, batch: 1 }])
    expect((await audit('log', '--json', '--document', 'd')).json().items).toMatchObject([{ kind: 'document' }])
    expect((await audit('log', '--json', '--actor', 'bob')).json()).toEqual({ items: [] })
    expect((await audit('log', '--actor', 'bob')).stdout).toBe('None.\n')
    const verified = await audit('verify')
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('3 rows in 1 batches')])
    const proof = await audit('prove', String(items[0].id), '--json')
    expect([proof.code, proof.json().valid]).toEqual([0, true])
    await writeFile(at('proof.json'), proof.stdout)
    const checked = await run('audit', 'verify', '--proof', 'proof.json', '--json')
    expect([checked.code, checked.json().valid]).toEqual([0, true])
    await writeFile(at('forged.json'), proof.stdout.replaceAll('ann', 'eve'))
    const forged = await run('audit', 'verify', '--proof', 'forged.json')
    expect([forged.code, forged.stdout]).toEqual([1, expect.stringContaining('does not hold')])
    for (const args of [
      ['log', '--document', 'd', '--entity', 'rows'],
      ['log', '--key', 'x'],
      ['log', '--limit', '0'],
      ['log', '--action', 'read'],
      ['log', '--cursor', 'none'],
      ['prove', 'one'],
      ['verify', '--proof', 'none.json'],
    ]) {
      expect((await audit(...args)).code).toBe(2)
    }
    expect((await audit('prove', '999')).code).toBe(1)
  })

  it('cuts anew, says so in status and doctor, and goes back with both', async () => {
    const rebuilt = await run('rebuild', '--splitter', '200,300', '--json')
    expect(rebuilt.json()).toMatchObject({ collection: 'documents', chunking: expect.stringContaining('200-300') })
    const { health, generations } = (await run('status', '--json')).json()
    const [chunking, before] = health.generations.chunkings.documents
    expect([chunking, before]).toEqual([rebuilt.json().chunking, expect.stringMatching(/^md-/)])
    expect(new Set(generations.map((one: { chunking: string }) => one.chunking)).size).toBe(2)
    expect((await run('doctor')).stdout).toContain(`live: ${chunking}; beside it`)
    const back = await run('rollback', '--target', 'text')
    expect(back.stdout).toContain(`and ${rebuilt.json().generations.vector.replace(/\d+$/, '')}`)
    expect((await run('rollback', '--target', 'vector', '--drop', '--json')).json().dropped).toHaveLength(2)
    expect((await run('rebuild', '--splitter', 'default')).stdout).toContain('documents cut')
  })

  it('migrates down only when that is meant, and up again', async () => {
    const url = ['--path', at('.other')]
    expect((await run('migrate', 'status', ...url)).code).toBe(1)
    expect((await run('migrate', 'up', ...url, '--json')).json().changed.length).toBeGreaterThan(0)
    const status = await run('migrate', 'status', ...url, '--json')
    expect(status).toMatchObject({ code: 0 })
    expect(status.json()).toMatchObject({ ready: true, pending: [] })
    expect((await run('migrate', 'down', '--yes', '--to', 'none', ...url)).stdout).toMatch(/^Undid .*0001_initial/)
    expect((await run('status', ...url)).stderr).toContain('HW_MIGRATION_NEEDED')
    await rm(at('.other'), { recursive: true })
  })

  it('says of a folder without texts that there are none, and makes no store for it', async () => {
    await mkdir(at('programs'))
    await writeFile(at('programs/main.js'), '')
    const nothing = await cli(['demo', 'programs'], { cwd: at('programs', '..') })
    expect(nothing).toMatchObject({ code: 2, stdout: '' })
    expect(nothing.stderr).toContain(`${at('programs')}: there is no text file in it (.md,`)
    expect(existsSync(at('.headwater', 'demo-'))).toBe(false)
    await writeFile(at('programs/image.md'), Buffer.from([0x89, 0x50, 0, 1]))
    const binary = await run('demo', 'programs')
    expect(binary).toMatchObject({ code: 2, stderr: expect.stringContaining('image.md: binary') })
  })

  it('searches for words of the own, and prints each hit once', async () => {
    const { code, stdout } = await run('demo', 'texts', '--query', 'parental leave')
    expect(code).toBe(0)
    expect(stdout.match(/parental leave \(\d+ ms\)/g)).toHaveLength(1)
    expect(stdout.match(/leave\.md/g)).toHaveLength(1)
    expect(stdout).toContain('hits again, in the same order, with the same scores')
  })

  it('runs the demo on any folder: breaks the index, finds exactly that, mends it', async () => {
    const { code, json, stderr } = await run('demo', 'texts', '--json')
    expect(stderr).not.toContain('HW_')
    expect(code).toBe(0)
    const shown = json()
    expect(shown).toMatchObject({ documents: 4, found: { missing: shown.deleted, stale: 0, orphaned: 0, foreign: 0 } })
    expect(shown.deleted).toBeGreaterThan(0)
    expect(shown.repaired).toBeGreaterThan(0)
    expect(shown.findings[0].page.hits.length).toBeGreaterThan(0)
  })
})

describe('servers', () => {
  it('says that a server cannot be reached, where it was looked for, and no password', async () => {
    const url = 'postgres://me:hush@127.0.0.1:1/app'
    const { code, stderr } = await cli(['status', '--database-url', url])
    expect(code).toBe(1)
    expect(stderr).toContain('HW_UNAVAILABLE')
    expect(stderr).toContain('127.0.0.1:1')
    expect(stderr).toContain('remedy:')
    expect(stderr).not.toContain('hush')
  })
})
