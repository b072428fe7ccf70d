import { mkdtemp, readdir, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { listBackups, pruneBackups, verifyBackup } from 'headwater/backup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keptOf } from '../../src/transfer/backup/prune'
import { cli } from '../cli/harness'
import { type Filled, fill, open } from './filled'

const day = 86_400_000
const first = Date.parse('2026-01-01T03:00:00Z')
const none = { keepDaily: 0, keepWeekly: 0, keepMonthly: 0 } as const
/** One a day. */
const daily = (days: number, complete: (at: number) => boolean = () => true) =>
  Array.from({ length: days }, (_, at) => ({
    id: new Date(first + at * day).toISOString().slice(0, 10),
    installation: 'a',
    at: first + at * day,
    complete: complete(at),
  }))

describe('which backups stay', () => {
  it('of a year: seven days, the last of each of four weeks and of six months', () => {
    expect([...keptOf(daily(365), {})].sort()).toEqual([
      ...['2026-07-31', '2026-08-31', '2026-09-30', '2026-10-31', '2026-11-30', '2026-12-13', '2026-12-20'],
      ...['2026-12-25', '2026-12-26', '2026-12-27', '2026-12-28', '2026-12-29', '2026-12-30', '2026-12-31'],
    ])
  })

  it('of each store for itself, and days without one do not count', () => {
    const two = [...daily(1), { ...daily(20)[19]!, id: 'b', installation: 'b' }]
    expect([...keptOf(two, { ...none, keepDaily: 1 })].sort()).toEqual(['2026-01-01', 'b'])
    const rare = daily(40).filter((_, at) => at % 10 === 0)
    expect(keptOf(rare, { ...none, keepDaily: 3 }).size).toBe(3)
  })

  it('the last complete one in any case, and the last of all', () => {
    expect(
      [
        ...keptOf(
          daily(10, (at) => at === 2),
          none,
        ),
      ].sort(),
    ).toEqual(['2026-01-03', '2026-01-10'])
    // What is not complete takes no other's place.
    expect(
      keptOf(
        daily(10, (at) => at < 5),
        { ...none, keepDaily: 3 },
      ),
    ).toEqual(new Set(['2026-01-10', '2026-01-05', '2026-01-04', '2026-01-03']))
    expect(() => keptOf([], { keepDaily: -1 })).toThrow(expect.objectContaining({ path: 'keepDaily' }))
  })
})

describe('pruning', () => {
  let folder = ''
  let from = ''
  let store: Filled
  const ids: string[] = []
  const files = async (): Promise<string[]> => {
    const all = await readdir(from, { recursive: true, withFileTypes: true })
    return all.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
  }
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-prune-'))
    from = path.join(folder, 'place')
    store = await open({ embedded: { path: path.join(folder, 'store') } })
    await fill(store)
    for (let at = 0; at < 3; at++) {
      await store.forTenant('acme').documents.put({ id: 'changing', text: `Text ${at}.`, blob: { data: `blob ${at}` } })
      await store.relay.drain({ timeoutMs: 20_000 })
      ids.push((await store.createBackup({ to: from, partBytes: 4_096 })).id)
    }
  })
  afterAll(async () => {
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('tells first what goes, then removes manifests and what only they name', async () => {
    // Left by a backup that was interrupted.
    await writeFile(path.join(from, 'parts', 'stray.jsonl.gz'), 'x')
    const before = (await files()).length
    const plan = await pruneBackups({ from, dryRun: true })
    expect(plan).toMatchObject({ kept: [ids[2]], removed: ids.slice(0, 2) })
    expect((await files()).length).toBe(before)
    const refused = await cli(['backup', 'prune', '--from', from], {
      cwd: folder,
      env: { HEADWATER_PROFILE: 'embedded' },
    })
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--yes')])
    expect((await files()).length).toBe(before)
    const done = await cli(['backup', 'prune', '--from', from, '--yes', '--keep-daily', '1', '--json'], {
      cwd: folder,
      env: { HEADWATER_PROFILE: 'embedded' },
    })
    expect(done.json()).toEqual(plan)
    expect((await files()).length).toBe(before - 2 - plan.files)
    expect(await listBackups({ from })).toMatchObject([{ id: ids[2] }])
    expect(await verifyBackup({ from })).toMatchObject({ ok: true })
    expect(await pruneBackups({ from })).toMatchObject({ removed: [], files: 0 })
    // What was shared is written anew where it was not.
    await store.createBackup({ to: from, partBytes: 4_096 })
    expect(await verifyBackup({ from })).toMatchObject({ ok: true })
  })

  it('removes nothing while a manifest cannot be read', async () => {
    const later = path.join(from, 'manifests', '20990101T000000000Z-00000000.json')
    await writeFile(later, '{"format":2,"sha256":"","manifest":\n{}\n}\n')
    const before = (await files()).length
    await expect(pruneBackups({ from, keepDaily: 0 })).rejects.toMatchObject({ code: 'HW_BACKUP_AHEAD' })
    await writeFile(later, 'rubbish')
    await expect(pruneBackups({ from, keepDaily: 0 })).rejects.toMatchObject({ code: 'HW_BACKUP_DAMAGED' })
    expect((await files()).length).toBe(before)
    await unlink(later)
  })
})
