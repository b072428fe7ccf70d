import type { CallOptions } from '../../core/abort'
import type { Scope } from '../../core/ids'
import { documentKey, type EntityTable } from '../../repositories/entity-table'
import type { TruthSession } from '../../repositories/truth'

/** Rows looked for at once. */
const page = 1_000

/** Deletes the rows of these entities that go with documents; in the transaction that buries those. */
export async function dropAttached(
  { entities }: Pick<TruthSession, 'entities'>,
  { tenant, collection }: Scope,
  tables: readonly EntityTable[],
  ids: readonly string[],
  now: number,
  call: CallOptions,
): Promise<void> {
  const keys = ids.map((id) => documentKey(collection, id))
  const at = new Date(now).toISOString()
  for (const table of tables) {
    for (const column of table.documents ?? []) {
      for (let found = page; found === page; ) {
        const going = await entities.referring({ table, tenant }, column, keys, page, call)
        found = going.length
        if (found > 0) await entities.deleteMany({ table, tenant }, going, at, call)
      }
    }
  }
}
