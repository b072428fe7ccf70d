import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { cli, useFolder } from '../cli/harness'
import { fixture, lacksSqlite, unpackChroma, writeLines } from './fixtures'

describe('headwater import', () => {
  const folder = useFolder()
  const env = { EMBEDDING_MODEL: 'hashing' }
  const run = (...args: string[]) => cli(['import', ...args, '--path', './store'], { cwd: folder(), env })
  const rows = Array.from({ length: 30 }, (_, at) => ({ id: at, text: `Text ${at}.`, embedding: [at, 1, 2, 3] }))
  beforeAll(async () => {
    await writeLines(path.join(folder(), 'rows.jsonl'), [...rows, 'rubbish'])
  })

  it('looks, writes a plan to change, runs it, compares, and prunes', async () => {
    const looked = await run('./rows.jsonl', '--tenant', 'acme', '--name', 'mine')
    expect([looked.code, looked.stderr]).toEqual([0, ''])
    expect(looked.stdout).toContain('rows: 30 of 31 rows become documents of documents, tenant acme')
    expect(looked.stdout).toMatch(/embedding .* vector: 30 .* vector/)
    expect(looked.stdout).toContain('30 documents: id made text')
    expect(looked.stdout).toMatch(/LOST: 1 rows: the line up to byte N is no JSON/)
    expect(looked.stdout).toContain('Say in space.name which model made the vectors')
    const unnamed = await run('./rows.jsonl', '--apply', '--json')
    expect([unnamed.code, unnamed.json().error.path]).toEqual([2, 'parts[0].space.name'])

    const file = path.join(folder(), 'import.json')
    const plan = JSON.parse(await readFile(file, 'utf8'))
    plan.parts[0].space.name = 'mine.v1'
    await writeFile(file, JSON.stringify(plan))
    const applied = await run('./rows.jsonl', '--apply')
    expect([applied.code, applied.stdout]).toEqual([
      0,
      expect.stringContaining('31 rows, 30 written, 0 unchanged, 1 refused'),
    ])
    expect(applied.stdout).toMatch(/refused : the line up to byte \d+ is no JSON/)
    const verified = await run('./rows.jsonl', '--verify')
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('Source and store say the same')])

    await writeLines(path.join(folder(), 'rows.jsonl'), rows.slice(0, 28))
    const differs = await run('./rows.jsonl', '--verify', '--json')
    expect([differs.code, differs.json()]).toMatchObject([1, { ok: false, parts: [{ rows: 28, documents: 30 }] }])
    const pruned = await run('./rows.jsonl', '--apply', '--prune', '--json')
    expect(pruned.json().parts).toMatchObject([{ written: 0, unchanged: 28, pruned: { documents: 30, deleted: 2 } }])
    const refused = await run('./rows.jsonl', '--apply', '--prune', '--most-pruned', '2', '--json')
    expect([refused.code, refused.json().error.path]).toEqual([2, '--most-pruned'])
    // A plan that is there is looked at, and left as it is.
    const again = await run('./rows.jsonl', '--json')
    expect(again.json().plan.parts[0].space.name).toBe('mine.v1')
  })

  it('uses the embedder of the settings where the vectors are its own, and says whether they are', async () => {
    const checked = await run('./rows.jsonl', '--plan', 'other.json', '--check-embedder', '--sample', '5', '--json')
    const [part] = checked.json().parts
    expect(part).toMatchObject({
      read: 5,
      check: { compared: 0, least: null, fingerprint: expect.stringContaining('hashing') },
    })
  })

  it.skipIf(lacksSqlite)('brings Chroma', async () => {
    await unpackChroma(path.join(folder(), 'chroma'))
    const looked = await run('./chroma', '--plan', 'chroma.json', '--space', 'ada', '--parts-as', 'tenants', '--json')
    expect(looked.json().plan.parts.map((part: { tenant: string }) => part.tenant)).toEqual([
      'empty',
      'handbook',
      'questions',
    ])
    // Two spaces of one name cannot be in one collection.
    const refused = await run('./chroma', '--plan', 'chroma.json', '--apply', '--json')
    expect(refused.json().error.path).toBe('parts[2].space')
  })

  it('brings Parquet', async () => {
    const parquet = await run(fixture('snappy.parquet'), '--plan', 'p.json', '--space', 'ada', '--collection', 'rows')
    expect(parquet.stdout).toContain('snappy: 1200 of 1200 rows become documents of rows, tenant default')
    // What is there already is opened as it was made.
    const args = ['import', fixture('snappy.parquet'), '--plan', 'p.json', '--apply', '--path', './store', '--json']
    const applied = await cli(args, { cwd: folder(), env: { EMBEDDING_MODEL: 'own:mine.v1/4' } })
    expect([applied.stderr, applied.json()]).toMatchObject([
      expect.any(String),
      { parts: [{ written: 1_200, refused: 0 }] },
    ])
  })

  it.each([
    [['./nowhere.jsonl'], 'source'],
    [['./rows.txt'], 'source'],
    [['ftp://there/rows.jsonl'], 'source'],
    [['qdrant:http://localhost:6333'], 'source'],
    [['./rows.jsonl', '--apply', '--verify'], '--verify'],
    [['./rows.jsonl', '--prune'], '--prune'],
    [['./rows.jsonl', '--sql', 'SELECT 1'], '--sql'],
    [['./rows.jsonl', '--api-key-file', 'x'], '--api-key-file'],
    [['./rows.jsonl', '--apply', '--plan', 'nowhere.json'], '--plan'],
    [['./rows.jsonl', '--sample', '0'], '--sample'],
  ] as const)('%j is refused at %s', async (args, at) => {
    const refused = await run(...args, '--json')
    expect([refused.code, refused.json().error.path]).toEqual([2, at])
  })
})
