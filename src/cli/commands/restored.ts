import type { Register } from '../command'

/** For a restore that is known of: most are noticed without it. */
export const registerRestored: Register = (program, run) => {
  program
    .command('restored')
    .description('say that Postgres was restored: a new epoch begins, and workers compare every index')
    .action(
      run((context) =>
        context.withStore({ mode: 'read' }, async (store) => {
          const { epoch } = await store.restored()
          context.out.document({ epoch })
          context.out.line(`Epoch ${epoch} has begun; \`headwater relay\` compares every index with Postgres.`)
          return undefined
        }),
      ),
    )
}
