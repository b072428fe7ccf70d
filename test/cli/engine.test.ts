import { expect, it } from 'vitest'
import type { Check } from '../../src/cli/doctor/check'
import { describeBothEngines } from '../support/both-engines'
import { type CliResult, cli, useFolder } from './harness'

describeBothEngines('the command line: from Postgres alone to Qdrant, and back', (place) => {
  const folder = useFolder()
  const run = (env: Record<string, string>, ...args: string[]): Promise<CliResult> =>
    cli(args, { cwd: folder(), env: { EMBEDDING_MODEL: 'hashing', DATABASE_URL: place.database().url, ...env } })
  const narrow = (...args: string[]) => run({}, ...args)
  const wide = (...args: string[]) => run({ QDRANT_URL: place.wide().qdrant!.url! }, ...args)
  const doctor = async (of: typeof wide, name: string): Promise<readonly Check[]> =>
    ((await of('doctor', '--json')).json().checks as Check[]).filter((check) => check.name === name)
  const live = 'engine of documents/vector'

  it('each step says where the index is, and who lacks its engine what to configure', async () => {
    expect((await narrow('init')).code).toBe(0)
    // Configured early, nothing has moved: what is in Postgres is still looked at there.
    const [before] = await doctor(wide, live)
    expect(before).toMatchObject({ state: 'ok', detail: expect.stringContaining('--engine qdrant') })
    expect(await doctor(wide, 'pgvector')).toMatchObject([{ state: 'ok' }])
    expect((await narrow('rebuild', '--target', 'vector', '--engine', 'qdrant')).stderr).toContain(
      'not among the engines that this process has for target vector: postgres',
    )

    const moved = await wide('rebuild', '--target', 'vector', '--engine', 'qdrant')
    expect(moved).toMatchObject({ code: 0, stdout: expect.stringMatching(/ is live, in qdrant: /) })
    expect((await wide('status')).stdout).toMatch(/live .*qdrant/)
    expect((await doctor(wide, live))[0]?.detail).toMatch(/^live in qdrant; postgres is fed beside it/)
    for (const command of [
      ['search', 'words'],
      ['status'],
      ['rebuild', '--target', 'vector', '--engine', 'postgres'],
    ]) {
      const refused = await narrow(...command)
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('give `qdrant` (QDRANT_URL)') })
    }
    expect(await doctor(narrow, live)).toMatchObject([{ state: 'failed', code: 'HW_TOPOLOGY_MISMATCH' }])

    expect((await wide('rollback', '--target', 'vector')).code).toBe(0)
    expect((await doctor(narrow, live))[0]?.detail).toMatch(/^live in postgres; qdrant is fed beside it/)
    expect(await narrow('rollback', '--target', 'vector')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('give `qdrant` (QDRANT_URL)'),
    })
    expect((await wide('rollback', '--target', 'vector')).code).toBe(0)

    // Two at once build one index, and both tell of it; or the second came when the first had switched, and builds anew.
    const back = () => wide('rebuild', '--target', 'vector', '--engine', 'postgres')
    const [one, two] = await Promise.all([back(), back()])
    expect([one.code, two.code]).toContain(0)
    for (const { code, stdout, stderr } of [one, two]) {
      if (code === 0) expect(stdout).toMatch(/ is live, in postgres: /)
      else expect(stderr).toContain('HW_REBUILD_FAILED')
    }
    expect((await wide('rollback', '--target', 'vector', '--drop')).code).toBe(0)
    expect((await doctor(narrow, live))[0]?.detail).toBe('live in postgres')
    expect((await narrow('doctor')).code).toBe(0)
  })
})
