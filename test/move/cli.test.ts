import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { fill, open } from '../backup/filled'
import { cli, useFolder } from '../cli/harness'

describe('headwater move', () => {
  const folder = useFolder()
  const move = (...args: string[]) => cli(['move', ...args], { cwd: folder() })
  beforeAll(async () => {
    const store = await open({ embedded: { path: path.join(folder(), 'store') } })
    await fill(store, 5)
    await store.close()
  })

  it('moves, over what is there only when told so', async () => {
    const dry = await move('--from', 'embedded:./store', '--to', 'embedded:./moved', '--dry-run')
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/rows and 2 blobs .* would be moved/)])
    const moved = await move('--from', 'embedded:./store', '--to', 'embedded:./moved')
    expect([moved.code, moved.stdout]).toEqual([
      0,
      expect.stringMatching(/each equal to the source.*2 blobs, 2 of them written.*as in Postgres.*Epoch 2/s),
    ])
    const refused = await move('--from', 'embedded:./store', '--to', 'embedded:./moved')
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--force')])
    await writeFile(path.join(folder(), 'target.env'), 'HEADWATER_PROFILE=embedded\nHEADWATER_PATH=./moved\n')
    const again = await move('--from', 'embedded:./store', '--to', 'env:target.env', '--force', '--json')
    expect(again.json()).toMatchObject({ epoch: 3, kept: 0, before: { documents: 8 }, blobs: { written: 0 } })
  })

  it.each([
    [['--from', 'embedded:./store'], undefined],
    [['--from', './store', '--to', 'embedded:./x'], '--from'],
    [['--from', 'embedded:./store', '--to', 'env:nothing.env'], '--to'],
    [['--from', 'embedded:./store', '--to', 'postgres://me:secret@localhost/db'], '--to'],
    [['--from', 'embedded:./store', '--to', 'postgres://localhost/db?password=secret'], '--to'],
    [['--from', 'embedded:./store', '--to', 'embedded:./store'], 'to'],
    [['--from', 'embedded:./store', '--to', 'embedded:./x', '--rate', 'fast'], '--rate'],
  ] as const)('refuses %j', async (args, where) => {
    const wrong = await move(...args, '--json')
    expect([wrong.code, wrong.json().error.path]).toEqual([2, where])
    expect(wrong.stdout + wrong.stderr).not.toContain('secret')
  })

  it('takes a URL without a password, and tells of a server that is not there', async () => {
    const gone = await move('--from', 'embedded:./store', '--to', 'postgres://me@127.0.0.1:9/db', '--json')
    expect([gone.code, gone.json().error.code]).toEqual([1, 'HW_UNAVAILABLE'])
  })
})
