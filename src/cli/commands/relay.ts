import { systemClock } from '../../core/clock'
import type { Register } from '../command'
import { exitCodes } from '../exit-codes'
import { loadHandlers } from '../handlers'
import { numberFrom } from '../number-flag'
import { logWorker } from '../worker-log'
import { serveWorker } from '../worker-server'

interface RelayFlags {
  readonly once?: boolean
  readonly timeout?: string
  readonly handlers?: string
  readonly metricsPort?: string | true
  readonly metricsHost?: string
}

const lastDrainMs = 5_000
const usualPort = 8_001

export const registerRelay: Register = (program, run) => {
  program
    .command('relay')
    .description('apply jobs to the indexes until SIGINT or SIGTERM')
    .option('--once', 'end when no job is left (for cron)')
    .option('--timeout <seconds>', 'of --once; 30 when left out')
    .option('--handlers <file>', 'a module that exports handlers of errands by their names')
    .option('--metrics-port [port]', `serve /metrics and /health there, or on PROMETHEUS_PORT; ${usualPort} if empty`)
    .option('--metrics-host <address>', 'where it listens: 127.0.0.1 or PROMETHEUS_HOST when left out')
    .action(
      run(async (context, flags: RelayFlags) => {
        const seconds = numberFrom('--timeout', flags.timeout ?? '30', {
          least: 0,
          most: 2_147_483,
          unit: 'seconds',
          fractions: true,
        })
        const given = portOf(flags)
        return context.withStore({ mode: 'read' }, async (store, { worker }) => {
          const { out, signal } = context
          const port = given ?? worker.prometheusPort
          const info = (text: string): void => {
            if (quietness[worker.logLevel] === undefined) out.notice(text)
          }
          const stopLog = logWorker(worker.logLevel, (...line) => out.log(...line))
          const host = flags.metricsHost ?? worker.prometheusHost
          const server = port === undefined ? undefined : await serveWorker(store, systemClock, { host, port })
          try {
            if (flags.handlers !== undefined) {
              const names = await loadHandlers(store, context.resolve(flags.handlers))
              info(`Handles errands: ${names.join(', ')}.`)
            }
            if (server) info(`Metrics and health on port ${server.port} of ${server.host}.`)
            if (!flags.once) {
              info('Working. SIGINT or SIGTERM ends it.')
              await store.relay.run({ signal })
              info('Ending.')
            }
            const timeoutMs = flags.once ? seconds * 1_000 : lastDrainMs
            const result = await store.relay.drain(flags.once ? { timeoutMs, signal } : { timeoutMs })
            out.document(result)
            out.line(`${result.applied} done at the end, ${result.remaining} left, ${result.parked} parked`)
            const { unavailable } = result
            if (unavailable)
              out.notice(`${unavailable.code}: ${unavailable.message}`, 'warn', { code: unavailable.code })
            return flags.once && result.remaining > 0 ? exitCodes.failed : exitCodes.ok
          } finally {
            stopLog()
            await server?.close()
          }
        })
      }),
    )
}

/** Levels at which a worker does not say what it is about. */
const quietness: Readonly<Record<string, true>> = { warn: true, error: true, fatal: true, silent: true }

function portOf({ metricsPort: given }: RelayFlags): number | undefined {
  return given === true ? usualPort : numberFrom('--metrics-port', given, { least: 0, most: 65_535 })
}
