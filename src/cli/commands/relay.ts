import { systemClock } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import type { Register } from '../command'
import { exitCodes } from '../exit-codes'
import { logWorker } from '../worker-log'
import { serveWorker } from '../worker-server'

interface RelayFlags {
  readonly once?: boolean
  readonly timeout?: string
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
    .option('--metrics-port [port]', `serve /metrics and /health there, or on PROMETHEUS_PORT; ${usualPort} if empty`)
    .option('--metrics-host <address>', 'where it listens: 127.0.0.1 or PROMETHEUS_HOST when left out')
    .action(
      run((context, flags: RelayFlags) =>
        context.withStore({ mode: 'read' }, async (store, { worker }) => {
          const { out, signal } = context
          const port = portOf(flags) ?? worker.prometheusPort
          const info = (text: string): void => {
            if (quietness[worker.logLevel] !== undefined) return
            if (out.json) out.log('info', text)
            else out.notice(text)
          }
          const stopLog = logWorker(worker.logLevel, (...line) => out.log(...line))
          const host = flags.metricsHost ?? worker.prometheusHost
          const server = port === undefined ? undefined : await serveWorker(store, systemClock, { host, port })
          try {
            if (server) info(`Metrics and health on port ${server.port} of ${server.host}.`)
            if (!flags.once) {
              info('Working. SIGINT or SIGTERM ends it.')
              await store.relay.run({ signal })
              info('Ending.')
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
          } finally {
            stopLog()
            await server?.close()
          }
        }),
      ),
    )
}

/** Levels at which a worker does not say what it is about. */
const quietness: Readonly<Record<string, true>> = { warn: true, error: true, fatal: true, silent: true }

function portOf({ metricsPort: given }: RelayFlags): number | undefined {
  if (given === undefined) return undefined
  const port = given === true ? usualPort : Number(given)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new HeadwaterError('HW_INVALID_ARGUMENT', `--metrics-port: must be 0 to 65535, got ${given}`, {
    path: '--metrics-port',
  })
}
