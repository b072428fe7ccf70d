import type { ChunkChanges } from '../../repositories/chunks'
import type { Tables } from '../../repositories/memory/tables'
import type { Truth, TruthSession } from '../../repositories/truth'
import type { SplitGuard } from './guards'

/**
 * The truth without one of the guards of a rebuild with another splitter. `uncut`: no document is ever found uncut.
 * `both-at-once`: the two targets are not switched in one step. `empty-cut`: a chunk is never removed from a chunking
 * that not all processes know.
 */
export function hindered(truth: Truth, tables: Tables, guard: SplitGuard): Truth {
  const over = (session: TruthSession): TruthSession => {
    const { documents, generations, chunks } = session
    if (guard === 'uncut') {
      return { ...all(session, over), documents: Object.create(documents, { uncut: { value: async () => [] } }) }
    }
    if (guard === 'both-at-once') {
      const late = async (id: number): Promise<boolean> => {
        const { target, chunking, collection } = tables.generations.rows.get(String(id))!
        const beside = [...tables.generations.rows.values()].find(
          (one) => one.target !== target && one.collection === collection && one.state === 'live',
        )
        return target === 'text' && beside?.chunking !== chunking ? true : generations.switch(id)
      }
      return { ...all(session, over), generations: Object.create(generations, { switch: { value: late } }) }
    }
    const apply = (scope: never, chunking: string, changes: ChunkChanges): Promise<void> =>
      chunks.apply(scope, chunking, chunking === 'couples' ? { ...changes, remove: [] } : changes)
    return { ...all(session, over), chunks: Object.create(chunks, { apply: { value: apply } }) }
  }
  return {
    session: (view) => over(truth.session(view)),
    transaction: (view, work, options) => truth.transaction(view, (session) => work(over(session)), options),
  }
}

function all(session: TruthSession, over: (session: TruthSession) => TruthSession): TruthSession {
  const { documents, chunks, embeddings, entities, jobs, errands, generations } = session
  const { commits, registry, blobReferences, audit } = session
  const savepoint: TruthSession['savepoint'] = (work) => session.savepoint((within) => work(over(within)))
  const rest = { generations, commits, registry, blobReferences, audit, savepoint }
  return { documents, chunks, embeddings, entities, jobs, errands, ...rest }
}
