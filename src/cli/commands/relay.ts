import type { Register } from '../command'
import { exitCodes } from '../exit-codes'

interface RelayFlags {
  readonly once?: boolean
  readonly timeout?: string
}

const lastDrainMs = 5_000

export const registerRelay: Register = (program, run) => {
  program
    .command('relay')
    .description('apply jobs to the indexes until SIGINT or SIGTERM')
    .option('--once', 'end when no job is left (for cron)')
    .option('--timeout <seconds>', 'of --once; 30 when left out')
    .action(
      run((context, flags: RelayFlags) =>
        context.withStore({ mode: 'read' }, async (store) => {
          const { out, signal } = context
          if (!flags.once) {
            out.notice('Working. SIGINT or SIGTERM ends it.')
            await store.relay.run({ signal })
            out.notice('Ending.')
          }
          const timeoutMs = flags.once
            ? flags.timeout === undefined
              ? 30_000
              : Number(flags.timeout) * 1_000
            : lastDrainMs
          const result = await store.relay.drain(flags.once ? { timeoutMs, signal } : { timeoutMs })
          out.document(result)
          out.line(`${result.applied} jobs applied at the end, ${result.remaining} left, ${result.parked} parked`)
          if (result.unavailable) out.notice(`${result.unavailable.code}: ${result.unavailable.message}`)
          return flags.once && result.remaining > 0 ? exitCodes.failed : exitCodes.ok
        }),
      ),
    )
}
