import type { Register } from '../command'
import { targetFrom } from '../target'

export const registerRollback: Register = (program, run) => {
  program
    .command('rollback')
    .description('go back to the index that was live before the last switch, compared and mended first')
    .requiredOption('--target <target>', 'vector or text')
    .option('--drop', 'drop what is kept for this instead')
    .action(
      run((context, flags: { readonly target: string; readonly drop?: boolean }) => {
        const target = targetFrom(flags.target)
        return context.withStore({ mode: 'read' }, async (store) => {
          const { out, signal, collection } = context
          if (flags.drop) {
            const dropped = await store.dropStandby({ target, collection, signal })
            out.document({ target, collection, dropped })
            out.line(dropped.length > 0 ? `${dropped.join(', ')} was dropped.` : 'Nothing was kept.')
            return undefined
          }
          const result = await store.rollback({ target, collection, signal })
          out.document({ target, collection, ...result })
          const both = result.beside === undefined ? 'is' : `and ${result.beside} are`
          out.line(`${result.generation} ${both} live again: ${result.mended} entries mended before the switch`)
          return undefined
        })
      }),
    )
}
