import type { Register } from '../command'
import { exitCodes } from '../exit-codes'

export const registerStatus: Register = (program, run) => {
  program
    .command('status')
    .description('documents, chunks, jobs, indexes and health')
    .action(
      run((context) =>
        context.withStore({ mode: 'read' }, async (store, { profile }) => {
          const { out, tenant, collection, signal } = context
          const { documents } = context.handle(store)
          const [health, generations, count, chunks] = await Promise.all([
            store.health({ signal }),
            store.generations(),
            documents.count(),
            documents.countChunks(),
          ])
          out.document({ profile, tenant, collection, documents: count, chunks, generations, health })
          out.line(`${out.bold(health.status)}: ${count} documents, ${chunks} chunks in ${tenant}/${collection}`)
          for (const [name, { status, latencyMs, ...facts }] of Object.entries(health.connections)) {
            out.line(`${name}: ${status} in ${latencyMs.toFixed(1)} ms, ${String(facts['target'] ?? profile)}`)
          }
          const backlog = health.backlog
          if (backlog) {
            const oldest =
              backlog.oldestMs === null ? '' : `, the oldest ${(backlog.oldestMs / 1_000).toFixed(1)} s old`
            out.line(`jobs: ${backlog.waiting} waiting, ${backlog.claimed} claimed, ${backlog.parked} parked${oldest}`)
          }
          const { errands } = health
          if (errands && errands.waiting + errands.claimed + errands.parked > 0) {
            const nobody = errands.unhandled.length > 0 ? `, handled by nobody: ${errands.unhandled.join(', ')}` : ''
            const { waiting, claimed, parked } = errands
            out.line(`errands: ${waiting} waiting, ${claimed} claimed, ${parked} parked${nobody}`)
          }
          out.line(`workers seen in the last minute: ${health.workers}`)
          for (const notice of health.notices) out.line(`note: ${notice}`)
          await out.table(
            [
              { title: 'index' },
              { title: 'target' },
              { title: 'collection' },
              { title: 'state' },
              { title: 'engine' },
              { title: 'made with', grow: 1 },
              { title: 'cut by' },
            ],
            generations.map(({ name, target, collection, state, engine, fingerprint, language, chunking, error }) => [
              name,
              target,
              collection,
              error === null ? state : `${state}: ${error}`,
              engine ?? '',
              fingerprint ?? language ?? '',
              chunking,
            ]),
          )
          return health.status === 'down' ? exitCodes.failed : exitCodes.ok
        }),
      ),
    )
}
