import type { CallOptions } from '../../core/abort'
import type { IndexAlias, IndexMarker } from '../../repositories/index-marker'
import { codeOf, type FixtureTest, type TestRunner } from '../runner'

interface Marked<I> {
  create(index: I): Promise<void>
  drop(index: I): Promise<void>
  exists(index: I): Promise<boolean>
  mark(index: I, marker: IndexMarker): Promise<void>
  marker(index: I, call?: CallOptions): Promise<IndexMarker | null>
  readonly alias?: IndexAlias<I> | undefined
}

const marker: IndexMarker = {
  installation: 'a1b2c3d4',
  generation: 7,
  epoch: 2,
  fence: 2 * 2 ** 40 + 5,
  system: '7710619963632779306',
  timeline: 1,
}
const bare: IndexMarker = { ...marker, installation: '', fence: marker.fence + 1, system: null, timeline: null }

/** What vectors and texts share of markers and aliases. `index` is there, `second` is not. */
export function indexMarkerContract<F, I>(
  { expect }: TestRunner,
  test: FixtureTest<F>,
  repository: (fixture: F) => Marked<I>,
  index: I,
  second: I,
): void {
  test('an index has the marker that was written last, and none at first', async (fixture) => {
    const under = repository(fixture)
    expect(await under.marker(index)).toBe(null)
    await under.mark(index, marker)
    expect(await under.marker(index)).toEqual(marker)
    await under.mark(index, bare)
    await under.create(index)
    expect(await under.marker(index)).toEqual(bare)
    expect(await under.exists(index)).toBe(true)
  })

  test('a marker goes with its index', async (fixture) => {
    const under = repository(fixture)
    await under.mark(index, marker)
    await under.drop(index)
    expect(await codeOf(under.marker(index))).toBe('HW_GENERATION_MISSING')
    expect(await codeOf(under.mark(index, marker))).toBe('HW_GENERATION_MISSING')
    await under.create(index)
    expect(await under.marker(index)).toBe(null)
  })

  test('an alias leads to one index at a time, and goes with it', async (fixture) => {
    const under = repository(fixture)
    const { alias } = under
    if (!alias) return
    await under.create(second)
    const leads = async (): Promise<boolean[]> =>
      Promise.all([alias.leadsTo('Contract.Alias', index), alias.leadsTo('Contract.Alias', second)])
    expect(await leads()).toEqual([false, false])
    await alias.set('Contract.Alias', index)
    expect(await leads()).toEqual([true, false])
    await alias.set('Contract.Alias', second)
    await alias.set('Contract.Alias', second)
    expect(await leads()).toEqual([false, true])
    await under.drop(second)
    expect(await leads()).toEqual([false, false])
    expect(await codeOf(alias.set('Contract.Alias', second))).toBe('HW_GENERATION_MISSING')
  })
}
