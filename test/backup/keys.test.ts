import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import {
  type BackupPlace,
  drillBackup,
  listBackups,
  pruneBackups,
  restoreBackup,
  restoreDocuments,
  showBackup,
  verifyBackup,
} from 'headwater/backup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cli } from '../cli/harness'
import { describeWithS3 } from '../support/minio'
import { type Filled, fill, open, seen } from './filled'

async function person(): Promise<{ identity: string; recipient: string }> {
  const identity = await generateX25519Identity()
  return { identity, recipient: await identityToRecipient(identity) }
}

function signer(): { secret: string; open: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    secret: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    open: publicKey.export({ type: 'spki', format: 'pem' }) as string,
  }
}

describe('an encrypted backup', () => {
  let folder = ''
  let store: Filled
  let [ann, bob, eve] = [] as Awaited<ReturnType<typeof person>>[]
  const at = (name: string): string => path.join(folder, name)
  const unauthorized = { code: 'HW_UNAUTHORIZED', path: 'from.identities' }
  const reader = (name: string, ...identities: string[]): BackupPlace => ({ path: at(name), identities })
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-keys-'))
    ;[ann, bob, eve] = [await person(), await person(), await person()]
    store = await open({ embedded: { path: at('store') } })
    await fill(store)
    const { place } = await store.createBackup({
      to: { path: at('place'), recipients: [ann.recipient, bob.recipient] },
    })
    expect(place).toBe(at('place'))
  })
  afterAll(async () => {
    await store?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('is read by each recipient, whole, by every way', async () => {
    for (const { identity } of [ann!, bob!]) {
      const from = reader('place', eve!.identity, identity)
      expect(await verifyBackup({ from })).toMatchObject({ ok: true, blobs: { read: 4, of: 4 } })
    }
    const from = reader('place', bob!.identity)
    await restoreBackup({ embedded: { path: at('restored') } }, { from })
    const restored = await open({ embedded: { path: at('restored') } })
    expect(await seen(restored)).toEqual(await seen(store))
    await restored.close()
    expect(await drillBackup({ from })).toMatchObject({ ok: true })
    await store.forTenant('acme').documents.delete('doc 0 x')
    expect(await store.restoreDocuments({ from, tenant: 'acme' })).toMatchObject({ written: 1, unchanged: 18 })
  })

  it('tells nothing of the data to others: neither files nor the manifest', async () => {
    for (const name of await readdir(at('place'), { recursive: true })) {
      if (!/\.(age|gz|json)$/.test(name)) continue
      const bytes = await readFile(path.join(at('place'), name))
      for (const word of ['acme', 'Parental', 'AGE-SECRET-KEY', 'plain']) {
        expect([name, word, bytes.includes(word)]).toEqual([name, word, false])
      }
    }
    const [, recipients] = [await listBackups({ from: at('place') }), [ann!.recipient, bob!.recipient]]
    expect(await showBackup({ from: at('place') })).toMatchObject({ encryption: { format: 'age', recipients } })
    expect(await verifyBackup({ from: at('place'), level: 'quick' })).toMatchObject({ ok: true })
  })

  it('without a key, and with the wrong one, is refused and changes nothing', async () => {
    for (const from of [at('place'), reader('place', eve!.identity)]) {
      await expect(verifyBackup({ from })).rejects.toMatchObject(unauthorized)
      await expect(restoreBackup({ embedded: { path: at('nothing') } }, { from })).rejects.toMatchObject(unauthorized)
      await expect(store.restoreDocuments({ from, tenant: 'acme' })).rejects.toMatchObject(unauthorized)
      await expect(
        restoreDocuments({ embedded: { path: at('store') } }, { from, tenant: 'acme' }),
      ).rejects.toBeDefined()
      await expect(drillBackup({ from })).rejects.toMatchObject(unauthorized)
    }
    for (const [place, wrong] of [
      [{ path: at('x'), recipients: ['age1nobody'] }, 'to.recipients[0]'],
      [{ path: at('x'), recipients: 'age1' as never }, 'to.recipients'],
      [{ path: at('x'), signingKey: 'secret' }, 'signingKey'],
    ] as const) {
      await expect(store.createBackup({ to: place })).rejects.toMatchObject({ code: 'HW_INVALID_OPTIONS', path: wrong })
    }
    const error = await verifyBackup({ from: reader('place', 'AGE-SECRET-KEY-1WRONG') }).catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'HW_INVALID_OPTIONS', path: 'from.identities[0]' })
    expect(JSON.stringify(error)).not.toContain('WRONG')
  })

  it('shares parts and blobs with others to the same recipients, and with no others', async () => {
    const both = [bob!.recipient, ann!.recipient]
    const again = await store.createBackup({ to: { path: at('shared'), recipients: both } })
    const nothing = { parts: 0, blobs: 0, bytes: 0 }
    const same = await store.createBackup({ to: { path: at('shared'), recipients: both.toReversed() } })
    expect(same.written).toEqual(nothing)
    const other = await store.createBackup({ to: { path: at('shared'), recipients: [eve!.recipient] } })
    expect(other.written).toMatchObject({ blobs: again.written.blobs })
    const plain = await store.createBackup({ to: at('shared') })
    expect(plain.written.blobs).toBe(again.written.blobs)
    expect(await verifyBackup({ from: at('shared'), id: plain.id })).toMatchObject({ ok: true })
    expect(await verifyBackup({ from: reader('shared', eve!.identity), id: other.id })).toMatchObject({ ok: true })
    // A prune needs no key, and takes nothing that is named.
    await pruneBackups({ from: at('shared') })
    expect(await verifyBackup({ from: at('shared'), id: plain.id })).toMatchObject({ ok: true })
    expect((await listBackups({ from: at('shared') })).map(({ id }) => id)).toEqual([plain.id])
    await store.createBackup({ to: { path: at('shared'), recipients: both } })
    await pruneBackups({ from: at('shared') })
    expect(await verifyBackup({ from: reader('shared', ann!.identity) })).toMatchObject({
      ok: true,
      blobs: { read: 4 },
    })
  })

  it('a byte that was changed is damage', async () => {
    const { manifest } = await store.createBackup({ to: { path: at('flipped'), recipients: [ann!.recipient] } })
    const { file } = manifest.tables.find(({ name }) => name === 'documents')!.parts[0]!
    const bytes = await readFile(path.join(at('flipped'), file))
    bytes[bytes.length - 20]! ^= 1
    await writeFile(path.join(at('flipped'), file), bytes)
    const { ok, problems } = await verifyBackup({ from: reader('flipped', ann!.identity) })
    expect([ok, problems[0]]).toEqual([false, { what: file, problem: expect.stringContaining('cannot be decrypted') }])
  })

  it('a manifest that no trusted key signed is refused', async () => {
    const [ours, theirs] = [signer(), signer()]
    const signed: BackupPlace = { path: at('signed'), signingKey: ours.secret }
    const trusting = (...trustedKeys: string[]): BackupPlace => ({ path: at('signed'), trustedKeys })
    await store.createBackup({ to: signed })
    expect(await verifyBackup({ from: trusting(theirs.open, ours.open) })).toMatchObject({ ok: true })
    expect(await verifyBackup({ from: at('signed') })).toMatchObject({ ok: true })
    expect(await verifyBackup({ from: trusting(theirs.open) })).toMatchObject({ ok: false, problems: [{}] })
    const work = restoreBackup({ embedded: { path: at('nothing') } }, { from: trusting(theirs.open) })
    await expect(work).rejects.toMatchObject({ code: 'HW_BACKUP_DAMAGED' })
    await store.createBackup({ to: at('signed') })
    expect(await verifyBackup({ from: trusting(ours.open) })).toMatchObject({ ok: false })
    const listed = await listBackups({ from: trusting(ours.open) })
    expect(listed.map(({ problem }) => problem?.slice(0, 17))).toEqual([undefined, 'HW_BACKUP_DAMAGED'])
    const name = path.join(at('signed'), 'manifests', `${listed[0]!.id}.json`)
    expect(await readFile(name, 'utf8')).not.toContain('PRIVATE')
  })

  it('on the command line, with secret keys in files', async () => {
    const signing = signer()
    await writeFile(at('identity.txt'), `# created: today\n# public key: ${ann!.recipient}\n${ann!.identity}\n`)
    await writeFile(at('signing.pem'), signing.secret)
    await writeFile(at('trusted.pem'), signing.open)
    await store.close()
    const run = (...args: string[]) => cli(['backup', ...args, '--path', './store', '--json'], { cwd: folder })
    const created = await run('create', '--to', './cli', '--recipient', ann!.recipient, '--signing-key', 'signing.pem')
    expect([created.code, created.stderr]).toEqual([0, ''])
    const keys = ['--identity', 'identity.txt', '--trusted-key', 'trusted.pem']
    expect((await run('verify', '--from', './cli', ...keys)).json()).toMatchObject({ ok: true })
    const locked = await run('verify', '--from', './cli')
    expect([locked.code, locked.json().error.code]).toEqual([1, 'HW_UNAUTHORIZED'])
    const missing = await run('verify', '--from', './cli', '--identity', 'nothing.txt')
    expect([missing.code, missing.json().error.path]).toEqual([2, '--identity'])
    store = await open({ embedded: { path: at('store') } })
  })
})

describeWithS3('an encrypted backup in a bucket', (s3) => {
  it('is written in pieces and read', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'hw-keys-bucket-'))
    const store = await open({ embedded: { path: path.join(folder, 'store') } })
    const { identity, recipient } = await person()
    try {
      const owner = { id: 'big', text: 'Owns much.', blob: { data: Buffer.alloc(2e7, 7) } }
      await store.forTenant('acme').documents.put(owner)
      const place = { s3: s3().options, bucket: `hw-sealed-${process.pid}` }
      await store.createBackup({ to: { ...place, recipients: [recipient] } })
      expect((await store.createBackup({ to: { ...place, recipients: [recipient] } })).written.blobs).toBe(0)
      expect(await verifyBackup({ from: { ...place, identities: [identity] } })).toMatchObject({ ok: true })
    } finally {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
