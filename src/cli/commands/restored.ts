import { HeadwaterError } from '../../core/errors'
import type { Register } from '../command'

const question = 'Receipts of before will be refused, and every index is compared. Was Postgres restored?'
const withoutAsking = 'restored: begins a new epoch, which has no way back, and there is no terminal to ask; add --yes'

/** For a restore that is known of: most are noticed without it. */
export const registerRestored: Register = (program, run) => {
  program
    .command('restored')
    .description('say that Postgres was restored: a new epoch begins, and workers compare every index')
    .option('--yes', 'really; a terminal is asked where it is left out')
    .action(
      run(async (context, { yes }: { readonly yes?: boolean }) => {
        const said = yes ?? (await context.confirm(question))
        if (said === undefined) throw new HeadwaterError('HW_INVALID_ARGUMENT', withoutAsking, { path: '--yes' })
        if (!said) throw new HeadwaterError('HW_ABORTED', 'restored: it was not confirmed, and nothing was done')
        return context.withStore({ mode: 'read' }, async (store) => {
          const { epoch } = await store.restored()
          context.out.document({ epoch })
          context.out.line(`Epoch ${epoch} has begun; \`headwater relay\` compares every index with Postgres.`)
          return undefined
        })
      }),
    )
}
