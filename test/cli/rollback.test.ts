import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { describeWithPgvector, pgvectorUrl, useDatabase } from '../support/postgres'
import { type CliResult, cli, useFolder } from './harness'

/** `flags` name the store; `sql` runs on it while no command does. */
function rollbackSuite(flags: () => string[], sql: (text: string) => Promise<unknown>): void {
  const folder = useFolder()
  const texts = (...parts: string[]) => path.join(folder(), 'texts', ...parts)
  const run = (...args: string[]): Promise<CliResult> => cli([...args, ...flags()], { cwd: folder() })
  const found = async (mode: string): Promise<string[]> => {
    const { hits } = (await run('search', 'bicycle yard', '--mode', mode, '--json')).json()
    return hits.map((hit: { documentId: string }) => hit.documentId).sort()
  }
  const states = async (target: string): Promise<Record<string, string>> => {
    const { generations } = (await run('status', '--json')).json()
    const own = generations.filter((one: { target: string }) => one.target === target)
    return Object.fromEntries(own.map((one: { name: string; state: string }) => [one.name, one.state]))
  }

  beforeAll(async () => {
    await mkdir(texts(), { recursive: true })
    await writeFile(texts('old.md'), 'A bicycle is parked in the yard.')
    expect((await run('ingest', 'texts')).code).toBe(0)
  })

  it.each(['vector', 'text'])('%s: refuses where nothing is kept, for machines and for people', async (target) => {
    const refused = await run('rollback', '--target', target, '--json')
    expect(refused.code).toBe(1)
    expect(refused.json()).toMatchObject({
      error: { code: 'HW_NOT_FOUND', remedy: expect.any(String), details: { target, collection: 'documents' } },
    })
    const told = await run('rollback', '--target', target)
    expect(told).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(`^HW_NOT_FOUND: No ${target}`) })
    expect(Object.values(await states(target))).toEqual(['live'])
  })

  it.each(['vector', 'text'])('%s: goes back to the index before the rebuild, and forth again', async (target) => {
    const [first] = Object.keys(await states(target))
    const rebuilt = await run('rebuild', '--target', target, '--json')
    const second = rebuilt.json().generation as string
    expect(await states(target)).toEqual({ [first!]: 'standby', [second]: 'live' })
    // Written after the switch: the old index has it, too.
    await writeFile(texts(`${target}.md`), `Another bicycle in the yard, since the ${target} was rebuilt.`)
    await run('ingest', 'texts')
    const all = await found(target)
    expect(all).toEqual(expect.arrayContaining(['old.md', `${target}.md`]))
    // The new index is bad: this is what a rollback is for.
    await sql(`DELETE FROM headwater."${second}"`)
    expect(await found(target)).toEqual([])

    const back = await run('rollback', '--target', target, '--json')
    expect(back.code).toBe(0)
    expect(back.json()).toMatchObject({ target, collection: 'documents', generation: first, mended: 0 })
    expect(back.stdout.trim().split('\n')).toHaveLength(1)
    expect(await states(target)).toEqual({ [first!]: 'live', [second]: 'standby' })
    expect(await found(target)).toEqual(all)

    const forth = await run('rollback', '--target', target)
    expect(forth).toMatchObject({
      code: 0,
      stdout: `${second} is live again: ${all.length} entries mended before the switch\n`,
    })
    expect(await found(target)).toEqual(all)
  })

  it('drops what is kept instead, after which there is nothing to go back to', async () => {
    const [dropped] = Object.entries(await states('vector')).find(([, state]) => state === 'standby')!
    expect((await run('rollback', '--target', 'vector', '--drop', '--json')).json()).toEqual({
      target: 'vector',
      collection: 'documents',
      dropped: [dropped],
    })
    expect(await run('rollback', '--target', 'vector', '--drop')).toMatchObject({
      code: 0,
      stdout: 'Nothing was kept.\n',
    })
    expect((await run('rollback', '--target', 'vector')).code).toBe(1)
    expect(await found('vector')).toContain('old.md')
  })

  it.each([
    [['rollback'], 'HW_INVALID_ARGUMENT'],
    [['rollback', '--target', 'cache'], 'HW_INVALID_ARGUMENT'],
    [['rollback', '--target', 'text', '--collection', 'a b'], 'HW_INVALID_ARGUMENT'],
  ])('%j is a wrong use: exit code 2', async (args, code) => {
    const refused = await run(...args, '--json')
    expect(refused.code).toBe(2)
    expect(refused.json()).toMatchObject({ error: { code } })
  })
}

describe('rollback on an embedded store', () => {
  const folder = useFolder()
  const at = (): string => path.join(folder(), '.headwater')

  rollbackSuite(
    () => ['--path', at()],
    async (text) => {
      const connection = new PostgresConnection({ embedded: { path: at() } })
      try {
        await connection.session({ worker: true }).query(text)
      } finally {
        await connection.close()
      }
    },
  )

  it('makes no store where there is none', async () => {
    const mistyped = path.join(folder(), '.mistyped')
    const refused = await cli(['rollback', '--target', 'text', '--path', mistyped, '--json'])
    expect(refused.code).toBe(1)
    expect(refused.json()).toMatchObject({ error: { code: 'HW_MIGRATION_NEEDED' } })
    expect(existsSync(mistyped)).toBe(false)
  })
})

describeWithPgvector('rollback on a server', () => {
  const database = useDatabase(() => pgvectorUrl()!)

  rollbackSuite(
    () => ['--database-url', database().url],
    (text) => database().admin(text),
  )
})
